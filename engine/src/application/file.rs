//! What an application file says, with defaults filled in.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::checks;
use super::diagnostics::Diagnostics;
use super::read;
use crate::barrier::Laggards;
use crate::queue::QueueLimits;
use crate::supervisor::{ProcessSpec, RestartPolicy};

/// An application file: everything that it says, with defaults filled in (spec/application-file.md).
///
/// ```
/// use event_engine::application::ApplicationFile;
///
/// let text = r#"
///     [application]
///     name = "greetings"
///     [types]
///     greeting = "greeting: "
///     [plugins.greeter]
///     port = 6001
///     publish = ["greeting"]
///     [plugins.listener]
///     port = 6002
///     subscribe = ["greeting"]
/// "#;
/// let file = ApplicationFile::parse(text, "greetings.toml")?;
/// assert_eq!(file.prefix("greeting"), Some(&b"greeting: "[..]));
/// assert!(file.plugins[0].source && !file.plugins[1].source);
///
/// let wrong = text.replace("subscribe = [\"greeting\"]", "subscribe = [\"greting\"]");
/// let diagnostics = ApplicationFile::parse(&wrong, "greetings.toml").unwrap_err();
/// assert!(diagnostics.to_string().contains("greetings.toml:11:18: error: there is no type `greting`"));
/// # Ok::<(), event_engine::application::Diagnostics>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ApplicationFile {
    /// The application's name.
    pub name: String,
    /// When it ends.
    pub until: Until,
    /// The address at which ports are opened, for [`crate::Builder::bind`]; none when the file leaves that to EVENT_ENGINE_BIND and
    /// the default.
    pub bind: Option<String>,
    /// How long stopping may take.
    pub stop_within: Duration,
    /// The largest event, in bytes.
    pub max_event_bytes: usize,
    /// How long a session outlives its connection.
    pub session_grace: Duration,
    /// The control socket, if the file says where: a relative path of the file is already relative to its folder here.
    pub control: Option<PathBuf>,
    /// Where metrics and health are served over HTTP, if they are.
    pub metrics: Option<SocketAddr>,
    /// The ports of the bus, if it is used.
    pub bus: Option<Bus>,
    /// Whether the start waits for external plugins, and how long.
    pub wait_for_external: Option<WaitForExternal>,
    /// Whether a type's prefix may begin with another type's.
    pub allow_ambiguous_filters: bool,
    /// The event types, in the order of the file.
    pub types: Vec<DeclaredType>,
    /// The plugins, in the order of the file.
    pub plugins: Vec<PluginEntry>,
    pub(super) ports: Vec<checks::PortUse>,
    pub(super) warnings: Diagnostics,
}

/// When an application ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Until {
    /// When it is stopped, or every plugin has finished.
    #[default]
    Stopped,
    /// By itself when it is quiescent, too: every source has finished, and nobody has anything left to do.
    Done,
}

/// The ports of the bus; 0 takes a free one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bus {
    /// Where unregistered processes publish.
    pub publish: u16,
    /// Where they subscribe.
    pub subscribe: u16,
}

/// How the start waits for external plugins; see [`crate::Builder::wait_for_external`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitForExternal {
    /// So long.
    pub within: Duration,
    /// What happens to those that are not ready by then.
    pub laggards: Laggards,
}

/// An event type.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeclaredType {
    /// Its name, by which plugins subscribe and publish.
    pub name: String,
    /// What its events begin with.
    pub prefix: Vec<u8>,
    /// What it is, for people.
    pub description: Option<String>,
}

/// A plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PluginEntry {
    /// Its name.
    pub name: String,
    /// What runs it.
    pub kind: PluginKind,
    /// Names of the types that it takes; see [`ApplicationFile::prefix`].
    pub subscribe: Vec<String>,
    /// Names of the types that it says it publishes.
    pub publish: Vec<String>,
    /// Whether it publishes of its own accord: it is told to stop first, and an application that runs until it is done waits for its
    /// end.
    pub source: bool,
    /// Whether the application fails when it fails for good.
    pub critical: bool,
    /// When it is started again. Never for [`PluginKind::External`].
    pub restart: RestartPolicy,
    /// It is started again when it holds an event and shows no sign of life so long.
    pub hang_after: Option<Duration>,
    /// The bounds of its queue.
    pub queue: QueueLimits,
    /// The last event that it gets when the application is stopped.
    pub stop_event: Option<Vec<u8>>,
    /// How often an event goes back to its queue.
    pub redelivery_limit: u32,
    /// Name of the type as which events that are given up are published again.
    pub dead_letter: Option<String>,
}

/// What runs a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PluginKind {
    /// Processes that the engine starts.
    Process {
        /// How each is started.
        process: ProcessSpec,
        /// The TCP port to which they connect; 0 takes a free one.
        port: u16,
        /// So many of them.
        replicas: usize,
    },
    /// Processes that somebody else starts.
    External {
        /// The TCP port to which they connect.
        port: u16,
        /// So many of them.
        replicas: usize,
    },
    /// A thread: the program that runs the application registers a factory under the plugin's name.
    Internal,
}

impl ApplicationFile {
    /// Reads a file and checks everything, also whether the commands can be started here.
    ///
    /// # Errors
    /// Everything that is wrong, warnings included, if anything is an error.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Diagnostics> {
        read::file(path.as_ref(), true)
    }

    /// Reads a file and checks its text; its commands may be those of another machine.
    ///
    /// # Errors
    /// As [`ApplicationFile::read`].
    pub fn read_text(path: impl AsRef<Path>) -> Result<Self, Diagnostics> {
        read::file(path.as_ref(), false)
    }

    /// Takes `text` for the content of the file at `path`, which is not touched: relative paths are relative to its folder.
    ///
    /// # Errors
    /// As [`ApplicationFile::read`].
    pub fn parse(text: &str, path: impl AsRef<Path>) -> Result<Self, Diagnostics> {
        read::text(text, path.as_ref(), false)
    }

    /// What is allowed and hardly meant.
    pub fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }

    /// The prefix of the type with this name.
    pub fn prefix(&self, name: &str) -> Option<&[u8]> {
        self.types.iter().find(|declared| declared.name == name).map(|declared| declared.prefix.as_slice())
    }

    /// The ports of the file that something on this machine uses at this moment: each is opened for a moment, so this is not for
    /// a file whose application runs.
    pub fn ports_in_use(&self) -> Diagnostics {
        checks::ports_in_use(self)
    }
}
