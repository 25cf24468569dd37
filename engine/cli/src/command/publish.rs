//! `event-engine pub`: publishes one event.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use event_engine::application::ApplicationFile;

use crate::exit::{self, Exit, Problem};
use crate::filter;
use crate::hex;
use crate::live::Choice;
use crate::output;

/// The largest event, in bytes, unless the application says otherwise.
const LARGEST: usize = 128 << 20;

/// What, and where.
#[derive(Debug, clap::Args)]
#[command(after_help = format!(
    "Prints the event's order in the application, once it is accepted. With --json: {{\"order\"}}\n\n{}",
    exit::HELP
))]
#[group(id = "what", required = true, multiple = false, args = ["event", "hex", "file"])]
pub(crate) struct Arguments {
    /// The event, as text; - reads it from stdin
    event: Option<String>,
    /// The event, in hexadecimal digits
    #[arg(long, value_name = "DIGITS")]
    hex: Option<String>,
    /// The event is what this file holds
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Put the prefix of this type before it
    #[arg(long = "type", value_name = "TYPE")]
    of_type: Option<String>,
    #[command(flatten)]
    choice: Choice,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

/// Publishes it.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Problem> {
    let hex = arguments.hex.as_deref().map(decoded).transpose()?;
    // Only what somebody takes is read.
    let mut live = arguments.choice.connect()?;
    let body = hex.map_or_else(|| body(arguments), Ok)?;
    let mut event = match &arguments.of_type {
        Some(name) => {
            let status = live.status().map_err(|error| live.problem(error))?;
            filter::of_type(name, &filter::types(&status))?
        }
        None => Vec::new(),
    };
    event.extend_from_slice(&body);
    let order = live.publish(&event).map_err(|error| live.problem(error))?;
    match arguments.json {
        true => output::write_json(&serde_json::json!({ "order": order }))?,
        false => output::write(&format!("{order}\n"))?,
    }
    Ok(Exit::Done)
}

fn decoded(digits: &str) -> Result<Vec<u8>, Problem> {
    hex::decode(digits)
        .ok_or_else(|| Problem::Wrong(format!("'{digits}' is not hexadecimal: --hex takes pairs of digits")))
}

/// What the file, stdin or the argument holds.
fn body(arguments: &Arguments) -> Result<Vec<u8>, Problem> {
    if let Some(path) = &arguments.file {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| Problem::Wrong(format!("{name}: {error}")))?;
        return read(&name, file, largest(arguments));
    }
    match arguments.event.as_deref() {
        Some("-") => read("stdin", io::stdin().lock(), largest(arguments)),
        text => Ok(text.unwrap_or_default().as_bytes().to_vec()),
    }
}

/// The largest event of the application, as far as the command line tells: what its file says, if that is how it was named.
fn largest(arguments: &Arguments) -> usize {
    let app = arguments.choice.app.as_deref().map(Path::new);
    let file = app.filter(|app| app.extension().is_some_and(|extension| extension == "toml"));
    file.and_then(|file| ApplicationFile::read_text(file).ok()).map_or(LARGEST, |file| file.max_event_bytes)
}

/// Reads all that `source` gives, which has no end perhaps.
fn read(name: &str, source: impl Read, largest: usize) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(largest).unwrap_or(u64::MAX).saturating_add(1);
    source
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(|error| Problem::Wrong(format!("{name} could not be read: {error}")))?;
    if bytes.len() > largest {
        return Err(Problem::Wrong(format!(
            "{name} holds more than the largest event, {largest} bytes; where the application allows more (max-event-bytes), name its \
             file: --app APP.toml"
        )));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_read_than_the_largest_event() {
        assert_eq!(read("stdin", &b"1234"[..], 4).unwrap(), b"1234");
        let failure = read("stdin", io::repeat(0), 4).unwrap_err();
        assert!(
            matches!(&failure, Problem::Wrong(text) if text.contains("largest event, 4 bytes")),
            "{failure:?}"
        );
    }
}
