//! Where control sockets stand.

use std::env;
use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use event_engine_protocol::constants;

/// A name that cannot be an application's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no name for a control socket: {why}")]
pub struct NameError {
    name: String,
    why: &'static str,
}

/// The folder of this user's control sockets: `$XDG_RUNTIME_DIR/event-engine`, or `/tmp/event-engine-<uid>`.
fn folder() -> PathBuf {
    folder_in(env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from), rustix::process::geteuid().as_raw())
}

fn folder_in(runtime: Option<PathBuf>, uid: u32) -> PathBuf {
    match runtime.filter(|path| path.is_absolute()) {
        Some(path) => path.join("event-engine"),
        None => PathBuf::from(format!("/tmp/event-engine-{uid}")),
    }
}

/// The control socket of the application called `name`, unless it says another (EE-CONTROL-4).
///
/// # Errors
/// A name that would lead out of the folder, or that no file can have.
pub fn default_path(name: &str) -> Result<PathBuf, NameError> {
    path_in(&folder(), name)
}

fn path_in(folder: &Path, name: &str) -> Result<PathBuf, NameError> {
    let refuse = |why| Err(NameError { name: name.to_string(), why });
    if name.is_empty() {
        return refuse("it is empty");
    }
    if name.starts_with('.') {
        return refuse("it begins with a dot");
    }
    if name.contains('/') || name.contains('\\') {
        return refuse("it has a slash in it");
    }
    if name.chars().any(char::is_control) {
        return refuse("it has a control character in it");
    }
    let path = folder.join(format!("{name}.sock"));
    if path.as_os_str().len() > constants::CONTROL_PATH_MAX_BYTES {
        return refuse(
            "the path of the socket would be longer than the system allows; choose a shorter name",
        );
    }
    Ok(path)
}

/// The applications of this user that run with a control socket in its usual folder, by name.
pub fn running() -> Vec<(String, PathBuf)> {
    running_in(&folder())
}

fn running_in(folder: &Path) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_string();
        let is_socket = path.extension().is_some_and(|extension| extension == "sock");
        if is_socket && !name.is_empty() && UnixStream::connect(&path).is_ok() {
            found.push((name, path));
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    /// EE-CONTROL-4
    #[test]
    fn sockets_stand_in_a_folder_of_the_user() {
        let runtime = folder_in(Some("/run/user/7".into()), 7);
        assert_eq!(
            path_in(&runtime, "trail-camera").unwrap(),
            Path::new("/run/user/7/event-engine/trail-camera.sock")
        );
        for none in [None, Some(PathBuf::from("relative")), Some(PathBuf::new())] {
            assert_eq!(folder_in(none, 7), Path::new("/tmp/event-engine-7"));
        }
    }

    /// EE-CONTROL-4
    #[test]
    fn names_do_not_lead_out_of_the_folder() {
        let folder = Path::new("/tmp/event-engine-7");
        for name in
            ["", ".", "..", "../x", "a/b", "/etc/x", "a\0b", "a\nb", ".hidden", "a\\b", &"long".repeat(30)]
        {
            let error = path_in(folder, name).unwrap_err();
            assert!(error.to_string().contains("is no name"), "{error}");
        }
        for name in ["a", "a.b", "a b", "Überwachung", "…"] {
            assert_eq!(path_in(folder, name).unwrap().parent(), Some(folder));
        }
    }

    #[test]
    fn only_living_sockets_are_running() {
        let folder = env::temp_dir().join(format!("ee-running-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let _living = UnixListener::bind(folder.join("b.sock")).unwrap();
        let _other = UnixListener::bind(folder.join("a.sock")).unwrap();
        drop(UnixListener::bind(folder.join("dead.sock")).unwrap());
        fs::write(folder.join("file.sock"), "").unwrap();
        let names: Vec<String> = running_in(&folder).into_iter().map(|(name, _)| name).collect();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(names, ["a", "b"]);
        assert!(running_in(&folder).is_empty());
    }
}
