//! Running the program, and applications for it to look at.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use event_engine::{Builder, Handle, PluginSpec};

/// Longer than anything here takes, on the slowest machine.
pub(crate) const LONG: Duration = Duration::from_secs(120);

/// Where nothing can be written to.
pub(crate) fn full() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

/// A folder where applications run and the program is used.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Place {
        Place { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The program with these arguments, in the folder, with control sockets below it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.in_environment(env!("CARGO_BIN_EXE_event-engine"));
        command.args(arguments);
        command
    }

    /// Some program, as the program is run by [`Place::command`].
    pub(crate) fn in_environment(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.path())
            .env("XDG_RUNTIME_DIR", self.path())
            .env("TERM", "xterm-256color")
            .env_remove("EVENT_ENGINE_SDKS")
            .env_remove("NO_COLOR")
            .stdin(Stdio::null());
        command
    }

    /// What it says, and its exit code.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        Said::of(self.command(arguments).output().unwrap())
    }

    /// Its exit code, when nobody reads what it writes on stdout and stderr.
    pub(crate) fn unread(&self, arguments: &[&str]) -> Option<i32> {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        self.written_to(writer.try_clone().unwrap(), writer, arguments)
    }

    /// Its exit code, when what it writes goes there.
    pub(crate) fn written_to(
        &self,
        stdout: impl Into<Stdio>,
        stderr: impl Into<Stdio>,
        arguments: &[&str],
    ) -> Option<i32> {
        let mut command = self.command(arguments);
        let mut running = Running::start(command.stdout(stdout).stderr(stderr));
        until("its end", || running.child.try_wait().unwrap()).code()
    }

    /// The control socket of an application.
    pub(crate) fn socket(&self, name: &str) -> PathBuf {
        self.path().join("event-engine").join(format!("{name}.sock"))
    }

    /// An application: `sink` takes every reading, for `absent` they wait.
    pub(crate) fn application(&self, name: &str) -> Handle {
        Builder::new()
            .name(name)
            .control_socket(self.socket(name))
            .event_type("reading", "RE")
            .stop_within(Duration::from_millis(500))
            .plugin(PluginSpec::new("sink").subscribe("RE"), |context| loop {
                context.next_event()?;
            })
            .external(PluginSpec::new("absent").subscribe("RE").publishes("reading"), 0)
            .start()
            .unwrap()
    }
}

/// What a run of the program said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    pub(crate) fn of(output: Output) -> Said {
        Said {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Its stdout, if it ended well.
    #[track_caller]
    pub(crate) fn well(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// Its stderr, if it ended with this code.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        self.stderr
    }
}

/// Waits until there is something.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut there: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LONG;
    loop {
        if let Some(found) = there() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} did not come within {LONG:?}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// A process in a group of its own, which ends with this.
pub(crate) struct Running {
    pub(crate) child: Child,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Running {
        use std::os::unix::process::CommandExt;
        Running { child: command.process_group(0).spawn().unwrap() }
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let group = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process_group(group, signal);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that was waited for is gone, and its number may be another's.
        if let Ok(None) = self.child.try_wait() {
            self.signal(rustix::process::Signal::KILL);
            let _ = self.child.wait();
        }
    }
}
