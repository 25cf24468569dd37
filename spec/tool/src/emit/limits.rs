//! The tables inside the prose.

use crate::protocol::{Protocol, Setting, Unit};
use std::fmt::Write;

/// Rows of the limits.
pub(super) fn limits(protocol: &Protocol) -> String {
    let mut out = String::from(
        "| limit | value | kind | meaning | past it | requirements |\n|---|---|---|---|---|---|\n",
    );
    for limit in &protocol.limits {
        let kind = if limit.fixed { "fixed" } else { "default" };
        let _ = writeln!(
            out,
            "| `{}` | {} | {kind} | {} | {} | {} |",
            limit.name.as_ref(),
            readable(limit.value, limit.unit),
            limit.doc,
            limit.outcome,
            limit.requirements.join(", ")
        );
    }
    out
}

/// Rows of the settings.
pub(super) fn settings(protocol: &Protocol) -> String {
    let mut out = String::from("| setting | value | meaning |\n|---|---|---|\n");
    for setting in &protocol.settings {
        let _ = writeln!(out, "| `{}` | {} | {} |", setting.name.as_ref(), value(setting), setting.doc);
    }
    out
}

/// Rows of the profiles.
pub(super) fn profiles(protocol: &Protocol) -> String {
    let mut out = String::from("| profile | sockets | status |\n|---|---|---|\n");
    for profile in &protocol.profiles {
        let name = match profile.text.as_str() {
            "" => format!("`{}`", profile.name),
            text => format!("[`{}`]({text})", profile.name),
        };
        let _ = writeln!(out, "| {name} | {} | {} |", profile.sockets, profile.status);
    }
    out
}

/// Name of a unit in a sentence.
pub(super) fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Bytes => "bytes",
        Unit::Events => "events",
        Unit::Frames => "frames",
        Unit::Headers => "headers",
        Unit::Requests => "requests",
        Unit::Messages => "messages",
        Unit::Sessions => "sessions",
        Unit::Connections => "connections",
        Unit::Attempts => "attempts",
        Unit::Times => "times",
        Unit::Ms => "milliseconds",
    }
}

fn value(setting: &Setting) -> String {
    match (&setting.text, &setting.texts) {
        (Some(text), _) => format!("`{text}`"),
        (_, Some(texts)) => texts.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", "),
        _ => setting.integer().to_string(),
    }
}

fn readable(value: u64, unit: Unit) -> String {
    const KIB: u64 = 1024;
    const MIB: u64 = 1024 * KIB;
    match unit {
        Unit::Bytes if value >= MIB && value.is_multiple_of(MIB) => format!("{} MiB", value / MIB),
        Unit::Bytes if value >= KIB && value.is_multiple_of(KIB) => format!("{} KiB", value / KIB),
        Unit::Bytes => format!("{value} B"),
        Unit::Ms if value.is_multiple_of(1000) => format!("{} s", value / 1000),
        Unit::Ms => format!("{value} ms"),
        Unit::Times => format!("× {value}"),
        _ => format!("{} {}", with_commas(value), unit_name(unit)),
    }
}

fn with_commas(value: u64) -> String {
    match (value / 1000, value % 1000) {
        (0, rest) => rest.to_string(),
        (thousands, rest) => format!("{},{rest:03}", with_commas(thousands)),
    }
}
