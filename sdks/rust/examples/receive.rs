//! Prints every event until the application stops: `cargo run --example receive [tcp://HOST:PORT]`.

use event_engine_client::{Client, Error};

fn main() -> Result<(), Error> {
    let client = match std::env::args().nth(1) {
        Some(endpoint) => Client::connect(&endpoint)?,
        None => Client::from_env()?,
    };
    for event in client.events() {
        let event = event?;
        let again = if event.redelivered() { " (again)" } else { "" };
        println!("{} {}{again}", event.sequence().unwrap_or(0), String::from_utf8_lossy(&event));
    }
    client.quit()
}
