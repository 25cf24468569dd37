//! `engine/protocol/src/constants.rs`.

use super::COMMAND;
use crate::protocol::{Limit, Protocol, Setting, Unit};
use std::fmt::Write;

/// Makes the file, formatted as rustfmt wants it.
pub(super) fn emit(protocol: &Protocol) -> String {
    let mut out = format!(
        "//! Constants of the protocol.\n//!\n//! Generated from `spec/protocol.toml` by `{COMMAND}`; do not edit.\n"
    );
    out.push_str("\n/// Version of the specification that these constants come from.\n");
    let _ = writeln!(out, "pub const VERSION: &str = {:?};", protocol.version);
    for word in &protocol.words {
        let _ = writeln!(out, "\n/// {}", word.doc);
        let _ = writeln!(out, "pub const {}: &[u8] = b{:?};", word.name.as_ref(), word.value);
    }
    for setting in &protocol.settings {
        let _ = writeln!(out, "\n/// {}", setting.doc);
        let _ = writeln!(out, "pub const {}: {};", setting.name.as_ref(), typed_value(setting));
    }
    for limit in &protocol.limits {
        let _ = writeln!(out, "\n/// {}\n///\n/// Past it: {}.", doc(limit), limit.outcome);
        let kind = if limit.unit == Unit::Ms { "u64" } else { "usize" };
        let _ = writeln!(out, "pub const {}: {kind} = {};", limit.name.as_ref(), grouped(limit.value));
    }
    out
}

fn typed_value(setting: &Setting) -> String {
    match (&setting.text, &setting.texts, setting.port) {
        (Some(text), _, _) => format!("&str = {text:?}"),
        (_, Some(texts), _) => format!("&[&str] = &{texts:?}"),
        (_, _, port) => format!("u16 = {}", port.unwrap_or_default()),
    }
}

fn doc(limit: &Limit) -> String {
    let kind = if limit.fixed { "Part of the protocol" } else { "Default" };
    format!("{} {kind}, in {}.", limit.doc, super::limits::unit_name(limit.unit))
}

/// Writes a number with `_` between groups of three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push('_');
        }
        out.push(digit);
    }
    out
}
