//! Turns: of several runners that open the same socket at the same time, one looks at it after the other.
//!
//! The lock is on a file beside the socket, which only this user may open, and goes with it. Whoever has the lock removes the file
//! before he lets go, and whoever gets a lock looks whether its file is still there: else it is nobody's, and he tries again.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{flock, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(5);

/// A turn, until this is dropped.
pub(super) struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Waits at most so long for a turn at `socket`.
    ///
    /// # Errors
    /// What is in the way, and what to do.
    pub(super) fn take(socket: &Path, within: Duration) -> Result<Self, String> {
        let path = path_beside(socket).ok_or("it is no path of a file")?;
        let deadline = Instant::now() + within;
        loop {
            let taken = open(&path).and_then(|file| try_lock(&path, file));
            let in_the_way = |what| format!("the lock file {} {what}", path.display());
            if let Some(file) = taken.map_err(in_the_way)? {
                return Ok(Lock { path, _file: file });
            }
            if Instant::now() >= deadline {
                return Err(in_the_way(format!(
                    "was held by another process of this user for {within:?}; end that one (`fuser` names it), or choose another path"
                )));
            }
            thread::sleep(PAUSE);
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// `.app.sock.lock` for `app.sock`: no application's name begins with a dot.
fn path_beside(socket: &Path) -> Option<PathBuf> {
    let mut name = OsString::from(".");
    name.push(socket.file_name()?);
    name.push(".lock");
    Some(socket.with_file_name(name))
}

/// Opens or makes the file. What is not a file of this user's is left alone.
fn open(path: &Path) -> Result<File, String> {
    // Not to wait for the other end of a pipe, should it be one.
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let refused =
        |error: io::Error| format!("could not be opened: {error}; remove it or choose another path");
    let file: File =
        rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR).map_err(|error| refused(error.into()))?.into();
    let found = file.metadata().map_err(refused)?;
    if !found.is_file() {
        return Err("is no file; remove it or choose another path".into());
    }
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err("belongs to another user; remove it or choose another path".into());
    }
    Ok(file)
}

/// The file with its lock; none if somebody else has that, or had it and has removed the file.
fn try_lock(path: &Path, file: File) -> Result<Option<File>, String> {
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK | Errno::INTR) => return Ok(None),
        Err(error) => return Err(format!("could not be locked: {error}; choose another path")),
    }
    let is_there = file.metadata().is_ok_and(|own| {
        fs::symlink_metadata(path).is_ok_and(|found| (own.dev(), own.ino()) == (found.dev(), found.ino()))
    });
    Ok(is_there.then_some(file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::env;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn one_has_it_at_a_time_and_nothing_is_left() {
        const THREADS: u32 = 4;
        const TURNS: u32 = 200;
        let folder = env::temp_dir().join(format!("ee-lock-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let socket = folder.join("app.sock");
        let (inside, turns) = (AtomicU32::new(0), AtomicU32::new(0));
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..TURNS {
                        let lock = Lock::take(&socket, Duration::from_secs(60)).unwrap();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        turns.fetch_add(1, Ordering::SeqCst);
                        assert_eq!(inside.fetch_sub(1, Ordering::SeqCst), 1);
                        drop(lock);
                    }
                });
            }
        });
        assert_eq!(turns.into_inner(), THREADS * TURNS);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        // What a killed one left is taken over.
        let left = folder.join(".app.sock.lock");
        fs::write(&left, "").unwrap();
        let lock = Lock::take(&socket, Duration::ZERO).unwrap();
        let error = Lock::take(&socket, Duration::ZERO).err().unwrap();
        assert!(error.contains("was held by another process"), "{error}");
        drop(lock);
        assert!(!left.exists());
        let lock = Lock::take(&socket, Duration::ZERO).unwrap();
        assert_eq!(fs::metadata(&left).unwrap().mode() & 0o777, 0o600);
        drop(lock);
        fs::remove_dir_all(&folder).unwrap();
    }
}
