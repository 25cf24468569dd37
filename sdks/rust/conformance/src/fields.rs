//! What stands in a command.
//!
//! A field that is missing or of another type is the harness's mistake, so its error is of the kind `other`.

use std::time::Duration;

use base64::prelude::{Engine, BASE64_STANDARD};
use serde_json::Value;

use crate::Failure;

pub(crate) fn text<'a>(command: &'a Value, name: &str) -> Result<&'a str, Failure> {
    command.get(name).and_then(Value::as_str).ok_or_else(|| wrong(name))
}

pub(crate) fn number(command: &Value, name: &str) -> Result<u64, Failure> {
    command.get(name).and_then(Value::as_u64).ok_or_else(|| wrong(name))
}

pub(crate) fn size(command: &Value, name: &str) -> Result<usize, Failure> {
    number(command, name)?.try_into().map_err(|_| wrong(name))
}

/// Milliseconds, if they are said.
pub(crate) fn duration(command: &Value, name: &str) -> Result<Option<Duration>, Failure> {
    match command.get(name) {
        None => Ok(None),
        Some(_) => Ok(Some(Duration::from_millis(number(command, name)?))),
    }
}

pub(crate) fn bytes(command: &Value, name: &str) -> Result<Vec<u8>, Failure> {
    command.get(name).and_then(from_base64).ok_or_else(|| wrong(name))
}

pub(crate) fn list_of_bytes(command: &Value, name: &str) -> Result<Vec<Vec<u8>>, Failure> {
    let list = command.get(name).and_then(Value::as_array).ok_or_else(|| wrong(name))?;
    list.iter().map(from_base64).collect::<Option<_>>().ok_or_else(|| wrong(name))
}

pub(crate) fn to_base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

fn from_base64(value: &Value) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(value.as_str()?).ok()
}

fn wrong(name: &str) -> Failure {
    Failure::other(format!("the command's `{name}` is missing or not as the adapter protocol has it"))
}
