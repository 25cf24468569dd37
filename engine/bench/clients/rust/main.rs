//! The bench's client with the Rust SDK, and a raw libzmq subscriber to compare it with.
//!
//! ```text
//! bench-client receive | publish | subscribe  ENDPOINT EVENTS BYTES
//! ```
//! Prints one line of JSON: how many events, when (nanoseconds since 1970), and for events that carry a time, how
//! long each travelled.

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use event_engine_client::{Client, Options, Profile};
use serde::Serialize;

type Failure = Box<dyn Error>;

const FILTER: &[u8] = b"bench:";
/// Events per `publish_batch`.
const BATCH: usize = 10_000;

#[derive(Serialize)]
struct Answer {
    events: u64,
    first_ns: u64,
    last_ns: u64,
    latencies_ns: Vec<i64>,
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, endpoint, events, bytes] = arguments.as_slice() else {
        return Err("usage: bench-client receive|publish|subscribe ENDPOINT EVENTS BYTES".into());
    };
    let (events, bytes) = (events.parse()?, bytes.parse()?);
    let answer = match what.as_str() {
        "receive" => receive(endpoint, events, bytes)?,
        "publish" => publish(endpoint, events, bytes)?,
        "subscribe" => subscribe(endpoint, events, bytes)?,
        other => return Err(format!("there is no command `{other}`").into()),
    };
    println!("{}", serde_json::to_string(&answer)?);
    Ok(())
}

fn connect(endpoint: &str) -> Result<Client, Failure> {
    Ok(Options::default().profile(Profile::Session).connect(endpoint)?)
}

fn receive(endpoint: &str, events: u64, bytes: usize) -> Result<Answer, Failure> {
    let client = connect(endpoint)?;
    let mut account = Account::new(events, bytes);
    while account.goes_on() {
        account.add(&client.next_event()?)?;
    }
    let answer = account.answer();
    client.quit()?;
    Ok(answer)
}

fn publish(endpoint: &str, events: u64, bytes: usize) -> Result<Answer, Failure> {
    let made: Vec<Vec<u8>> = (0..events).map(|number| event(number, bytes)).collect();
    let client = connect(endpoint)?;
    let first_ns = now_ns();
    for batch in made.chunks(BATCH) {
        client.publish_batch(batch)?;
    }
    let last_ns = now_ns();
    client.quit()?;
    Ok(Answer { events, first_ns, last_ns, latencies_ns: Vec::new() })
}

/// A filter, a number, no time, and fill.
fn event(number: u64, bytes: usize) -> Vec<u8> {
    let mut event = [FILTER, &number.to_le_bytes(), &[0; 8]].concat();
    event.resize(bytes.max(event.len()), b'.');
    event
}

fn subscribe(endpoint: &str, events: u64, bytes: usize) -> Result<Answer, Failure> {
    let socket = zmq::Context::new().socket(zmq::SUB)?;
    socket.set_rcvhwm(0)?;
    socket.connect(endpoint)?;
    socket.set_subscribe(FILTER)?;
    let mut account = Account::new(events, bytes);
    let mut message = zmq::Message::new();
    while account.goes_on() {
        socket.recv(&mut message, 0)?;
        account.add(&message)?;
    }
    Ok(account.answer())
}

/// Checks and counts events.
struct Account {
    events: u64,
    bytes: usize,
    next: u64,
    latencies_ns: Vec<i64>,
}

impl Account {
    fn new(events: u64, bytes: usize) -> Self {
        Account { events, bytes, next: 0, latencies_ns: Vec::new() }
    }

    fn goes_on(&self) -> bool {
        self.next < self.events
    }

    fn add(&mut self, event: &[u8]) -> Result<(), Failure> {
        let number = |at: usize| {
            let bytes = event.get(FILTER.len() + at..)?.first_chunk()?;
            Some(u64::from_le_bytes(*bytes))
        };
        if event.len() != self.bytes || number(0) != Some(self.next) {
            return Err(format!("event {} is not the one that came", self.next).into());
        }
        self.next += 1;
        if let Some(sent_ns) = number(8).filter(|ns| *ns > 0) {
            self.latencies_ns.push(i64::try_from(now_ns())? - i64::try_from(sent_ns)?);
        }
        Ok(())
    }

    fn answer(self) -> Answer {
        Answer { events: self.next, first_ns: 0, last_ns: now_ns(), latencies_ns: self.latencies_ns }
    }
}

fn now_ns() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}
