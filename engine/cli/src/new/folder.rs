//! A new folder: it was not there before, and is there whole or not at all.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::exit::Problem;

/// A folder that is removed again, with all that is in it, unless it is kept.
#[derive(Debug)]
pub(super) struct NewFolder {
    path: PathBuf,
    kept: bool,
}

impl NewFolder {
    /// Makes the folder.
    ///
    /// # Errors
    /// [`Problem::Wrong`], if something is there already, or [`Problem::Failed`].
    pub(super) fn make(path: &Path) -> Result<NewFolder, Problem> {
        fs::create_dir(path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Problem::Wrong(format!(
                "{} is already there and is left as it is: choose another name",
                path.display()
            )),
            io::ErrorKind::NotFound => {
                Problem::Wrong(format!("{} cannot be made: the folder for it is not there", path.display()))
            }
            _ => failed(path, &error),
        })?;
        Ok(NewFolder { path: path.to_path_buf(), kept: false })
    }

    /// Writes a file, `path` within the folder.
    ///
    /// # Errors
    /// [`Problem::Failed`].
    pub(super) fn write(&self, path: &str, text: &str, executable: bool) -> Result<(), Problem> {
        let path = self.path.join(path);
        let fault = |error| failed(&path, &error);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(fault)?;
        }
        fs::write(&path, text).map_err(fault)?;
        if executable {
            // Whoever may read it may run it.
            let mode = fs::metadata(&path).map_err(fault)?.permissions().mode();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode | ((mode & 0o444) >> 2)))
                .map_err(fault)?;
        }
        Ok(())
    }

    /// Keeps it.
    pub(super) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn failed(path: &Path, error: &io::Error) -> Problem {
    Problem::Failed(format!("{} could not be written: {error}", path.display()))
}
