//! `pyevents/pyevents/_constants.py`.

use super::COMMAND;
use crate::protocol::Protocol;
use std::fmt::Write;

/// Makes the file: the words of the wire, for Python 3.8 and newer.
pub(super) fn emit(protocol: &Protocol) -> String {
    let mut out = format!(
        "\"\"\"Constants of the protocol.\n\nGenerated from spec/protocol.toml by `{COMMAND}`; do not edit.\n\"\"\"\n\n"
    );
    out.push_str("from typing import Final\n\n");
    out.push_str("#: Version of the specification that these constants come from.\n");
    let _ = writeln!(out, "VERSION: Final = {:?}", protocol.version);
    for word in &protocol.words {
        let _ = writeln!(out, "\n#: {}\n{}: Final = b{:?}", word.doc, word.name.as_ref(), word.value);
    }
    out
}
