//! A testee's process, and everything that it starts: they live in a process group of their own, and end together.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{kill_process_group, waitid, Pid, Signal, WaitId, WaitIdOptions};

use crate::interrupt;

/// So much of what a process prints is kept.
const OUTPUT_MAX_BYTES: usize = 4 << 10;
/// How long the pipes of a process that has ended are waited for. One that left its group may keep them open.
const DRAIN: Duration = Duration::from_millis(500);

/// A process and its group.
pub(crate) struct Process {
    child: Child,
    /// How it ended. Once this is known its id may be another one's.
    ended: Option<ExitStatus>,
    printed: Arc<Printed>,
}

impl Process {
    /// Starts it; `address` is where it has to connect to.
    pub(crate) fn start(command: &[String], address: &str) -> Result<Self, String> {
        let (program, arguments) = command.split_first().ok_or("there is no command")?;
        let mut child = Command::new(program)
            .args(arguments)
            .env("CONFORMANCE_ADDRESS", address)
            .env_remove("EVENT_ENGINE_ENDPOINT")
            .env_remove("EVENT_ENGINE_BIND")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| format!("cannot start `{}`: {error}", command.join(" ")))?;
        let printed = Arc::<Printed>::default();
        if let Some(pipe) = child.stdout.take() {
            printed.keep(pipe);
        }
        if let Some(pipe) = child.stderr.take() {
            printed.keep(pipe);
        }
        let process = Self { child, ended: None, printed };
        process.pid().map_or(Ok(()), interrupt::started)?;
        Ok(process)
    }

    /// Its id, while it runs.
    pub(crate) fn pid(&self) -> Option<Pid> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        pid.filter(|_| self.ended.is_none())
    }

    /// How it ended; nothing while it runs. What it has started ends with it.
    pub(crate) fn status(&mut self) -> Option<ExitStatus> {
        let pid = self.pid();
        // It stays a zombie, so that its group cannot be taken for another one.
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        if pid.is_some_and(|pid| !matches!(waitid(WaitId::Pid(pid), look), Ok(None))) {
            self.kill();
        }
        self.ended
    }

    /// Ends it with everything that it started, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        let Some(pid) = self.pid() else { return };
        let _ = kill_process_group(pid, Signal::KILL);
        let _ = self.child.kill();
        interrupt::ended(pid);
        self.ended = self.child.wait().ok();
        self.printed.drain();
    }

    /// What it printed, the end of it.
    pub(crate) fn output(&self) -> String {
        String::from_utf8_lossy(&self.printed.lock().end).into_owned()
    }

    /// Forgets what it printed.
    pub(crate) fn forget_output(&self) {
        self.printed.lock().end.clear();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What comes from a process's pipes.
#[derive(Default)]
struct Printed {
    kept: Mutex<Kept>,
    closed: Condvar,
}

#[derive(Default)]
struct Kept {
    end: Vec<u8>,
    pipes: usize,
}

impl Printed {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a pipe until it is closed, whatever comes: a process must not be held up by what it prints.
    fn keep(self: &Arc<Self>, mut pipe: impl Read + Send + 'static) {
        self.lock().pipes += 1;
        let printed = Arc::clone(self);
        std::thread::spawn(move || {
            let mut piece = [0; 16 << 10];
            while let Ok(count @ 1..) = pipe.read(&mut piece) {
                let end = &mut printed.lock().end;
                end.extend_from_slice(piece.get(..count).unwrap_or_default());
                let excess = end.len().saturating_sub(OUTPUT_MAX_BYTES);
                end.drain(..excess);
            }
            printed.lock().pipes -= 1;
            printed.closed.notify_all();
        });
    }

    /// Waits until all was read.
    fn drain(&self) {
        drop(self.closed.wait_timeout_while(self.lock(), DRAIN, |kept| kept.pipes > 0));
    }
}
