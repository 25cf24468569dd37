//! What a process prints, passed on by a thread of its own: who is slow to take it holds up the process that prints, but not
//! those who look after it.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Child;
use std::sync::mpsc::{channel, Receiver};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::event::{poll, PollFd, PollFlags};

use super::children::{Children, Member};
use super::output::{Lines, Output, Stream};
use crate::wake::Waker;

/// So much is read at once, in bytes.
const READ_BYTES: usize = 16 << 10;
/// What a process has left behind is read in so many pieces at most: a pipe holds 64 KiB.
const LAST_READS: usize = 64;

/// The output of one process.
pub(super) struct Pipes {
    over: Arc<Waker>,
    /// Hung up by the thread at its end.
    done: Receiver<()>,
}

impl Pipes {
    /// Begins to pass on what `child` prints.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn forward(children: &Arc<Children>, member: &Member, child: &mut Child) -> io::Result<Pipes> {
        let over = Waker::new()?;
        let pipes = [
            Pipe::new(Stream::Stdout, child.stdout.take().map(OwnedFd::from))?,
            Pipe::new(Stream::Stderr, child.stderr.take().map(OwnedFd::from))?,
        ];
        let (running, done) = channel::<()>();
        let (children, plugin, replica) = (Arc::clone(children), Arc::clone(&member.name), member.replica);
        let waker = Arc::clone(&over);
        let name = format!("ee-output {}", member.name).replace('\0', " ");
        thread::Builder::new().name(name).spawn(move || {
            let _running = running;
            forward(pipes, &waker, &|stream, bytes| {
                children.say(&Output { plugin: &plugin, replica, stream, bytes });
            });
        })?;
        Ok(Pipes { over, done })
    }

    /// The process is gone: passes on what it has left behind. Whether that was done within `within`; the thread goes on with it
    /// otherwise.
    pub(super) fn end(self, within: Duration) -> bool {
        self.over.wake();
        self.done.recv_timeout(within) != Err(std::sync::mpsc::RecvTimeoutError::Timeout)
    }
}

/// Passes on what comes, until both pipes have ended or the process has.
fn forward(mut pipes: [Pipe; 2], over: &Waker, say: &dyn Fn(Stream, &[u8])) {
    let mut is_over = false;
    while !is_over {
        let mut fds = vec![PollFd::new(over, PollFlags::IN)];
        fds.extend(
            pipes.iter().filter_map(|pipe| pipe.file.as_ref()).map(|file| PollFd::new(file, PollFlags::IN)),
        );
        if fds.len() == 1 {
            return;
        }
        if !matches!(poll(&mut fds, None), Ok(_) | Err(rustix::io::Errno::INTR)) {
            break;
        }
        is_over = fds.first().is_some_and(|fd| !fd.revents().is_empty());
        drop(fds);
        for pipe in &mut pipes {
            pipe.read(say);
        }
    }
    for pipe in &mut pipes {
        // What is in the pipe now was its own. Whoever else still has it open holds nothing up.
        for _ in 0..LAST_READS {
            if !pipe.read(say) {
                break;
            }
        }
        pipe.end(say);
    }
}

/// One of the two.
struct Pipe {
    stream: Stream,
    file: Option<File>,
    lines: Lines,
}

impl Pipe {
    fn new(stream: Stream, fd: Option<OwnedFd>) -> io::Result<Self> {
        if let Some(fd) = &fd {
            rustix::io::ioctl_fionbio(fd.as_fd(), true)?;
        }
        Ok(Pipe { stream, file: fd.map(File::from), lines: Lines::default() })
    }

    /// Reads what is there, but not for ever; whether there may be more.
    fn read(&mut self, say: &dyn Fn(Stream, &[u8])) -> bool {
        let Some(file) = &mut self.file else { return false };
        let mut buffer = [0; READ_BYTES];
        match file.read(&mut buffer) {
            Ok(size @ 1..) => {
                let stream = self.stream;
                let read = buffer.get(..size).unwrap_or_default();
                self.lines.read(read, &mut |bytes| say(stream, bytes));
                true
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                false
            }
            Ok(_) | Err(_) => {
                self.end(say);
                false
            }
        }
    }

    /// Nothing more comes.
    fn end(&mut self, say: &dyn Fn(Stream, &[u8])) {
        let stream = self.stream;
        self.file = None;
        self.lines.end(&mut |bytes| say(stream, bytes));
    }
}
