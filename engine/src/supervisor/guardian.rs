//! Sees to it that no process of an application outlives its engine, however that ends.
//!
//! The system does not end a process's children with it. So a shell waits at a pipe that the engine holds: it is told of each
//! process group, and kills those that are left when the pipe is closed, which the system does for an engine that was killed.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};

use parking_lot::Mutex;

/// `+ ID` and `- ID` on its standard input, and the end of it.
const SCRIPT: &str = include_str!("guardian.sh");

/// The shell that waits.
pub(crate) struct Guardian {
    shell: Mutex<Option<(Child, ChildStdin)>>,
}

impl Guardian {
    /// Starts it, in a process group of its own: what a terminal sends to the engine's is not for it.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn start() -> io::Result<Self> {
        let mut shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "event-engine-guardian"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            .process_group(0)
            .spawn()?;
        let pipe = shell.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Guardian { shell: Mutex::new(Some((shell, pipe))) })
    }

    /// From now on `group` ends with the engine.
    pub(super) fn watch(&self, group: u32) {
        self.tell(&format!("+ {group}\n"));
    }

    /// `group` has ended: its number may be given to others.
    pub(super) fn forget(&self, group: u32) {
        self.tell(&format!("- {group}\n"));
    }

    fn tell(&self, line: &str) {
        if let Some((_, pipe)) = self.shell.lock().as_mut() {
            if let Err(error) = pipe.write_all(line.as_bytes()) {
                tracing::error!("the process that ends plugins when the engine is killed is gone: {error}");
            }
        }
    }
}

impl Guardian {
    /// Lets it go: no process is left, so that it has nothing to do any more, whatever state it is in.
    pub(super) fn end(&self) {
        if let Some((mut shell, _pipe)) = self.shell.lock().take() {
            let _ = shell.kill();
            let _ = shell.wait();
        }
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        // Of an application that has not ended: the shell does its work.
        if let Some((mut shell, pipe)) = self.shell.lock().take() {
            drop(pipe);
            let _ = shell.wait();
        }
    }
}
