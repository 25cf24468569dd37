//! What the commands do with a client of the library.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use event_engine_client::{Client, Event, Profile};
use serde_json::{json, Value};

use crate::fields::{self, to_base64};
use crate::{envelope, numbered, Failure};

const FEATURES: [&str; 13] = [
    "timeouts",
    "batch",
    "iterate",
    "unsettled",
    "concurrent",
    "drop",
    "heartbeat",
    "environment",
    "profiles",
    "receive-window",
    "codes",
    "late-connect",
    "envelope",
];

/// The clients by the names that the harness gave them.
#[derive(Default)]
pub(crate) struct Clients(Mutex<HashMap<String, Arc<Client>>>);

impl Clients {
    /// Carries out one command.
    pub(crate) fn run(&self, command: &Value) -> Result<Value, Failure> {
        match fields::text(command, "op")? {
            "hello" => Ok(hello()),
            "connect" => self.connect(command),
            "next" => next(&*self.client(command)?, command),
            "events" => events(&*self.client(command)?, command),
            "publish" => publish(&*self.client(command)?, command),
            "publish_batch" => publish_batch(&*self.client(command)?, command),
            // How long quitting may take is an option of connecting in this library: `timeout_ms` has no place here.
            "quit" => Ok(self.client(command)?.quit().map(|()| json!({}))?),
            "close" => {
                self.client(command)?.close();
                Ok(json!({}))
            }
            "stopping" => Ok(json!({ "stopping": self.client(command)?.stopping() })),
            "drop" => {
                drop(self.remove(fields::text(command, "client")?));
                Ok(json!({}))
            }
            "flood" => numbered::flood(&*self.client(command)?, command),
            "drain" => numbered::drain(&*self.client(command)?, command),
            "round_trips" => numbered::round_trips(&*self.client(command)?, command),
            "seal" => envelope::seal(command),
            "open" => envelope::open(command),
            op => Err(Failure::unsupported(format!("there is no op `{op}`"))),
        }
    }

    fn connect(&self, command: &Value) -> Result<Value, Failure> {
        let name = fields::text(command, "client")?;
        for (variable, value) in command.get("environment").and_then(Value::as_object).into_iter().flatten() {
            std::env::set_var(variable, value.as_str().unwrap_or_default());
        }
        let mut options = Client::options().profile(match command.get("profile").and_then(Value::as_str) {
            None | Some("auto") => Profile::Auto,
            Some("basic") => Profile::Basic,
            Some("session") => Profile::Session,
            Some(other) => return Err(Failure::unsupported(format!("there is no profile `{other}`"))),
        });
        if let Some(timeout) = fields::duration(command, "timeout_ms")? {
            options = options.timeout(timeout);
        }
        if let Some(interval) = fields::duration(command, "heartbeat_ms")? {
            options = options.heartbeat(interval);
        }
        if let Some(events) = command.get("receive_window").and_then(Value::as_u64) {
            options = options.receive_window(usize::try_from(events).unwrap_or(usize::MAX));
        }
        // The one it replaces goes first, as if its process had ended.
        drop(self.remove(name));
        let client = match command.get("endpoint").and_then(Value::as_str) {
            Some(endpoint) => options.connect(endpoint)?,
            None => options.from_env()?,
        };
        let profile = match client.profile() {
            Profile::Session => "session",
            Profile::Basic => "basic",
            Profile::Auto => "auto",
        };
        self.lock().insert(name.to_owned(), Arc::new(client));
        Ok(json!({"profile": profile}))
    }

    fn client(&self, command: &Value) -> Result<Arc<Client>, Failure> {
        let name = fields::text(command, "client")?;
        self.lock().get(name).cloned().ok_or_else(|| Failure::other(format!("there is no client `{name}`")))
    }

    /// Takes a client out, so that it is dropped while the others can be asked for.
    fn remove(&self, name: &str) -> Option<Arc<Client>> {
        self.lock().remove(name)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Client>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hello() -> Value {
    json!({
        "name": "event-engine-client",
        // The repository has one version, so this one is the library's.
        "version": env!("CARGO_PKG_VERSION"),
        "language": concat!("Rust ", env!("CARGO_PKG_RUST_VERSION")),
        "role": "sdk",
        "profiles": ["basic", "session"],
        "features": FEATURES,
    })
}

fn next(client: &Client, command: &Value) -> Result<Value, Failure> {
    let event = match fields::duration(command, "timeout_ms")? {
        Some(timeout) => client.next_event_timeout(timeout),
        None => client.next_event(),
    };
    Ok(report(&event?))
}

fn events(client: &Client, command: &Value) -> Result<Value, Failure> {
    let max = fields::size(command, "max")?;
    let mut events = Vec::new();
    for event in client.events().take(max) {
        events.push(report(&event?));
    }
    Ok(json!({"ended": events.len() < max, "events": events}))
}

fn publish(client: &Client, command: &Value) -> Result<Value, Failure> {
    let event = fields::bytes(command, "data")?;
    let id = match fields::duration(command, "timeout_ms")? {
        Some(timeout) => client.publish_timeout(event, timeout),
        None => client.publish(event),
    };
    Ok(json!({"id": id?}))
}

fn publish_batch(client: &Client, command: &Value) -> Result<Value, Failure> {
    let events = fields::list_of_bytes(command, "data")?;
    let id = match fields::duration(command, "timeout_ms")? {
        Some(timeout) => client.publish_batch_timeout(events, timeout),
        None => client.publish_batch(events),
    };
    Ok(json!({"id": id?}))
}

/// An event as it is answered.
fn report(event: &Event) -> Value {
    let mut report = json!({"data": to_base64(event), "redelivered": event.redelivered()});
    if let (Some(sequence), Some(report)) = (event.sequence(), report.as_object_mut()) {
        report.insert("sequence".to_owned(), sequence.into());
    }
    report
}
