//! Whether a process can be started on this machine, as far as can be seen without starting it.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::ProcessSpec;

/// Why a process cannot be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandProblem {
    /// The working folder is not there.
    #[error("the working folder {} does not exist", .0.display())]
    NoFolder(PathBuf),
    /// What is said to be the working folder is none.
    #[error("{} is no folder", .0.display())]
    NotAFolder(PathBuf),
    /// The program is in no folder of PATH.
    #[error("the program `{}` is in no folder of PATH", .0.display())]
    NotInPath(OsString),
    /// The program's file is not there.
    #[error("the program {} does not exist", .0.display())]
    NoProgram(PathBuf),
    /// The program's path leads to something that is no file.
    #[error("the program {} is no file", .0.display())]
    NotAFile(PathBuf),
    /// The program's file may not be executed.
    #[error("the program {} is not executable", .0.display())]
    NotExecutable(PathBuf),
    /// The program is a script whose first line names a program that is not there.
    #[error("the script {} asks for the interpreter {}, which does not exist", script.display(), interpreter.display())]
    NoInterpreter {
        /// The script.
        script: PathBuf,
        /// What its first line names.
        interpreter: PathBuf,
    },
}

impl CommandProblem {
    /// What to do about it.
    #[cfg(feature = "application")]
    pub(crate) fn help(&self) -> &'static str {
        match self {
            CommandProblem::NoFolder(_) | CommandProblem::NotAFolder(_) => {
                "make it, or correct `dir`: it is relative to the file's folder"
            }
            CommandProblem::NotInPath(_) => {
                "install it, or say its path: with a slash it is relative to the plugin's folder, as in \"./scorer\""
            }
            CommandProblem::NoProgram(_) => "build it, or correct the path: it is relative to the plugin's folder",
            CommandProblem::NotAFile(_) => "say the path of a program",
            CommandProblem::NotExecutable(_) => "chmod +x it, or say the interpreter first, as in [\"python3\", \"scorer.py\"]",
            CommandProblem::NoInterpreter { .. } => "install it, or correct the script's first line",
        }
    }

    #[cfg(feature = "application")]
    pub(crate) fn is_of_folder(&self) -> bool {
        matches!(self, CommandProblem::NoFolder(_) | CommandProblem::NotAFolder(_))
    }
}

impl ProcessSpec {
    /// Says why the process could not be started at this moment, as far as can be seen without starting it.
    ///
    /// # Errors
    /// [`CommandProblem`], the first one.
    pub fn check(&self) -> Result<(), CommandProblem> {
        let own = self.env.iter().rev().find(|(name, _)| name == "PATH").map(|(_, value)| value.clone());
        check(self, own.or_else(|| std::env::var_os("PATH")).as_deref())
    }
}

fn check(process: &ProcessSpec, path: Option<&OsStr>) -> Result<(), CommandProblem> {
    let folder = process.dir.as_deref().unwrap_or(Path::new("."));
    match fs::metadata(folder) {
        Err(_) => return Err(CommandProblem::NoFolder(folder.to_path_buf())),
        Ok(metadata) if !metadata.is_dir() => return Err(CommandProblem::NotAFolder(folder.to_path_buf())),
        Ok(_) => {}
    }
    let program = if process.program.as_encoded_bytes().contains(&b'/') {
        let program = folder.join(&process.program);
        match fs::metadata(&program) {
            Err(_) => return Err(CommandProblem::NoProgram(tidy(&program))),
            Ok(metadata) if !metadata.is_file() => return Err(CommandProblem::NotAFile(tidy(&program))),
            Ok(metadata) if !executable(&metadata) => {
                return Err(CommandProblem::NotExecutable(tidy(&program)))
            }
            Ok(_) => program,
        }
    } else {
        found(&process.program, folder, path)
            .ok_or_else(|| CommandProblem::NotInPath(process.program.clone()))?
    };
    match interpreter(&program) {
        Some(interpreter) if !folder.join(&interpreter).exists() => {
            Err(CommandProblem::NoInterpreter { script: tidy(&program), interpreter })
        }
        _ => Ok(()),
    }
}

/// Without the `./` within it.
fn tidy(path: &Path) -> PathBuf {
    path.components().collect()
}

/// The program in the first folder of PATH that has it.
fn found(program: &OsStr, folder: &Path, path: Option<&OsStr>) -> Option<PathBuf> {
    let folders = std::env::split_paths(path.unwrap_or(OsStr::new("/bin:/usr/bin"))).collect::<Vec<_>>();
    let candidates = folders.into_iter().map(|of_path| folder.join(of_path).join(program));
    candidates.into_iter().find(|candidate| {
        fs::metadata(candidate).is_ok_and(|metadata| metadata.is_file() && executable(&metadata))
    })
}

#[cfg(unix)]
fn executable(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn executable(_: &fs::Metadata) -> bool {
    true
}

/// What the first line of a script names.
fn interpreter(program: &Path) -> Option<PathBuf> {
    let mut head = Vec::new();
    File::open(program).ok()?.take(256).read_to_end(&mut head).ok()?;
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    line.split_whitespace().next().map(PathBuf::from)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A folder of this test's own, removed at its end.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            let folder = std::env::temp_dir().join(format!("event-engine-commands-{}", uuid::Uuid::new_v4()));
            fs::create_dir_all(&folder).unwrap();
            Folder(folder)
        }

        fn file(&self, name: &str, text: &str, mode: u32) {
            let path = self.0.join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }

        fn check(&self, program: &str, path: &str) -> Result<(), CommandProblem> {
            let process = ProcessSpec { dir: Some(self.0.clone()), ..ProcessSpec::new(program) };
            check(&process, Some(OsStr::new(path)))
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn programs_are_found_as_a_shell_finds_them() {
        let folder = Folder::new();
        folder.file("good", "#!/bin/sh\n", 0o755);
        folder.file("text", "", 0o644);
        folder.file("lost", "#!/nowhere/python -u\n", 0o755);
        fs::create_dir(folder.0.join("bin")).unwrap();
        folder.file("bin/tool", "\x7fELF", 0o755);
        folder.file("bin/data", "", 0o644);
        let at = |name: &str| folder.0.join(name);

        assert_eq!(folder.check("./good", ""), Ok(()));
        assert_eq!(folder.check("good", "/nowhere"), Err(CommandProblem::NotInPath("good".into())));
        assert_eq!(folder.check("tool", "/nowhere:bin"), Ok(()));
        assert_eq!(folder.check("data", "bin"), Err(CommandProblem::NotInPath("data".into())));
        assert_eq!(folder.check("./gone", ""), Err(CommandProblem::NoProgram(at("gone"))));
        assert_eq!(folder.check("./bin", ""), Err(CommandProblem::NotAFile(at("bin"))));
        assert_eq!(folder.check("./text", ""), Err(CommandProblem::NotExecutable(at("text"))));
        let interpreter = PathBuf::from("/nowhere/python");
        assert_eq!(
            folder.check("./lost", ""),
            Err(CommandProblem::NoInterpreter { script: at("lost"), interpreter })
        );
    }

    #[test]
    fn working_folders_must_be_there() {
        let folder = Folder::new();
        folder.file("text", "", 0o644);
        let check = |dir: &str| {
            let dir = Some(folder.0.join(dir));
            ProcessSpec { dir, ..ProcessSpec::new("/bin/sh") }.check()
        };
        assert_eq!(check("."), Ok(()));
        assert_eq!(check("gone"), Err(CommandProblem::NoFolder(folder.0.join("gone"))));
        assert_eq!(check("text"), Err(CommandProblem::NotAFolder(folder.0.join("text"))));
    }

    #[test]
    fn a_path_of_the_plugins_own_counts() {
        let folder = Folder::new();
        folder.file("tool", "", 0o755);
        let mut process = ProcessSpec::new("tool");
        assert_eq!(process.check(), Err(CommandProblem::NotInPath("tool".into())));
        process.env.push(("PATH".into(), folder.0.clone().into()));
        assert_eq!(process.check(), Ok(()));
    }
}
