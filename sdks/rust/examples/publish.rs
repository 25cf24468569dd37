//! Publishes each line of its input: `cargo run --example publish [tcp://HOST:PORT] < lines`.

use std::io::{stdin, BufRead};

use event_engine_client::Client;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = match std::env::args().nth(1) {
        Some(endpoint) => Client::connect(&endpoint)?,
        None => Client::from_env()?,
    };
    // A whole batch is accepted, or the error says which part of it is in doubt.
    let lines = stdin().lock().lines().collect::<Result<Vec<_>, _>>()?;
    let last = client.publish_batch(&lines)?;
    println!("published {} lines, the last one as number {last}", lines.len());
    client.quit()?;
    Ok(())
}
