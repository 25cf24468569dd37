//! Sees to it that nothing that this program has started outlives it, even if it is killed.
//!
//! The system does not end a process's children with it. So a shell waits at a pipe: it is told of each process group, and kills
//! those that are left when the pipe is closed, which the system does for whoever is killed.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{ChildStdin, Command, Stdio};

/// The same that ends the plugins of an engine that is killed.
const SCRIPT: &str = include_str!("../../engine/src/supervisor/guardian.sh");

/// The shell that waits; none where there is no shell.
pub(crate) struct Guardian(Option<ChildStdin>);

impl Guardian {
    /// Starts it, in a process group of its own: what a terminal sends to this program's is not for it.
    pub(crate) fn start() -> Self {
        let shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "conformance-guardian"])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            .process_group(0)
            .spawn();
        Self(shell.ok().and_then(|mut shell| shell.stdin.take()))
    }

    /// From now on the group ends with this program.
    pub(crate) fn watch(&mut self, group: i32) {
        self.tell(&format!("+ {group}\n"));
    }

    /// The group has ended: its number may be given to others.
    pub(crate) fn forget(&mut self, group: i32) {
        self.tell(&format!("- {group}\n"));
    }

    fn tell(&mut self, line: &str) {
        if let Some(pipe) = &mut self.0 {
            let _ = pipe.write_all(line.as_bytes());
        }
    }
}
