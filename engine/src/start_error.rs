//! Why an application could not be started, and what to do about it.

#[cfg(feature = "application")]
use std::path::PathBuf;

/// Why an application could not be started. Nothing has run, and every port is free again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A port could not be opened.
    #[error("{owner}: port {port} on {address} could not be opened: {source}{}", advice(source))]
    Bind {
        /// The plugin, or `bus publish port`, or `bus subscribe port`.
        owner: String,
        /// The port.
        port: u16,
        /// The address.
        address: String,
        /// What the system says.
        source: zmq::Error,
    },
    /// Two owners say the same port.
    #[error("port {port} is said twice, for {first} and for {second}; give each a port of its own")]
    PortTwice {
        /// The port.
        port: u16,
        /// Who has it.
        first: String,
        /// Who else says it.
        second: String,
    },
    /// Two plugins have the same name.
    #[error("two plugins are called `{0}`; a name is how a plugin is found in the ledger and the report")]
    NameTwice(String),
    /// A plugin is asked for what cannot be.
    #[error("plugin {plugin:?}: {what}")]
    Plugin {
        /// The plugin.
        plugin: String,
        /// What is wrong, and what to do.
        what: String,
    },
    /// Filters that are prefixes of others, so that an event may be of two types.
    #[error("{}", ambiguous(pairs))]
    AmbiguousFilters {
        /// Each pair: the shorter filter and the longer one, with who subscribed to them.
        pairs: Vec<(String, String)>,
    },
    /// The address to bind makes no sense.
    #[error("{0}")]
    Address(String),
    /// The control socket could not be opened.
    #[cfg(feature = "application")]
    #[error("control socket {}: {what}", path.display())]
    Control {
        /// Its path.
        path: PathBuf,
        /// What is wrong, and what to do.
        what: String,
    },
    /// The address for metrics could not be opened.
    #[cfg(feature = "application")]
    #[error("metrics at {address}: {what}")]
    Metrics {
        /// The address.
        address: String,
        /// What is wrong, and what to do.
        what: String,
    },
    /// Internal plugins of an application file for which this program has registered nothing.
    #[cfg(feature = "application")]
    #[error("no factory is registered for {}; register one for each with Application::plugin", plugins.join(", "))]
    NotRegistered {
        /// Their names.
        plugins: Vec<String>,
    },
    /// Plugins were registered that are no internal plugins of the application file.
    #[cfg(feature = "application")]
    #[error("{} is registered, but no internal plugin of the application file; add it there with `internal = true`", plugins.join(", "))]
    NotInFile {
        /// Their names.
        plugins: Vec<String>,
    },
    /// Both: internal plugins of an application file are missing, and others are registered.
    #[cfg(feature = "application")]
    #[error(
        "no factory is registered for {}, and {} is registered, but no internal plugin of the application file; use the same names",
        missing.join(", "), unknown.join(", ")
    )]
    OtherNames {
        /// Names of the file for which nothing is registered.
        missing: Vec<String>,
        /// Registered names that the file does not have.
        unknown: Vec<String>,
    },
    /// Two factories were registered for the same internal plugin of an application file.
    #[cfg(feature = "application")]
    #[error("{} is registered twice; register one factory for each plugin", plugins.join(", "))]
    RegisteredTwice {
        /// Their names.
        plugins: Vec<String>,
    },
    /// The system refused sockets or threads.
    #[error("{owner}: {what}")]
    Resources {
        /// The plugin.
        owner: String,
        /// What the system says.
        what: String,
    },
}

/// What is wrong with these pairs of filters, and what to do about it.
fn ambiguous(pairs: &[(String, String)]) -> String {
    let listed: Vec<String> = pairs.iter().map(|(first, second)| format!("{first} and {second}")).collect();
    format!(
        "the filters {} are ambiguous: every event of the second matches the first too; \
         choose filters of which none begins with another, or call allow_ambiguous_filters()",
        listed.join(", ")
    )
}

/// What to do about a port that could not be opened.
pub(crate) fn advice(source: &zmq::Error) -> &'static str {
    match source {
        zmq::Error::EADDRINUSE => {
            "; another process or application uses it: end that, or choose another port"
        }
        zmq::Error::EACCES => "; ports below 1024 need privileges: choose another port",
        zmq::Error::EMFILE => "; all file descriptors are in use: raise the limit (ulimit -n)",
        zmq::Error::ENODEV | zmq::Error::EADDRNOTAVAIL => "; this machine does not have that address",
        _ => "",
    }
}
