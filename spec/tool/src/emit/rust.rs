//! `engine/protocol/src/constants.rs`.

use super::COMMAND;
use crate::protocol::{Protocol, Setting, Unit};
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
    for (name, value, doc) in super::words(protocol) {
        let _ = writeln!(out, "\n/// {doc}\npub const {name}: &str = {value:?};");
    }
    for limit in &protocol.limits {
        let _ = writeln!(out, "\n/// {}\n///\n/// Past it: {}.", super::limit_doc(limit), limit.outcome);
        let kind = if limit.unit == Unit::Ms { "u64" } else { "usize" };
        let _ = writeln!(out, "pub const {}: {kind} = {};", limit.name.as_ref(), super::grouped(limit.value));
    }
    out
}

fn typed_value(setting: &Setting) -> String {
    match (&setting.text, &setting.texts) {
        (Some(text), _) => format!("&str = {text:?}"),
        (_, Some(texts)) => format!("&[&str] = &{texts:?}"),
        _ if setting.port.is_some() => format!("u16 = {}", setting.integer()),
        _ => format!("u64 = {}", setting.integer()),
    }
}
