//! What `start` describes: an application and its plugins.

use std::collections::BTreeMap;

use event_engine::{Laggards, Overflow, QueueLimits};
use serde::Deserialize;

use super::adapter::Base64;

/// Fields of the application. Ports are numbers of any size: which ones an engine refuses is for the harness to see.
#[derive(Debug, Deserialize)]
pub(super) struct Application {
    pub(super) plugins: Vec<Plugin>,
    #[serde(default)]
    pub(super) bus: bool,
    pub(super) publish_port: Option<i32>,
    pub(super) subscribe_port: Option<i32>,
    pub(super) bind: Option<String>,
    #[serde(default)]
    pub(super) environment: BTreeMap<String, String>,
    pub(super) max_event_bytes: Option<usize>,
    pub(super) ping_ms: Option<u64>,
    pub(super) grace_ms: Option<u64>,
    pub(super) heartbeat_ms: Option<u64>,
    pub(super) stop_within_ms: Option<u64>,
    #[serde(default)]
    pub(super) until_done: bool,
    pub(super) wait_for_external_ms: Option<u64>,
    pub(super) laggards: Option<Late>,
    #[serde(default)]
    pub(super) allow_ambiguous_filters: bool,
    #[serde(default)]
    pub(super) api: Api,
}

impl Application {
    /// Whether the ports of the bus are wanted.
    pub(super) fn wants_bus(&self) -> bool {
        self.bus || self.publish_port.is_some() || self.subscribe_port.is_some()
    }
}

/// Fields of a plugin.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Plugin {
    pub(super) name: String,
    pub(super) kind: Kind,
    #[serde(default)]
    pub(super) subscribe: Vec<Base64>,
    #[serde(default)]
    pub(super) port: i32,
    pub(super) queue_events: Option<usize>,
    pub(super) queue_bytes: Option<usize>,
    pub(super) overflow: Option<Full>,
    pub(super) replicas: Option<usize>,
    pub(super) stop_event: Option<Base64>,
    pub(super) source: Option<bool>,
    pub(super) redelivery_limit: Option<u32>,
    pub(super) dead_letter: Option<Base64>,
    pub(super) ready_after_ms: Option<u64>,
}

impl Plugin {
    pub(super) fn queue_limits(&self) -> QueueLimits {
        let unsaid = QueueLimits::default();
        QueueLimits {
            max_events: self.queue_events.unwrap_or(unsaid.max_events),
            max_bytes: self.queue_bytes.unwrap_or(unsaid.max_bytes),
            overflow: match self.overflow {
                None | Some(Full::Wait) => Overflow::Wait,
                Some(Full::DropOldest) => Overflow::DropOldest,
                Some(Full::DropNewest) => Overflow::DropNewest,
            },
            ..unsaid
        }
    }

    pub(super) fn has_queue_limits(&self) -> bool {
        self.queue_events.is_some() || self.queue_bytes.is_some() || self.overflow.is_some()
    }
}

/// Which API of the engine the application uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Api {
    #[default]
    Own,
    Seed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    Internal,
    External,
}

/// `overflow`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Full {
    Wait,
    DropOldest,
    DropNewest,
}

/// `laggards`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Late {
    #[default]
    Wait,
    Start,
    Fail,
}

impl From<Late> for Laggards {
    fn from(late: Late) -> Self {
        match late {
            Late::Wait => Laggards::KeepWaiting,
            Late::Start => Laggards::StartWithout,
            Late::Fail => Laggards::Fail,
        }
    }
}
