//! `top`: as data, as a table, and on a terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::sync::{Arc, Mutex};
use std::thread;

use rustix::process::Signal;
use serde_json::Value;

use crate::place::{until, Place, Running};

/// The screen is left.
const LEFT: &str = "\x1b[?1049l";

#[test]
fn an_object_for_each_interval() {
    let place = Place::new();
    let _application = place.application("one");
    place.run(&["pub", "RE1"]).well();
    let text = place.run(&["top", "--json", "-n", "2", "--interval", "100ms"]).well();
    let samples: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(samples.len(), 2);
    for sample in samples {
        assert_eq!((&sample["application"], &sample["accepted"]), (&"one".into(), &1.into()));
        assert_eq!(sample["accepted-per-s"], 0.0);
        assert_eq!(
            (&sample["plugins"][1]["name"], &sample["plugins"][1]["queued"]),
            (&"absent".into(), &1.into())
        );
    }
}

#[test]
fn a_table_when_nobody_looks() {
    let place = Place::new();
    let _application = place.application("one");
    for arguments in [&["top", "--once", "--interval", "100ms"][..], &["top", "--interval", "100ms"]] {
        let text = place.run(arguments).well();
        assert!(text.starts_with("one: running for "), "{text}");
        assert!(text.contains("\nPLUGIN  STATE") && text.contains("\nabsent  "), "{text}");
    }
}

/// A terminal with a program on it.
struct Terminal {
    program: Running,
    keyboard: File,
    output: Arc<Mutex<String>>,
}

impl Terminal {
    fn run(place: &Place, arguments: &[&str]) -> Terminal {
        use rustix::pty::{grantpt, openpt, ptsname, unlockpt, OpenptFlags};
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let slave = File::options().read(true).write(true).open(name).unwrap();
        let size = rustix::termios::Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&slave, size).unwrap();
        let mut command = place.command(arguments);
        command.stdin(slave.try_clone().unwrap()).stdout(slave.try_clone().unwrap()).stderr(slave);
        let program = Running::start(&mut command);
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

    fn shows(&self, text: &str) {
        until(text, || self.output.lock().unwrap().contains(text).then_some(()));
    }

    fn ends(&mut self) -> std::process::ExitStatus {
        until("the end", || self.program.child.try_wait().unwrap())
    }
}

#[test]
fn q_quits_and_gives_the_terminal_back() {
    let place = Place::new();
    let _application = place.application("one");
    let mut terminal = Terminal::run(&place, &["top", "--interval", "100ms"]);
    terminal.shows("absent");
    terminal.shows("balances");
    terminal.keyboard.write_all(b"q").unwrap();
    assert!(terminal.ends().success());
    terminal.shows(LEFT);
}

#[test]
fn it_ends_with_the_application() {
    let place = Place::new();
    let application = place.application("one");
    let mut terminal = Terminal::run(&place, &["top", "--interval", "100ms"]);
    terminal.shows("absent");
    application.stop();
    application.wait();
    assert!(terminal.ends().success());
    terminal.shows("one has ended");
    terminal.shows(LEFT);
}

#[test]
fn a_signal_ends_it_and_the_terminal_is_given_back() {
    let place = Place::new();
    let _application = place.application("one");
    let mut terminal = Terminal::run(&place, &["top", "--interval", "100ms"]);
    terminal.shows("absent");
    terminal.program.signal(Signal::TERM);
    assert_eq!(terminal.ends().signal(), Some(15));
    terminal.shows(LEFT);
}
