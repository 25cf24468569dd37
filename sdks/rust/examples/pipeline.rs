//! A worker between two kinds of events: `cargo run --example pipeline [tcp://HOST:PORT [PREFIX]]` publishes each event again,
//! in capitals, behind the prefix (`up:`).
//!
//! A result is accepted before the next event is asked for, which acknowledges the one it was made of: if this process
//! dies nothing is lost, and the next one makes at most one result twice.

use event_engine_client::{Client, Error};

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let client = match arguments.next() {
        Some(endpoint) => Client::connect(&endpoint)?,
        None => Client::from_env()?,
    };
    let prefix = arguments.next().unwrap_or("up:".into());
    for event in client.events() {
        let result = event?.to_ascii_uppercase();
        client.publish([prefix.as_bytes(), &result].concat())?;
    }
    client.quit()
}
