//! Text files of the repository, and problems that point into them.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// One disagreement, to be shown to a person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Path relative to the top of the repository.
    pub path: String,
    /// Line, from 1.
    pub line: usize,
    /// What disagrees and what to do.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.text)
    }
}

/// A file that was read.
#[derive(Debug, Clone)]
pub struct Source {
    /// Path relative to the top of the repository, with `/`.
    pub path: String,
    /// Its text.
    pub text: String,
}

impl Source {
    /// Reads `path` below `root`.
    ///
    /// # Errors
    /// A problem at line 1 if the file cannot be read or is not UTF-8.
    pub fn read(root: &Path, path: &str) -> Result<Self, Problem> {
        match fs::read_to_string(root.join(path)) {
            Ok(text) => Ok(Self { path: path.to_owned(), text }),
            Err(error) => {
                Err(Problem { path: path.to_owned(), line: 1, text: format!("cannot be read: {error}") })
            }
        }
    }

    /// Makes a problem at a byte offset of the text.
    pub fn problem(&self, offset: usize, text: impl Into<String>) -> Problem {
        let before = self.text.bytes().take(offset);
        Problem {
            path: self.path.clone(),
            line: 1 + before.filter(|byte| *byte == b'\n').count(),
            text: text.into(),
        }
    }

    /// Makes a problem at a line, from 1.
    pub fn problem_at_line(&self, line: usize, text: impl Into<String>) -> Problem {
        Problem { path: self.path.clone(), line, text: text.into() }
    }

    /// Makes a problem at the first place where `needle` stands, else at line 1.
    pub fn problem_at(&self, needle: &str, text: impl Into<String>) -> Problem {
        self.problem(self.text.find(needle).unwrap_or(0), text)
    }
}

/// Lists the files below `folder` whose names end with `ending`, as sorted paths relative to `root`.
///
/// Folders named in `skip` and those whose names begin with a dot are left out; an absent folder has no files.
pub fn files_below(root: &Path, folder: &str, ending: &str, skip: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(root.join(&folder)) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = folder.join(&name);
            if name.starts_with('.') || skip.contains(&name.as_str()) {
                continue;
            }
            if entry.path().is_dir() {
                folders.push(path);
            } else if name.ends_with(ending) {
                found.push(path.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.sort();
    found
}
