//! Running the program, and folders that are gone afterwards.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

/// The program, without a terminal and without what the environment says about colours.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_event-engine"));
    command.env_remove("NO_COLOR").env_remove("EVENT_ENGINE_BIND");
    command
}

/// What the program did.
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the program in a folder.
pub(crate) fn run_in(folder: &Path, arguments: &[&str]) -> Done {
    let Output { status, stdout, stderr } =
        program().current_dir(folder).args(arguments.iter().map(OsStr::new)).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Done { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

/// A folder of the test's own.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// An empty one.
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("event-engine-cli-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    /// One with this application file, `app.toml`.
    pub(crate) fn with(text: &str) -> Self {
        let folder = Folder::new();
        fs::write(folder.path().join("app.toml"), text).unwrap();
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// An application file without anything wrong.
pub(crate) const GOOD: &str = r#"[application]
name = "greetings"

[types]
greeting = "greeting: "

[plugins.greeter]
command = ["sh", "-c", "true"]
publish = ["greeting"]

[plugins.listener]
port = 6001
subscribe = ["greeting"]
"#;
