//! Which running application is meant.

use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use event_engine::control;
use event_engine::control::client::ClientError;

use super::Live;
use crate::exit::Problem;
use crate::human::shell_word;

/// The argument that says which running application is meant.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Choice {
    /// Which application: its name, its control socket or its file. Not needed when only one runs here
    #[arg(long, value_name = "NAME|SOCKET|APP.toml")]
    pub(crate) app: Option<String>,
}

impl Choice {
    /// Connects to the application that is meant.
    ///
    /// # Errors
    /// [`Problem::NotRunning`] if it is not running; [`Problem::Wrong`] if several are and none is named, or the file is wrong.
    pub(crate) fn connect(&self) -> Result<Live, Problem> {
        let Some(app) = &self.app else { return only_one() };
        let (path, name) = socket(app)?;
        Live::connect(&path, &name)
    }
}

/// The applications that run here and their sockets, by name.
pub(crate) fn running() -> Vec<(String, PathBuf)> {
    control::running()
}

fn only_one() -> Result<Live, Problem> {
    match running().as_slice() {
        [] => Err(Problem::NotRunning(
            "no application is running here; start one: event-engine run APP.toml (or say where its control socket is: --app SOCKET)".to_owned(),
        )),
        [(name, path)] => Live::connect(path, name),
        several => {
            let names: Vec<&str> = several.iter().map(|(name, _)| name.as_str()).collect();
            Err(Problem::Wrong(format!(
                "several applications are running here: {}; say which one: --app {}",
                names.join(", "),
                shell_word(names.first().copied().unwrap_or_default())
            )))
        }
    }
}

/// The control socket that `app` means, and what the application is called.
fn socket(app: &str) -> Result<(PathBuf, String), Problem> {
    let path = Path::new(app);
    if path.extension().is_some_and(|extension| extension == "toml") {
        return of_file(path);
    }
    if app.contains('/') || path.metadata().is_ok_and(|metadata| metadata.file_type().is_socket()) {
        let name = path.file_stem().map_or(app.into(), |stem| stem.to_string_lossy());
        return Ok((path.to_path_buf(), name.into_owned()));
    }
    Ok((usual(app)?, app.to_owned()))
}

/// The control socket that an application file names, or the one of its name.
fn of_file(path: &Path) -> Result<(PathBuf, String), Problem> {
    let wrong = |text: String| Problem::Wrong(format!("{}: {text}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let document: toml_edit::DocumentMut =
        text.parse().map_err(|error: toml_edit::TomlError| wrong(error.to_string()))?;
    let key =
        |key| document.get("application").and_then(|table| table.get(key)).and_then(toml_edit::Item::as_str);
    let name = key("name").ok_or_else(|| wrong("it has no name in [application]".to_owned()))?;
    let socket = match key("control") {
        Some(socket) => path.parent().unwrap_or(Path::new("")).join(socket),
        None => usual(name)?,
    };
    Ok((socket, name.to_owned()))
}

/// The usual place of the control socket of the application called `name`.
fn usual(name: &str) -> Result<PathBuf, Problem> {
    control::default_path(name).map_err(|error| Problem::Wrong(error.to_string()))
}

/// Why no connection was made.
pub(super) fn refused(path: &Path, name: &str, error: ClientError) -> Problem {
    match error {
        ClientError::NotRunning { .. } => {
            let others: Vec<String> = running().into_iter().map(|(name, _)| name).collect();
            let hint = match others.as_slice() {
                [] => "start it: event-engine run APP.toml".to_owned(),
                others => format!("running here: {}", others.join(", ")),
            };
            Problem::NotRunning(format!(
                "{name} is not running: nobody listens at {}; {hint}",
                path.display()
            ))
        }
        ClientError::Closed => Problem::NotRunning(format!("{name} has just ended")),
        other => Problem::Failed(other.to_string()),
    }
}
