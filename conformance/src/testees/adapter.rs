//! The testee's end of the adapter protocol: commands come in, and every one gets exactly one answer.

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};

use base64::prelude::{Engine, BASE64_STANDARD};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{json, Value};

const ADDRESS: &str = "CONFORMANCE_ADDRESS";

/// Hands every command to `carry_out` until the harness ends the connection.
pub(super) fn serve(mut carry_out: impl FnMut(Command)) -> io::Result<()> {
    let address = env::var(ADDRESS).map_err(|error| io::Error::other(format!("{ADDRESS}: {error}")))?;
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let out = Arc::new(Mutex::new(stream.try_clone()?));
    for line in BufReader::new(stream).lines() {
        let fields: Value = serde_json::from_str(&line?)?;
        let Head { id, op } = Head::deserialize(&fields)?;
        carry_out(Command { op, fields, answer: Answer { id, out: Some(Arc::clone(&out)) } });
    }
    Ok(())
}

/// What every command has.
#[derive(Deserialize)]
struct Head {
    id: u64,
    op: String,
}

/// What the harness wants.
pub(super) struct Command {
    pub(super) op: String,
    fields: Value,
    pub(super) answer: Answer,
}

impl Command {
    /// The command's fields; unknown ones are ignored.
    pub(super) fn fields<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        T::deserialize(&self.fields).map_err(|error| Failure::new("invalid", error))
    }
}

/// The answer that is owed for a command. One that is dropped says `closed`: whoever was to give it has ended.
pub(super) struct Answer {
    id: u64,
    out: Option<Arc<Mutex<TcpStream>>>,
}

impl Answer {
    pub(super) fn give(mut self, result: Result<Value, Failure>) {
        self.write(result);
    }

    pub(super) fn ok(self, value: Value) {
        self.give(Ok(value));
    }

    fn write(&mut self, result: Result<Value, Failure>) {
        let Some(out) = self.out.take() else { return };
        let mut line = match result {
            Ok(ok) => json!({ "id": self.id, "ok": ok }),
            Err(failure) => json!({ "id": self.id, "error": failure }),
        }
        .to_string();
        line.push('\n');
        // Where the connection has ended the reader ends the process.
        let _ = out.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.write(Err(Failure::new("closed", "the plugin has ended")));
    }
}

/// Why a command was not carried out.
#[derive(Debug, Serialize)]
pub(super) struct Failure {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    text: String,
}

impl Failure {
    pub(super) fn new(kind: &'static str, text: impl ToString) -> Self {
        Failure { kind, code: None, text: text.to_string() }
    }

    pub(super) fn rejected(code: &'static str, text: impl ToString) -> Self {
        Failure { kind: "rejected", code: Some(code), text: text.to_string() }
    }

    pub(super) fn unsupported(what: &str) -> Self {
        Failure::new("unsupported", format!("{what}: not here"))
    }

    pub(super) fn is_closed(&self) -> bool {
        self.kind == "closed"
    }
}

/// A byte string, Base64 on the wire.
#[derive(Clone, Debug, Default)]
pub(super) struct Base64(pub(super) Vec<u8>);

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64_STANDARD.decode(text).map(Base64).map_err(D::Error::custom)
    }
}

pub(super) fn base64(bytes: &[u8]) -> Value {
    BASE64_STANDARD.encode(bytes).into()
}
