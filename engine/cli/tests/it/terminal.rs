//! The program as a person sees it: on a terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::place::{until, Place, Running};

/// A terminal of 24 lines and 80 columns, and the program that it controls.
pub(crate) struct Terminal {
    pub(crate) program: Running,
    keyboard: File,
    output: Arc<Mutex<String>>,
}

impl Terminal {
    pub(crate) fn run(place: &Place, arguments: &[&str]) -> Terminal {
        use rustix::pty::{grantpt, openpt, ptsname, unlockpt, OpenptFlags};
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let slave = File::options().read(true).write(true).open(name).unwrap();
        let size = rustix::termios::Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&slave, size).unwrap();
        // A session of its own makes it the one whom Ctrl-C is for.
        let mut command = place.in_environment("setsid");
        command.args(["--ctty", env!("CARGO_BIN_EXE_event-engine")]).args(arguments);
        command.stdin(slave.try_clone().unwrap()).stdout(slave.try_clone().unwrap()).stderr(slave);
        let program = Running { child: command.spawn().unwrap() };
        drop(command);
        let keyboard = File::from(master);
        let output = Arc::new(Mutex::new(String::new()));
        let (mut screen, text) = (keyboard.try_clone().unwrap(), Arc::clone(&output));
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            // It ends with an error when nobody has the terminal open any more.
            while let Ok(size @ 1..) = screen.read(&mut buffer) {
                text.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..size]));
            }
        });
        Terminal { program, keyboard, output }
    }

    pub(crate) fn type_in(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// What it has shown so far.
    pub(crate) fn text(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    /// Waits until it has shown this.
    pub(crate) fn shows(&self, text: &str) {
        until(text, || self.output.lock().unwrap().contains(text).then_some(()));
    }

    /// Waits for the end of the program.
    pub(crate) fn ends(&mut self) -> std::process::ExitStatus {
        until("the end", || self.program.child.try_wait().unwrap())
    }
}
