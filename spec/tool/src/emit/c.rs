//! `sdks/c/src/constants.h`.

use super::COMMAND;
use crate::protocol::Protocol;
use std::fmt::Write;

/// Makes the header: macros with the prefix `EE_`, private to the library.
pub(super) fn emit(protocol: &Protocol) -> String {
    let mut out = format!(
        "/* Constants of the protocol.\n *\n * Generated from spec/protocol.toml by `{COMMAND}`; do not edit. */\n\n"
    );
    out.push_str("#ifndef EE_CONSTANTS_H\n#define EE_CONSTANTS_H\n");
    let mut define = |name: &str, value: &str, doc: &str| {
        let comment = super::comment(" * ", doc);
        let comment = comment.trim_start().trim_end();
        let _ = writeln!(out, "\n/{comment} */\n#define EE_{name} {value}");
    };
    let doc = "Version of the specification that these constants come from.";
    define("SPEC_VERSION", &format!("{:?}", protocol.version), doc);
    for word in &protocol.words {
        define(word.name.as_ref(), &format!("{:?}", word.value), &word.doc);
    }
    for setting in super::client_settings(protocol) {
        let number = || setting.integer().to_string();
        let value = setting.text.as_ref().map_or_else(number, |text| format!("{text:?}"));
        define(setting.name.as_ref(), &value, &setting.doc);
    }
    for (name, value, doc) in super::words(protocol) {
        define(&name, &format!("{value:?}"), doc);
    }
    for limit in super::client_limits(protocol) {
        define(limit.name.as_ref(), &limit.value.to_string(), &super::limit_doc(limit));
    }
    out.push_str("\n#endif\n");
    out
}
