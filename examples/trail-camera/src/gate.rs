//! A gate that a process waits at: a locked file. `scorer/start.sh` stands on the other side.

use std::fs::File;
use std::io;
use std::path::Path;

/// A shut gate. Dropping it opens it; so does the end of this process, however it ends.
#[derive(Debug)]
pub struct Gate {
    _locked: File,
}

impl Gate {
    /// Shuts the gate at `path`, which becomes a file.
    ///
    /// # Errors
    /// Those of making and locking the file; `WouldBlock` when somebody else holds it shut.
    pub fn shut(path: &Path) -> io::Result<Self> {
        let file = File::create(path)?;
        file.try_lock()?;
        Ok(Gate { _locked: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_shut_until_it_is_dropped() {
        let path = std::env::temp_dir().join(format!("trail-camera-gate-{}", std::process::id()));
        let gate = Gate::shut(&path).expect("a gate");
        let other = File::open(&path).expect("its file");
        assert!(other.try_lock_shared().is_err());
        drop(gate);
        other.try_lock_shared().expect("it is open");
        std::fs::remove_file(&path).expect("it was there");
    }
}
