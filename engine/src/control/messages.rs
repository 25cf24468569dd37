//! What travels on the control socket: one JSON object a line (spec/control.md).

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// A request: `{"id": 1, "op": "status"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Chosen by the client; every answer repeats it.
    pub id: u64,
    /// What is asked.
    #[serde(flatten)]
    pub op: Op,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Op {
    /// [`Status`] at this moment.
    Status,
    /// From now on the events that begin with one of `filters` (base64; none means all), until the connection ends. They are
    /// taken from nobody; what the reader is too slow for is counted, not kept.
    Tap {
        /// Prefixes, base64.
        filters: Vec<String>,
    },
    /// Publishes one event, in the name of `control`. Answered once the engine has accepted it.
    Publish {
        /// The event, base64.
        event: String,
    },
    /// Stops the application; with `now` without letting anything drain. Answered at once.
    Stop {
        /// Whether nothing is waited for.
        now: bool,
    },
    /// Answered when the application has ended.
    Wait,
}

impl<'de> Deserialize<'de> for Op {
    /// By hand, since what serde derives takes an operation's number for its name, too.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Asked::deserialize(deserializer)?.op().map_err(D::Error::custom)
    }
}

/// What is asked, as it was sent: of the fields only those of the operation are looked at.
#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    op: Value,
    #[serde(default = "no_filters")]
    filters: Value,
    #[serde(default)]
    event: Value,
    #[serde(default = "not_now")]
    now: Value,
}

fn no_filters() -> Value {
    Value::Array(Vec::new())
}

fn not_now() -> Value {
    Value::Bool(false)
}

impl Asked {
    fn op(self) -> Result<Op, String> {
        const OPERATIONS: &str = "the operations are `status`, `tap`, `publish`, `stop` and `wait`";
        match self.op.as_str() {
            Some("status") => Ok(Op::Status),
            Some("tap") => Ok(Op::Tap { filters: read("filters", self.filters)? }),
            Some("publish") => Ok(Op::Publish { event: read("event", self.event)? }),
            Some("stop") => Ok(Op::Stop { now: read("now", self.now)? }),
            Some("wait") => Ok(Op::Wait),
            Some(other) => Err(format!("`op` is `{other}`; {OPERATIONS}")),
            None => Err(format!("`op` is not the name of an operation; {OPERATIONS}")),
        }
    }
}

fn read<T: DeserializeOwned>(key: &str, value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| format!("`{key}`: {error}"))
}

/// An answer: `{"id": 1, "ok": {…}}`, `{"id": 1, "error": {…}}`, or for a tap, after `ok`, any number of `{"id": 1, "event": {…}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The request's; 0 when it could not be read.
    pub id: u64,
    /// What it says.
    #[serde(flatten)]
    pub body: Body,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Body {
    /// The request was done.
    Ok(Reply),
    /// It was not.
    Error {
        /// `bad-request`, `too-large`, `no-room`, `stopping`, `not-allowed`, `busy` or `internal`.
        code: String,
        /// What to do about it.
        text: String,
    },
    /// An event that a tap saw.
    Event(Tapped),
}

/// What a done request answers. Which one it is is seen from its keys.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Reply {
    /// To `status`.
    Status(Box<Status>),
    /// To `publish`.
    Published {
        /// The event's order.
        order: u64,
    },
    /// To `wait`.
    Ended {
        /// Whether every plugin ended as it should.
        success: bool,
        /// The report, as text.
        report: String,
    },
    /// To `tap` and `stop`.
    Done {},
}

impl<'de> Deserialize<'de> for Reply {
    /// By hand, since a [`Status`] may lack any of its keys, and would be taken for every answer.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct End {
            success: bool,
            report: String,
        }
        let reply = Value::deserialize(deserializer)?;
        if let Some(order) = reply.get("order") {
            u64::deserialize(order).map(|order| Reply::Published { order })
        } else if reply.get("report").is_some() {
            End::deserialize(reply).map(|End { success, report }| Reply::Ended { success, report })
        } else if reply.get("phase").is_some() {
            Status::deserialize(reply).map(|status| Reply::Status(Box::new(status)))
        } else {
            Ok(Reply::Done {})
        }
        .map_err(D::Error::custom)
    }
}

/// An event that a tap saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Tapped {
    /// Its order in the application.
    pub order: u64,
    /// The plugin that published it.
    pub from: String,
    /// Its bytes, base64.
    pub bytes: String,
    /// So many events before it were not shown, because the reader was too slow.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub missed: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde asks for a reference
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// An application at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Status {
    /// The application's name.
    pub application: String,
    /// Version of the engine.
    pub engine: String,
    /// The engine's process.
    pub pid: u32,
    /// `starting`, `running`, `draining` (it was stopped and runs dry), `stopping` or `ended`.
    pub phase: String,
    /// Since its start, in milliseconds.
    pub uptime_ms: u64,
    /// Events accepted so far.
    pub accepted: u64,
    /// Accepted events that nobody had subscribed to.
    pub unmatched: u64,
    /// Publishes that wait for room.
    pub parked: u64,
    /// Whether the ledger balances.
    pub balances: bool,
    /// Event types that the application's file names, with their prefixes (base64).
    pub types: Vec<Type>,
    /// Every plugin, in the order of registration; the bus ports and `control` are the last, if they are used.
    pub plugins: Vec<Plugin>,
}

/// An event type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Type {
    /// Its name.
    pub name: String,
    /// The prefix of its events, base64.
    pub prefix: String,
}

/// A plugin at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Plugin {
    /// Its name.
    pub name: String,
    /// `internal`, `external`, `bus` or `control`.
    pub kind: String,
    /// `starting` (not ready yet), `running`, `waiting` (for its next event), `restarting`, `hung`, `completed`, `failed`,
    /// `panicked`, `given-up`, `stopped`, `terminated` (killed at the deadline of a stop), `unfinished`.
    pub state: String,
    /// More about the state: an error, an exit status.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Whether it is a source.
    pub source: bool,
    /// Its TCP port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Its processes that the engine started.
    pub pids: Vec<u32>,
    /// How often it was started again.
    pub restarts: u64,
    /// Prefixes that it subscribed to, base64.
    pub subscribes: Vec<String>,
    /// Names of types that it says it publishes.
    pub publishes: Vec<String>,
    /// The ledger's numbers.
    pub published: u64,
    /// Events for which it had a subscription.
    pub matched: u64,
    /// Events that it has handled.
    pub delivered: u64,
    /// Events given to a transport that acknowledges nothing.
    pub handed_over: u64,
    /// Events that wait.
    pub queued: u64,
    /// Bytes of the events that wait.
    pub queued_bytes: u64,
    /// Events taken and not settled.
    pub in_flight: u64,
    /// Events dropped by the overflow policy.
    pub shed: u64,
    /// Events left when it finished.
    pub discarded: u64,
    /// Events given up.
    pub dead_lettered: u64,
    /// Times an event went back to the queue.
    pub redelivered: u64,
    /// Messages refused.
    pub refused: u64,
    /// Age of the event that waits longest, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_ms: Option<u64>,
    /// Processor time of its processes, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_ms: Option<u64>,
    /// Their memory, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rss_bytes: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every message comes back as it was.
    #[test]
    fn messages_survive_the_way() {
        let ops = [
            Op::Status,
            Op::Tap { filters: vec!["SU0=".into()] },
            Op::Publish { event: "SU0=".into() },
            Op::Stop { now: true },
            Op::Wait,
        ];
        for op in ops {
            let request = Request { id: 1, op };
            let text = serde_json::to_string(&request).unwrap();
            assert_eq!(serde_json::from_str::<Request>(&text).unwrap(), request, "{text}");
        }
        let status =
            Status { phase: "running".into(), plugins: vec![Plugin::default()], ..Status::default() };
        let bodies = [
            Body::Ok(Reply::Status(Box::new(status))),
            Body::Ok(Reply::Published { order: u64::MAX }),
            Body::Ok(Reply::Ended { success: false, report: "a\nb".into() }),
            Body::Ok(Reply::Done {}),
            Body::Error { code: "busy".into(), text: "later".into() },
            Body::Event(Tapped { order: 1, from: "a".into(), bytes: String::new(), missed: 3 }),
        ];
        for body in bodies {
            let answer = Answer { id: 7, body };
            let text = serde_json::to_string(&answer).unwrap();
            assert_eq!(serde_json::from_str::<Answer>(&text).unwrap(), answer, "{text}");
        }
    }
}
