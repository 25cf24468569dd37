//! What was on the wire, for people.

use crate::case::shown;
use crate::header::{unpacked, Header, CLIENT, ENGINE};
use crate::zmtp::{property, Unit};

/// A unit in one line.
pub(crate) fn unit(unit: &Unit) -> (&'static str, String) {
    match unit {
        Unit::Greeting(bytes) => {
            let version = |index: usize| bytes.get(index).copied().unwrap_or(0);
            ("link", format!("greeting of ZMTP {}.{}", version(10), version(11)))
        }
        Unit::Command(name, data) if name == "READY" => {
            let kind =
                property(data, "Socket-Type").map_or("nothing".into(), |kind| String::from_utf8_lossy(kind));
            ("link", format!("READY as {kind}"))
        }
        Unit::Command(name, data) => ("link", format!("{name} {}", shown(data))),
        Unit::Message(frames) => ("message", message(frames)),
        Unit::Nonsense(why) => ("bytes", format!("no ZMTP: {why}")),
    }
}

/// A message in one line: its frames between bars; the events of a packed payload one by one.
pub(crate) fn message(frames: &[Vec<u8>]) -> String {
    if let Some((first, rest)) = frames.split_first() {
        let header = [CLIENT, ENGINE].iter().find_map(|prefix| Header::read(first, prefix).ok());
        if let (Some(header), [payload]) = (header, rest) {
            if let Some(Ok(events)) = header.number("count").map(|count| unpacked(payload, Some(count))) {
                const MOST: usize = 4;
                let mut listed: Vec<String> = events.iter().take(MOST).map(|event| shown(event)).collect();
                if events.len() > MOST {
                    listed.push(format!("… {} events", events.len()));
                }
                return format!("{} | packed: {}", shown(first), listed.join(" "));
            }
        }
    }
    frames.iter().map(|frame| shown(frame)).collect::<Vec<_>>().join(" | ")
}
