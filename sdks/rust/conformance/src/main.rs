//! The testee of the Rust client: does what the conformance harness says, and reports what it saw.
//!
//! The harness starts it with `CONFORMANCE_ADDRESS`, sends commands over that connection and reads the answers;
//! `conformance/adapter.md` of the repository says which. By hand: `nc -l 9000`, then
//! `CONFORMANCE_ADDRESS=127.0.0.1:9000 cargo run -p event-engine-client-conformance`, and write commands to nc.
//!
//! - `main`: the connection, and a thread for every command.
//! - `commands`: what the commands do with a client. `envelope`: the two that need none.
//! - `numbered`: the events of `flood`, `drain` and `round_trips`.
//! - `fields`: what stands in a command. `failure`: the errors as they are answered.

// No client prints (EE-SDK-25), nor does what is around it.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod commands;
mod envelope;
mod failure;
mod fields;
mod numbered;

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{json, Value};

use crate::commands::Clients;
use crate::failure::Failure;

fn main() -> ExitCode {
    let code = if serve().is_ok() { 0 } else { 1 };
    // At once: returning would let go of the clients one by one, which says farewell.
    std::process::exit(code)
}

/// Begins every command as it comes, until the connection ends.
fn serve() -> Result<(), Box<dyn Error>> {
    let connection = TcpStream::connect(std::env::var("CONFORMANCE_ADDRESS")?)?;
    connection.set_nodelay(true)?;
    let answers = Arc::new(Mutex::new(connection.try_clone()?));
    let clients = Arc::new(Clients::default());
    for line in BufReader::new(connection).lines() {
        let command: Value = serde_json::from_str(&line?)?;
        let (answers, clients) = (answers.clone(), clients.clone());
        std::thread::Builder::new().spawn(move || {
            let answer = format!("{}\n", answer(&clients, &command));
            // Where it fails the connection has ended, and this process does, too.
            let _ = answers.lock().unwrap_or_else(PoisonError::into_inner).write_all(answer.as_bytes());
        })?;
    }
    Ok(())
}

/// The one answer to a command, even if the library panics.
fn answer(clients: &Clients, command: &Value) -> Value {
    let id = command.get("id");
    match catch_unwind(AssertUnwindSafe(|| clients.run(command))) {
        Ok(Ok(ok)) => json!({"id": id, "ok": ok}),
        Ok(Err(failure)) => json!({"id": id, "error": failure.to_json()}),
        Err(_) => json!({"id": id, "error": Failure::other("it panicked; stderr says more").to_json()}),
    }
}
