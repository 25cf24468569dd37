//! What an application says of one of its plugins.

use std::time::Duration;

use event_engine_protocol::constants;

use crate::payload::Payload;
use crate::queue::QueueLimits;
use crate::supervisor::RestartPolicy;

/// A plugin's name, subscriptions and limits.
#[derive(Clone, Debug)]
pub struct PluginSpec {
    pub(crate) name: String,
    /// Event types' names and filters.
    pub(crate) subscriptions: Vec<(String, Vec<u8>)>,
    pub(crate) limits: QueueLimits,
    pub(crate) replicas: usize,
    pub(crate) stop_event: Option<Payload>,
    /// Unless said, a plugin that subscribes to nothing is a source.
    pub(crate) source: Option<bool>,
    /// Names of types that it says it publishes.
    pub(crate) publishes: Vec<String>,
    pub(crate) restart: RestartPolicy,
    pub(crate) hang_after: Option<Duration>,
    pub(crate) critical: bool,
    pub(crate) redelivery_limit: u32,
    pub(crate) dead_letter: Option<Vec<u8>>,
}

impl PluginSpec {
    /// A plugin called `name`, which no other plugin of the application is.
    pub fn new(name: impl Into<String>) -> Self {
        PluginSpec {
            name: name.into(),
            subscriptions: Vec::new(),
            limits: QueueLimits::default(),
            replicas: 1,
            stop_event: None,
            source: None,
            publishes: Vec::new(),
            restart: RestartPolicy::default(),
            hang_after: None,
            critical: false,
            redelivery_limit: constants::REDELIVERY_LIMIT as u32,
            dead_letter: None,
        }
    }

    /// Says that the plugin publishes events of the type called `kind`, for those who look at the application from outside.
    #[must_use]
    pub fn publishes(mut self, kind: impl Into<String>) -> Self {
        self.publishes.push(kind.into());
        self
    }

    /// Subscribes to the events that begin with `prefix`; the empty prefix takes everything.
    #[must_use]
    pub fn subscribe(mut self, prefix: impl AsRef<[u8]>) -> Self {
        let prefix = prefix.as_ref();
        self.subscriptions.push((String::from_utf8_lossy(prefix).into_owned(), prefix.to_vec()));
        self
    }

    /// As [`PluginSpec::subscribe`], for a type of events that has a name; errors and the log use it.
    #[must_use]
    pub fn subscribe_type(mut self, name: impl Into<String>, prefix: impl AsRef<[u8]>) -> Self {
        self.subscriptions.push((name.into(), prefix.as_ref().to_vec()));
        self
    }

    /// When the plugin is started again: one made by a factory ([`Builder::plugin_factory`]), or one whose processes the engine starts
    /// ([`Builder::process`]). After failures, unless said.
    #[must_use]
    pub fn restart(mut self, policy: RestartPolicy) -> Self {
        self.restart = policy;
        self
    }

    /// A plugin that holds an event so long without a sign of life hangs (EE-SUPERVISE-10): it is ended (a thread is left behind), and
    /// started again as its policy says; one that was given as a closure ([`Builder::plugin`]) has failed. Never, unless said. Plugins of
    /// the 0.2 API, and those whose processes the engine does not start, cannot be watched: the application does not start then.
    #[must_use]
    pub fn hang_after(mut self, limit: Duration) -> Self {
        self.hang_after = Some(limit);
        self
    }

    /// When the plugin fails for good the application does: it is stopped, and its report names the plugin.
    #[must_use]
    pub fn critical(mut self, critical: bool) -> Self {
        self.critical = critical;
        self
    }

    /// The bounds of the plugin's queue, and what happens past them.
    #[must_use]
    pub fn queue_limits(mut self, limits: QueueLimits) -> Self {
        self.limits = limits;
        self
    }

    /// External plugins: how many clients share the port and its queue (1 unless said), and how many processes are started
    /// ([`Builder::process`], at most 1,024). The plugin has finished when so many have quit.
    #[must_use]
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.replicas = replicas;
        self
    }

    /// Whether events of the plugin come from outside the application, so that it publishes of its own accord. Sources are told to
    /// stop first, and the application has not run dry before they have ended (EE-LIFE-10). Unless said, a plugin that subscribes to
    /// nothing is a source. A source of the basic profile is told by its stop event alone.
    #[must_use]
    pub fn source(mut self, source: bool) -> Self {
        self.source = Some(source);
        self
    }

    pub(crate) fn is_source(&self) -> bool {
        self.source.unwrap_or(self.subscriptions.is_empty())
    }

    /// The last event that the plugin gets when it is told to stop, whatever it subscribed to.
    #[must_use]
    pub fn stop_event(mut self, event: impl Into<Payload>) -> Self {
        self.stop_event = Some(event.into());
        self
    }

    /// How often an event goes back to the queue because the session that had it ended without quit, or the run of a plugin that a
    /// factory makes has failed (5 times unless said). After that it is given up: counted as dead-lettered, and logged (EE-SESSION-42,
    /// EE-SUPERVISE-6).
    #[must_use]
    pub fn redelivery_limit(mut self, limit: u32) -> Self {
        self.redelivery_limit = limit;
        self
    }

    /// Events that are given up are published again with this prefix before them, so that a plugin that subscribed to it can look at
    /// them.
    #[must_use]
    pub fn dead_letter(mut self, prefix: impl AsRef<[u8]>) -> Self {
        self.dead_letter = Some(prefix.as_ref().to_vec());
        self
    }
}
