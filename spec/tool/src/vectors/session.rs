//! Vectors of the session profile, but for the engine's steps, which have a file of their own.

use super::Hex;
use crate::protocol::{KeyKind, Payload, Protocol, Side, Verb};
use event_engine_protocol::constants::{COMMAND_PREFIX, REPLY_PREFIX};
use event_engine_protocol::session::batch;
use event_engine_protocol::session::header::{Header, HeaderError};
use event_engine_protocol::session::message::{ErrorCode, SessionId, ToClient, ToEngine};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::BTreeMap;

/// A header and who wrote it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // the names say all
pub struct HeaderGiven {
    pub from: Side,
    pub header: Hex,
}

/// What it says, or the code with which it is refused.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
#[allow(missing_docs)] // the names say all
pub enum HeaderExpected {
    Read { verb: String, keys: BTreeMap<String, Value> },
    Refused { error: String },
}

/// A payload and what its header says of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchGiven {
    /// The key `count`, if it is there.
    pub count: Option<u64>,
    /// The payload.
    pub payload: Hex,
    /// So many zero bytes follow it.
    #[serde(default)]
    pub zeros: usize,
}

/// Its events, or the code with which it is refused.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
#[allow(missing_docs)] // the names say all
pub enum BatchExpected {
    Unpacked { events: Vec<Hex> },
    Refused { error: String },
}

/// A client's core and what happens to it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientGiven {
    /// The session's id.
    pub session: String,
    /// The client's name.
    pub client: String,
    /// Its receive window.
    pub window: u64,
    /// What happens.
    pub steps: Vec<ClientStep>,
}

/// One thing that happens to a client's core, and what must come of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // described in the README
pub struct ClientStep {
    #[serde(rename = "do")]
    pub what: ClientDo,
    pub frames: Option<Vec<Hex>>,
    pub events: Option<Vec<Hex>>,
    #[serde(default)]
    pub sends: Vec<Vec<Hex>>,
    #[serde(default, deserialize_with = "present")]
    pub event: Option<Option<ReceivedEvent>>,
    pub error: Option<ClientError>,
    pub state: Option<State>,
    pub settled: Option<u64>,
    pub unsettled: Option<Vec<u64>>,
}

/// What happens to a client's core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // described in the README
pub enum ClientDo {
    Connected,
    Disconnected,
    Receive,
    Publish,
    Next,
    Quit,
    Close,
}

/// An event as a client returns it.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // the names say all
pub struct ReceivedEvent {
    pub data: Hex,
    pub sequence: u64,
    pub redelivered: bool,
}

/// Kind of an error, and the code of a rejection.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
#[allow(missing_docs)] // the names say all
pub enum ClientError {
    Closed,
    Rejected { code: String },
    Protocol,
}

/// Where a client's session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // the names say all
pub enum State {
    Connecting,
    Greeting,
    Syncing,
    Running,
    Stopping,
    Quitting,
    Ended,
}

impl State {
    /// Its name in `machine.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Greeting => "greeting",
            Self::Syncing => "syncing",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Quitting => "quitting",
            Self::Ended => "ended",
        }
    }
}

/// Where a client's session stands at the end.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // described in the README
pub struct ClientExpected {
    pub state: State,
    pub settled: u64,
    pub unsettled: Vec<u64>,
}

/// Tells a key that is null from one that is absent.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

/// What the protocol says of a header.
///
/// # Errors
/// The protocol crate's own types and `protocol.toml` disagree about it.
pub fn header(protocol: &Protocol, given: &HeaderGiven) -> Result<HeaderExpected, String> {
    let bytes = given.header.as_ref();
    let prefix = if given.from == Side::Client { COMMAND_PREFIX } else { REPLY_PREFIX };
    let refused = |error: HeaderError| HeaderExpected::Refused { error: error.code().to_string() };
    let header = match Header::parse(prefix, bytes) {
        Ok(header) => header,
        Err(error) => return Ok(refused(error)),
    };
    let mut verbs = protocol.verbs.iter().filter(|verb| verb.from == given.from);
    let read = match verbs.find(|verb| verb.name.as_ref() == header.verb()) {
        None => HeaderExpected::Refused { error: ErrorCode::BadCommand.to_string() },
        Some(verb) => match keys(verb, &header) {
            Some(keys) => HeaderExpected::Read { verb: header.verb().to_owned(), keys },
            None => HeaderExpected::Refused { error: ErrorCode::BadParam.to_string() },
        },
    };
    let payload = protocol.verbs.iter().any(|verb| {
        verb.from == given.from && verb.name.as_ref() == header.verb() && verb.payload != Payload::None
    });
    let frames = if payload { vec![bytes, b"payload"] } else { vec![bytes] };
    let parsed = match given.from {
        Side::Client => ToEngine::parse(&frames).map(drop),
        Side::Engine => ToClient::parse(&frames).map(drop),
    };
    let agree = match (&read, parsed) {
        (HeaderExpected::Read { .. }, Ok(())) => true,
        (read @ HeaderExpected::Refused { .. }, Err(error)) => *read == refused(error),
        _ => false,
    };
    agree.then_some(read).ok_or_else(|| "protocol.toml and the protocol crate disagree about it".to_owned())
}

fn keys(verb: &Verb, header: &Header<'_>) -> Option<BTreeMap<String, Value>> {
    let mut keys = BTreeMap::new();
    for key in &verb.keys {
        let Some(value) = header.get(&key.name) else {
            key.optional.then_some(())?;
            continue;
        };
        let integer = value.integer();
        let read = match key.kind {
            KeyKind::Integer => integer.map(Value::from),
            KeyKind::Positive => integer.filter(|integer| *integer > 0).map(Value::from),
            KeyKind::Flag => integer.filter(|integer| *integer < 2).map(Value::from),
            KeyKind::Session => SessionId::parse(&value.bytes()).map(|id| Value::from(id.to_string())),
            KeyKind::Text => Some(Value::from(value.text())),
        };
        keys.insert(key.name.clone(), read?);
    }
    Some(keys)
}

/// What the protocol says of a payload.
pub fn unpack(given: &BatchGiven) -> BatchExpected {
    let mut payload = given.payload.0.clone();
    payload.resize(payload.len() + given.zeros, 0);
    let Some(count) = given.count else { return BatchExpected::Unpacked { events: vec![Hex(payload)] } };
    match batch::unpack(&payload, count) {
        Ok(events) => BatchExpected::Unpacked { events: events.map(|event| Hex(event.to_vec())).collect() },
        Err(error) => BatchExpected::Refused { error: error.code().to_string() },
    }
}

/// Each step has what it needs and nothing else, and the last state is the one expected. Clients replay the steps.
///
/// # Errors
/// A sentence with the number of the step, from 1.
pub fn client_steps(given: &ClientGiven, expected: &ClientExpected) -> Result<(), String> {
    if SessionId::parse(given.session.as_bytes()).is_none() {
        return Err("the session id is 32 lower-case digits".to_owned());
    }
    for (index, step) in given.steps.iter().enumerate() {
        let needs =
            (step.what == ClientDo::Receive, step.what == ClientDo::Publish, step.what == ClientDo::Next);
        if needs != (step.frames.is_some(), step.events.is_some(), step.event.is_some()) {
            return Err(format!("step {}: receive has frames, publish events, next event", index + 1));
        }
        if step.unsettled.as_deref().is_some_and(|range| !is_range(range)) {
            return Err(format!("step {}: unsettled is empty, or first and last", index + 1));
        }
    }
    let last = given.steps.last().and_then(|step| step.state);
    match last.filter(|last| *last != expected.state) {
        Some(last) => Err(format!("the last step says {last:?}")),
        None if !is_range(&expected.unsettled) => Err("unsettled is empty, or first and last".to_owned()),
        None => Ok(()),
    }
}

fn is_range(range: &[u64]) -> bool {
    match range {
        [] => true,
        [first, last] => first <= last,
        _ => false,
    }
}
