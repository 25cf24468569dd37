//! The seed application's external plugin: takes ten events, says goodbye, quits.

use std::process::ExitCode;
use std::time::Duration;

use event_engine_client::{Client, Error};

const EVENTS: usize = 10; // five of TypeA, five of TypeB
const WAIT: Duration = Duration::from_secs(30);

fn run() -> Result<(), Error> {
    let endpoint = std::env::var("EVENT_ENGINE_ENDPOINT").unwrap_or("tcp://127.0.0.1:6000".into());
    let client = Client::options().timeout(WAIT).connect(&endpoint)?;
    for _ in 0..EVENTS {
        let event = client.next_event_timeout(WAIT)?;
        println!("plugin got {}", String::from_utf8_lossy(&event));
    }
    client.publish_timeout("TypeCGoodbye from the external plugin", WAIT)?;
    println!("plugin published TypeCGoodbye from the external plugin");
    client.quit()
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("plugin: {error}");
            ExitCode::FAILURE
        }
    }
}
