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
    /// This user may not enter the working folder, or a folder on the way to it.
    #[error("the folder {} may not be entered by this user", .0.display())]
    FolderClosed(PathBuf),
    /// The program is in no folder of PATH.
    #[error("the program `{}` is in no folder of PATH", .0.display())]
    NotInPath(OsString),
    /// The program's file is not there.
    #[error("the program {} does not exist", .0.display())]
    NoProgram(PathBuf),
    /// This user may not enter a folder on the way to the program.
    #[error("the program {} cannot be reached: the folder {} may not be entered by this user", program.display(), folder.display())]
    ProgramClosed {
        /// The program.
        program: PathBuf,
        /// The folder.
        folder: PathBuf,
    },
    /// The program's path leads to something that is no file.
    #[error("the program {} is no file", .0.display())]
    NotAFile(PathBuf),
    /// The program's file may not be executed by this user.
    #[error("the program {} is not executable for this user", .0.display())]
    NotExecutable(PathBuf),
    /// The program is a script whose first line names a program that is not there.
    #[error("the script {} asks for the interpreter {}, which does not exist", script.display(), interpreter.display())]
    NoInterpreter {
        /// The script.
        script: PathBuf,
        /// What its first line names.
        interpreter: PathBuf,
    },
    /// The program is a script whose first line names something that this user may not execute.
    #[error("the script {} asks for the interpreter {}, which is not executable for this user", script.display(), interpreter.display())]
    InterpreterNotExecutable {
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
            CommandProblem::FolderClosed(_) => {
                "chmod +x it for this user, or choose another `dir`: it is relative to the file's folder"
            }
            CommandProblem::NotInPath(_) => {
                "install it, or say its path: with a slash it is relative to the plugin's folder, as in \"./scorer\""
            }
            CommandProblem::NoProgram(_) => "build it, or correct the path: it is relative to the plugin's folder",
            CommandProblem::ProgramClosed { .. } => {
                "chmod +x the folder for this user, or correct the path: it is relative to the plugin's folder"
            }
            CommandProblem::NotAFile(_) => "say the path of a program",
            CommandProblem::NotExecutable(_) => "chmod +x it, or say the interpreter first, as in [\"python3\", \"scorer.py\"]",
            CommandProblem::NoInterpreter { .. } => "install it, or correct the script's first line",
            CommandProblem::InterpreterNotExecutable { .. } => "chmod +x it, or correct the script's first line",
        }
    }

    #[cfg(feature = "application")]
    pub(crate) fn is_of_folder(&self) -> bool {
        matches!(
            self,
            CommandProblem::NoFolder(_) | CommandProblem::NotAFolder(_) | CommandProblem::FolderClosed(_)
        )
    }
}

impl ProcessSpec {
    /// Says why the process could not be started at this moment, as far as can be seen without starting it.
    ///
    /// # Errors
    /// [`CommandProblem`], the first one.
    pub fn check(&self) -> Result<(), CommandProblem> {
        check_folder(self.folder(), may_execute)?;
        check_program(self, self.path().as_deref(), may_execute)
    }

    /// All that can be said at once: of the folder, and of the program as far as it does not depend on the folder. Nothing is
    /// said of an empty program.
    #[cfg(feature = "application")]
    pub(crate) fn problems(&self) -> Vec<CommandProblem> {
        let of_folder = check_folder(self.folder(), may_execute).err();
        let relative =
            self.program.as_encoded_bytes().contains(&b'/') && Path::new(&self.program).is_relative();
        let unknown = self.program.is_empty() || (relative && of_folder.is_some());
        let check_program = || check_program(self, self.path().as_deref(), may_execute).err();
        let of_program = if unknown { None } else { check_program() };
        of_folder.into_iter().chain(of_program).collect()
    }

    /// Where the program is looked for.
    fn path(&self) -> Option<OsString> {
        let own = self.env.iter().rev().find(|(name, _)| name == "PATH").map(|(_, value)| value.clone());
        own.or_else(|| std::env::var_os("PATH"))
    }

    fn folder(&self) -> &Path {
        self.dir.as_deref().unwrap_or(Path::new("."))
    }
}

/// Whether this user may execute a file, or enter a folder.
type MayExecute = fn(&Path) -> bool;

fn check_folder(folder: &Path, may_execute: MayExecute) -> Result<(), CommandProblem> {
    if let Some(closed) = closed_folder(folder, may_execute) {
        return Err(CommandProblem::FolderClosed(tidy(closed)));
    }
    match fs::metadata(folder) {
        Err(_) => Err(CommandProblem::NoFolder(folder.to_path_buf())),
        Ok(metadata) if !metadata.is_dir() => Err(CommandProblem::NotAFolder(folder.to_path_buf())),
        Ok(_) => Ok(()),
    }
}

fn check_program(
    process: &ProcessSpec,
    path: Option<&OsStr>,
    may_execute: MayExecute,
) -> Result<(), CommandProblem> {
    let folder = process.folder();
    let program = if process.program.as_encoded_bytes().contains(&b'/') {
        let program = folder.join(&process.program);
        check_file(&program, may_execute)?;
        program
    } else {
        found(&process.program, folder, path, may_execute)
            .ok_or_else(|| CommandProblem::NotInPath(process.program.clone()))?
    };
    let Some(interpreter) = interpreter(&program) else { return Ok(()) };
    let found = folder.join(&interpreter);
    if !found.exists() {
        return Err(CommandProblem::NoInterpreter { script: tidy(&program), interpreter });
    }
    if !may_execute(&found) {
        return Err(CommandProblem::InterpreterNotExecutable { script: tidy(&program), interpreter });
    }
    Ok(())
}

/// Says why this file cannot be executed.
fn check_file(program: &Path, may_execute: MayExecute) -> Result<(), CommandProblem> {
    let closed = program.parent().and_then(|folder| closed_folder(folder, may_execute));
    if let Some(closed) = closed {
        return Err(CommandProblem::ProgramClosed { program: tidy(program), folder: tidy(closed) });
    }
    match fs::metadata(program) {
        Err(_) => Err(CommandProblem::NoProgram(tidy(program))),
        Ok(metadata) if !metadata.is_file() => Err(CommandProblem::NotAFile(tidy(program))),
        Ok(_) if !may_execute(program) => Err(CommandProblem::NotExecutable(tidy(program))),
        Ok(_) => Ok(()),
    }
}

/// The first folder on the way to this one, or itself, that may not be entered.
fn closed_folder(folder: &Path, may_execute: MayExecute) -> Option<&Path> {
    let way: Vec<&Path> = folder.ancestors().filter(|folder| !folder.as_os_str().is_empty()).collect();
    way.into_iter().rev().find(|folder| folder.is_dir() && !may_execute(folder))
}

/// Without the `./` within it.
fn tidy(path: &Path) -> PathBuf {
    path.components().collect()
}

/// The program in the first folder of PATH that has it.
fn found(program: &OsStr, folder: &Path, path: Option<&OsStr>, may_execute: MayExecute) -> Option<PathBuf> {
    let folders = std::env::split_paths(path.unwrap_or(OsStr::new("/bin:/usr/bin"))).collect::<Vec<_>>();
    let mut candidates = folders.into_iter().map(|of_path| folder.join(of_path).join(program));
    candidates.find(|candidate| candidate.is_file() && may_execute(candidate))
}

/// Asks the system, with the ids with which it would be done: the bits of the mode do not say for whom they are.
#[cfg(unix)]
fn may_execute(path: &Path) -> bool {
    use rustix::fs::{access, accessat, Access, AtFlags, CWD};
    match accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS) {
        // An old system asks with the ids of who started the process only.
        Err(rustix::io::Errno::NOSYS) => access(path, Access::EXEC_OK).is_ok(),
        answer => answer.is_ok(),
    }
}

#[cfg(not(unix))]
fn may_execute(_: &Path) -> bool {
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
            check_program(&process, Some(OsStr::new(path)), may_execute)
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
        folder.file("odd", "#!./text\n", 0o755);
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
        let interpreter = PathBuf::from("./text");
        assert_eq!(
            folder.check("./odd", ""),
            Err(CommandProblem::InterpreterNotExecutable { script: at("odd"), interpreter })
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

    /// Who runs the tests may enter every folder, perhaps; this user may do nothing where a name has "closed" in it.
    fn may(path: &Path) -> bool {
        !path.to_string_lossy().contains("closed") && may_execute(path)
    }

    #[test]
    fn what_is_closed_to_this_user_is_no_program_and_no_folder() {
        let folder = Folder::new();
        let at = |name: &str| folder.0.join(name);
        fs::create_dir_all(at("closed/within")).unwrap();
        folder.file("closed/program", "", 0o755);
        folder.file("closed-program", "", 0o755);
        let check = |program: &str| {
            let process = ProcessSpec { dir: Some(folder.0.clone()), ..ProcessSpec::new(program) };
            check_program(&process, Some(folder.0.as_os_str()), may)
        };

        assert_eq!(check("./closed-program"), Err(CommandProblem::NotExecutable(at("closed-program"))));
        assert_eq!(check("closed-program"), Err(CommandProblem::NotInPath("closed-program".into())));
        for name in ["closed/program", "closed/gone", "closed/within/gone"] {
            let closed = CommandProblem::ProgramClosed { program: at(name), folder: at("closed") };
            assert_eq!(check(&format!("./{name}")), Err(closed));
        }
        for name in ["closed", "closed/within", "closed/gone"] {
            assert_eq!(check_folder(&at(name), may), Err(CommandProblem::FolderClosed(at("closed"))));
        }
        assert_eq!(check_folder(&folder.0, may), Ok(()));
        assert_eq!(check_folder(Path::new("."), may), Ok(()));
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
