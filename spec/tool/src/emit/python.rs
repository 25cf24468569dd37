//! Constants for Python: all that a client needs, and the words alone for `pyevents`.

use super::COMMAND;
use crate::protocol::{Protocol, Setting};
use std::fmt::Write;

/// Makes `pyevents/pyevents/_constants.py`: the words of the basic profile, for Python 3.8 and newer.
pub(super) fn emit_words(protocol: &Protocol) -> String {
    let mut out = format!(
        "\"\"\"Constants of the protocol.\n\nGenerated from spec/protocol.toml by `{COMMAND}`; do not edit.\n\"\"\"\n\n"
    );
    out.push_str("from typing import Final\n\n");
    out.push_str("#: Version of the specification that these constants come from.\n");
    let _ = writeln!(out, "VERSION: Final = {:?}", protocol.version);
    for word in &protocol.words {
        constant(&mut out, word.name.as_ref(), &format!("b{:?}", word.value), &word.doc);
    }
    out
}

/// Makes `sdks/python/src/event_engine/_constants.py`: words, verbs, error codes and limits.
pub(super) fn emit(protocol: &Protocol) -> String {
    let mut out = emit_words(protocol);
    for setting in super::client_settings(protocol) {
        constant(&mut out, setting.name.as_ref(), &value(setting), &setting.doc);
    }
    for (name, value, doc) in super::words(protocol) {
        constant(&mut out, &name, &format!("{value:?}"), doc);
    }
    for limit in super::client_limits(protocol) {
        constant(&mut out, limit.name.as_ref(), &super::grouped(limit.value), &super::limit_doc(limit));
    }
    out
}

fn constant(out: &mut String, name: &str, value: &str, doc: &str) {
    let _ = writeln!(out, "\n{}{name}: Final = {value}", super::comment("#: ", doc));
}

fn value(setting: &Setting) -> String {
    match (&setting.text, &setting.texts) {
        (Some(text), _) => format!("{text:?}"),
        (_, Some(texts)) => format!("{texts:?}"),
        _ => setting.integer().to_string(),
    }
}
