//! `event-engine pub`: publishes one event.

use std::fs;
use std::io::{self, Read};
use std::path::PathBuf;

use crate::exit::{self, Exit, Problem};
use crate::filter;
use crate::hex;
use crate::live::Choice;
use crate::output;

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
    let body = body(arguments)?;
    let mut live = arguments.choice.connect()?;
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

fn body(arguments: &Arguments) -> Result<Vec<u8>, Problem> {
    if let Some(digits) = &arguments.hex {
        return hex::decode(digits).ok_or_else(|| {
            Problem::Wrong(format!("'{digits}' is not hexadecimal: --hex takes pairs of digits"))
        });
    }
    if let Some(path) = &arguments.file {
        return fs::read(path).map_err(|error| Problem::Wrong(format!("{}: {error}", path.display())));
    }
    match arguments.event.as_deref() {
        Some("-") => {
            let mut bytes = Vec::new();
            io::stdin()
                .lock()
                .read_to_end(&mut bytes)
                .map_err(|error| Problem::Wrong(format!("stdin could not be read: {error}")))?;
            Ok(bytes)
        }
        text => Ok(text.unwrap_or_default().as_bytes().to_vec()),
    }
}
