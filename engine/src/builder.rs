//! Building an application: who takes part, at which ports, within which limits.

use std::collections::BTreeMap;
use std::fmt;
#[cfg(feature = "application")]
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use event_engine_protocol::{constants, filter};

use crate::barrier::Laggards;
use crate::context::Context;
use crate::edges::external::net::{BindAddress, Heartbeat};
use crate::edges::Letters;
use crate::handle::Handle;
use crate::plugin_spec::PluginSpec;
use crate::plugins::{ExternalPlugin, Plugin};
use crate::start_error::StartError;
use crate::starting;
use crate::supervisor::children::Sink;
use crate::supervisor::{BoxError, Output, ProcessSpec};

/// An internal plugin of the engine's own API. Closures that take a [`Context`] are plugins.
pub trait InternalPlugin: Send {
    /// The plugin's work, on a thread of its own, once every plugin is ready; it has finished when this returns.
    ///
    /// # Errors
    /// Fail this plugin alone. [`crate::Error::Closed`] while the application is ending is no failure.
    fn run(self: Box<Self>, context: &mut Context) -> Result<(), BoxError>;
}

impl<F> InternalPlugin for F
where
    F: FnOnce(&mut Context) -> Result<(), BoxError> + Send,
{
    fn run(self: Box<Self>, context: &mut Context) -> Result<(), BoxError> {
        (*self)(context)
    }
}

/// How the sessions at one port are served.
#[derive(Clone, Debug)]
pub(crate) struct Sessions {
    pub(crate) ping: Duration,
    pub(crate) grace: Duration,
    pub(crate) letters: Letters,
    /// Each has at most one event in its hands: a client may collect acknowledgements, and one that is busy with a second event would
    /// look like one that hangs.
    pub(crate) one_at_a_time: bool,
}

/// Makes an internal plugin, for its first run and for each restart.
pub(crate) type Factory = Box<dyn Fn() -> Box<dyn InternalPlugin> + Send + Sync>;

/// What runs a plugin.
pub(crate) enum Work {
    Internal(Box<dyn InternalPlugin>),
    External { port: u16 },
    Process { port: u16, process: ProcessSpec },
    Factory(Factory),
    SeedInternal(Arc<Box<dyn Plugin>>),
    SeedExternal { plugin: Arc<Box<dyn ExternalPlugin>>, port: u16 },
}

impl Work {
    pub(crate) fn port(&self) -> Option<u16> {
        match self {
            Work::External { port } | Work::Process { port, .. } | Work::SeedExternal { port, .. } => {
                Some(*port)
            }
            Work::Internal(_) | Work::Factory(_) | Work::SeedInternal(_) => None,
        }
    }
}

/// Names that are no plugin's: those of the bus and of the control interface in the ledger.
pub(crate) const RESERVED: [&str; 2] = ["bus", "control"];

/// Ports of the bus: publish, subscribe.
pub(crate) type BusPorts = (u16, u16);

/// An application in the making.
///
/// ```
/// use event_engine::{Builder, PluginSpec};
///
/// let handle = Builder::new()
///     .plugin(PluginSpec::new("greeter"), |context| {
///         context.publish("greeting: hello")?;
///         Ok(())
///     })
///     .plugin(PluginSpec::new("listener").subscribe("greeting: "), |context| {
///         assert_eq!(&context.next_event()?[..], b"greeting: hello");
///         Ok(())
///     })
///     .start()?;
/// let report = handle.wait();
/// assert!(report.is_success(), "{report}");
/// # Ok::<(), event_engine::StartError>(())
/// ```
#[must_use]
pub struct Builder {
    pub(crate) plugins: Vec<(PluginSpec, Work)>,
    pub(crate) bus: Option<BusPorts>,
    pub(crate) bind: Option<String>,
    pub(crate) max_event_bytes: usize,
    pub(crate) stop_within: Duration,
    pub(crate) heartbeat: Heartbeat,
    pub(crate) ping: Duration,
    pub(crate) grace: Duration,
    pub(crate) external_within: Option<(Duration, Laggards)>,
    pub(crate) until_done: bool,
    pub(crate) output: Option<Sink>,
    allow_ambiguous_filters: bool,
    pub(crate) name: String,
    #[cfg(feature = "application")]
    pub(crate) types: Vec<(String, Vec<u8>)>,
    #[cfg(feature = "application")]
    pub(crate) control_socket: Option<PathBuf>,
    /// The address, and whether it may be another than loopback.
    #[cfg(feature = "application")]
    pub(crate) metrics: Option<(String, bool)>,
    /// The ancestor's API knows plugins by their ids; names may repeat.
    pub(crate) names_may_repeat: bool,
}

impl Default for Builder {
    fn default() -> Self {
        Builder {
            plugins: Vec::new(),
            bus: None,
            bind: None,
            max_event_bytes: constants::EVENT_MAX_BYTES,
            stop_within: Duration::from_millis(constants::STOP_DEADLINE_MS),
            heartbeat: Heartbeat::default(),
            ping: Duration::from_millis(constants::PING_MS),
            grace: Duration::from_millis(constants::GRACE_MS),
            external_within: None,
            until_done: false,
            output: None,
            allow_ambiguous_filters: false,
            name: "application".to_string(),
            #[cfg(feature = "application")]
            types: Vec::new(),
            #[cfg(feature = "application")]
            control_socket: None,
            #[cfg(feature = "application")]
            metrics: None,
            names_may_repeat: false,
        }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.plugins.iter().map(|(spec, _)| spec.name.as_str()).collect();
        f.debug_struct("Builder").field("name", &self.name).field("plugins", &names).finish_non_exhaustive()
    }
}

impl Builder {
    /// An application without plugins and ports.
    pub fn new() -> Self {
        Builder::default()
    }

    /// Adds an internal plugin: a closure, or an [`InternalPlugin`].
    pub fn plugin<F>(mut self, spec: PluginSpec, run: F) -> Self
    where
        F: FnOnce(&mut Context) -> Result<(), BoxError> + Send + 'static,
    {
        self.plugins.push((spec, Work::Internal(Box::new(run))));
        self
    }

    /// Adds an internal plugin that is an object.
    pub fn plugin_object(mut self, spec: PluginSpec, plugin: Box<dyn InternalPlugin>) -> Self {
        self.plugins.push((spec, Work::Internal(plugin)));
        self
    }

    /// Adds an external plugin, whose process connects to `port`. 0 takes a free one: [`Handle::port`] says which.
    pub fn external(mut self, spec: PluginSpec, port: u16) -> Self {
        self.plugins.push((spec, Work::External { port }));
        self
    }

    /// Adds an internal plugin that can be started again: `factory` makes it at the start, and after each end for which its policy
    /// ([`PluginSpec::restart`]) starts it anew. Its queue goes on, and what was in its hands comes first, as redelivered.
    pub fn plugin_factory<P>(self, spec: PluginSpec, factory: impl Fn() -> P + Send + Sync + 'static) -> Self
    where
        P: InternalPlugin + 'static,
    {
        self.factory(spec, Box::new(move || Box::new(factory())))
    }

    pub(crate) fn factory(mut self, spec: PluginSpec, factory: Factory) -> Self {
        self.plugins.push((spec, Work::Factory(factory)));
        self
    }

    /// Adds an external plugin whose process, or as many as it has replicas, the engine starts, watches, and ends with the
    /// application (spec/supervision.md). It connects to `port`; 0 takes a free one.
    pub fn process(mut self, spec: PluginSpec, port: u16, process: ProcessSpec) -> Self {
        self.plugins.push((spec, Work::Process { port, process }));
        self
    }

    /// Where the lines go that the plugins' processes print; to the log unless said. Called from several threads.
    pub fn output(mut self, sink: impl Fn(&Output<'_>) + Send + Sync + 'static) -> Self {
        self.output = Some(Box::new(sink));
        self
    }

    /// Opens the raw ports for processes that are not registered (spec/bus.md). 0 takes a free one.
    pub fn bus(mut self, publish_port: u16, subscribe_port: u16) -> Self {
        self.bus = Some((publish_port, subscribe_port));
        self
    }

    /// Opens ports at this IP address, or at all with `*`. Unless said otherwise it is that of the environment variable
    /// EVENT_ENGINE_BIND, or 127.0.0.1. There is no encryption yet: keep other addresses to networks you trust.
    pub fn bind(mut self, address: impl Into<String>) -> Self {
        self.bind = Some(address.into());
        self
    }

    /// The largest event, in bytes (128 MiB unless said).
    pub fn max_event_bytes(mut self, bytes: usize) -> Self {
        self.max_event_bytes = bytes;
        self
    }

    /// The application ends by itself when it is done: every source has ended, every queue is empty, nothing is in anybody's hands
    /// or waits for room, and every other plugin waits for its next event. Then all are told to stop, as by the last stage of
    /// [`Handle::stop`], and have as long to end. Without a source it is done as soon as all of them wait.
    ///
    /// What a plugin waits for is known of internal plugins of this API, of clients in a session, and of clients of the basic profile
    /// that ask for their next event; of an internal plugin of the 0.2 API only that it was given all events. An external plugin that
    /// nobody has connected for waits for nothing: the application then goes on, and names it in the log.
    pub fn until_done(mut self) -> Self {
        self.until_done = true;
        self
    }

    /// How long `stop` takes at most (10 s unless said): after half of it sources that have not ended are waited for no longer, after
    /// three quarters the rest is told to stop even if the application has not run dry.
    pub fn stop_within(mut self, deadline: Duration) -> Self {
        self.stop_within = deadline;
        self
    }

    /// How often the engine probes each connection of a port, and how long it waits for the answer before it cuts the
    /// connection (60 s each unless said; a client that is suspended for longer has to connect again).
    pub fn heartbeat(mut self, interval: Duration, timeout: Duration) -> Self {
        self.heartbeat = Heartbeat { interval, timeout };
        self
    }

    /// After such a silence a session is sent `ping` (30 s unless said).
    pub fn ping_every(mut self, interval: Duration) -> Self {
        self.ping = interval;
        self
    }

    /// How long a session outlives its connection (60 s unless said). Then its unacknowledged events go back to the queue.
    pub fn session_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// The application starts once the process of every external plugin has said that it is ready, too; `laggards` says what
    /// happens past the deadline. Unless this is called, only internal plugins are waited for: the events of others wait in
    /// their queues.
    pub fn wait_for_external(mut self, deadline: Duration, laggards: Laggards) -> Self {
        self.external_within = Some((deadline, laggards));
        self
    }

    /// Names the application, for those who look at it from outside.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Names the type of the events that begin with `prefix`, for those who look at the application from outside.
    #[cfg(feature = "application")]
    pub fn event_type(mut self, name: impl Into<String>, prefix: impl AsRef<[u8]>) -> Self {
        self.types.push((name.into(), prefix.as_ref().to_vec()));
        self
    }

    /// Opens a control socket at this path, only for the user who starts the application: [`crate::control::Client`] and the command
    /// line connect to it (spec/control.md). [`crate::control::default_path`] knows a good place. Folders that are missing are made.
    #[cfg(feature = "application")]
    pub fn control_socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.control_socket = Some(path.into());
        self
    }

    /// Answers `GET /metrics` (for Prometheus) and `GET /health` at this address, such as `127.0.0.1:9100`; port 0 takes a free one,
    /// [`Handle::metrics_address`] says which. Any other address than loopback is refused, see [`Builder::metrics_exposed`].
    #[cfg(feature = "application")]
    pub fn metrics(mut self, address: impl Into<String>) -> Self {
        self.metrics = Some((address.into(), false));
        self
    }

    /// As [`Builder::metrics`], at any address: whoever reaches it can read the names of plugins and how much they do. There is no
    /// authentication.
    #[cfg(feature = "application")]
    pub fn metrics_exposed(mut self, address: impl Into<String>) -> Self {
        self.metrics = Some((address.into(), true));
        self
    }

    /// Says that filters of which one begins with another are meant so.
    pub fn allow_ambiguous_filters(mut self) -> Self {
        self.allow_ambiguous_filters = true;
        self
    }

    /// Opens all ports, makes all queues, then starts all plugins together.
    ///
    /// # Errors
    /// [`StartError`]; nothing has run then.
    pub fn start(self) -> Result<Handle, StartError> {
        self.check_names()?;
        self.check_plugins()?;
        self.check_ports()?;
        self.check_filters()?;
        starting::start(self)
    }

    /// The address to bind, and whether it needs a warning.
    pub(crate) fn address(&self) -> Result<BindAddress, StartError> {
        let from_environment =
            || std::env::var(constants::ENV_BIND).ok().filter(|text| !text.trim().is_empty());
        let (text, origin) = match (&self.bind, from_environment()) {
            (Some(text), _) => (text.clone(), "bind"),
            (None, Some(text)) => (text, constants::ENV_BIND),
            (None, None) => (constants::DEFAULT_BIND.to_string(), "default"),
        };
        text.parse().map_err(|why| StartError::Address(format!("{origin}: {why}")))
    }

    fn check_names(&self) -> Result<(), StartError> {
        let mut names = BTreeMap::new();
        for (spec, _) in &self.plugins {
            if names.insert(&spec.name, ()).is_some() && !self.names_may_repeat {
                return Err(StartError::NameTwice(spec.name.clone()));
            }
        }
        Ok(())
    }

    fn check_plugins(&self) -> Result<(), StartError> {
        for (spec, work) in &self.plugins {
            let wrong = |what: String| Err(StartError::Plugin { plugin: spec.name.clone(), what });
            if RESERVED.contains(&spec.name.as_str()) && !self.names_may_repeat {
                return wrong(
                    "the engine itself is called so in the ledger; give the plugin another name".into(),
                );
            }
            let most = constants::SESSIONS_MAX;
            if spec.replicas > most && matches!(work, Work::Process { .. }) {
                return wrong(format!(
                    "{} processes are too many; at most {most} share a port",
                    spec.replicas
                ));
            }
            let is_watched = matches!(work, Work::Internal(_) | Work::Factory(_) | Work::Process { .. });
            if spec.hang_after.is_some() && !is_watched {
                return wrong(
                    "it cannot be watched for hangs, as its process is not the engine's or its API shows no sign of life; \
                     take hang_after away"
                        .into(),
                );
            }
        }
        Ok(())
    }

    fn check_ports(&self) -> Result<(), StartError> {
        let mut owners: BTreeMap<u16, String> = BTreeMap::new();
        let bus = self.bus.map(|(publish, subscribe)| {
            [(publish, "the bus publish port".to_string()), (subscribe, "the bus subscribe port".to_string())]
        });
        let plugins = self
            .plugins
            .iter()
            .filter_map(|(spec, work)| work.port().map(|port| (port, format!("plugin {}", spec.name))));
        for (port, owner) in bus.into_iter().flatten().chain(plugins).filter(|(port, _)| *port != 0) {
            if let Some(first) = owners.insert(port, owner.clone()) {
                return Err(StartError::PortTwice { port, first, second: owner });
            }
        }
        Ok(())
    }

    fn check_filters(&self) -> Result<(), StartError> {
        let subscriptions: Vec<(String, &[u8])> = self
            .plugins
            .iter()
            .flat_map(|(spec, _)| {
                spec.subscriptions.iter().map(move |(kind, filter)| {
                    (format!("`{kind}` (plugin {})", spec.name), filter.as_slice())
                })
            })
            .collect();
        let mut said = Vec::new();
        let mut pairs = Vec::new();
        for (first, second) in filter::ambiguous(&subscriptions) {
            let (Some(first), Some(second)) = (subscriptions.get(first), subscriptions.get(second)) else {
                continue;
            };
            let (first, second) =
                if first.1.len() <= second.1.len() { (first, second) } else { (second, first) };
            if said.contains(&(first.1, second.1)) {
                continue;
            }
            said.push((first.1, second.1));
            pairs.push((first.0.clone(), second.0.clone()));
        }
        if pairs.is_empty() || self.allow_ambiguous_filters {
            return Ok(());
        }
        if !self.names_may_repeat {
            return Err(StartError::AmbiguousFilters { pairs });
        }
        for pair in pairs {
            tracing::warn!("{}", StartError::AmbiguousFilters { pairs: vec![pair] });
        }
        Ok(())
    }
}
