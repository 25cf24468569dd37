//! Steps at the port of one plugin; the protocol crate's tests replay them.

use super::Hex;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A plugin's options and what happens at its port.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // described in the README
pub struct Given {
    pub open: Option<bool>,
    pub replicas: Option<usize>,
    pub event_max_bytes: Option<usize>,
    pub ping_ms: Option<u64>,
    pub grace_ms: Option<u64>,
    pub redelivery_limit: Option<usize>,
    pub steps: Vec<Step>,
}

/// One thing that happens, and what must come of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // described in the README
pub struct Step {
    #[serde(rename = "do")]
    pub what: What,
    pub peer: Option<String>,
    pub frames: Option<Vec<Hex>>,
    #[serde(default)]
    pub zeros: usize,
    pub events: Option<Vec<Hex>>,
    pub count: Option<usize>,
    pub ms: Option<u64>,
    #[serde(default)]
    pub sends: Vec<Said>,
    #[serde(default)]
    pub publishes: Vec<Hex>,
}

/// What happens at a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // described in the README
pub enum What {
    Receive,
    Gone,
    Queue,
    Open,
    Park,
    Accept,
    Advance,
    Drain,
}

/// A message of the engine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // described in the README
pub struct Said {
    pub to: String,
    pub verb: String,
    pub keys: BTreeMap<String, Value>,
    #[serde(default)]
    pub events: Vec<Hex>,
}

/// What has become of the events.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // described in the README
pub struct Expected {
    pub queued: usize,
    pub in_flight: usize,
    pub delivered: usize,
    pub discarded: usize,
    pub dead_lettered: usize,
    pub finished: bool,
}

/// Each step has what it needs and nothing else.
///
/// # Errors
/// A sentence with the number of the step, from 1.
pub fn steps(given: &Given) -> Result<(), String> {
    for (index, step) in given.steps.iter().enumerate() {
        let has = (
            step.peer.is_some(),
            step.frames.is_some(),
            step.events.is_some(),
            step.count.is_some(),
            step.ms.is_some(),
        );
        let needs = match step.what {
            What::Receive => (true, true, false, false, false),
            What::Gone => (true, false, false, false, false),
            What::Queue => (false, false, true, false, false),
            What::Accept => (false, false, false, true, false),
            What::Advance => (false, false, false, false, true),
            What::Open | What::Park | What::Drain => (false, false, false, false, false),
        };
        if has != needs || (step.zeros > 0 && step.what != What::Receive) {
            return Err(format!("step {}: {:?} has too little or too much", index + 1, step.what));
        }
    }
    Ok(())
}
