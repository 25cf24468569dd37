//! `sdks/go/constants.go`.

use super::COMMAND;
use crate::protocol::{Limit, Protocol, Unit};
use std::fmt::Write;

/// Makes the file, formatted as gofmt wants it: error codes are exported, times are durations.
pub(super) fn emit(protocol: &Protocol) -> String {
    let mut out = format!(
        "// Code generated from spec/protocol.toml by `{COMMAND}`. DO NOT EDIT.\n\npackage eventengine\n\nimport \"time\"\n"
    );
    let mut block = |title: &str, constants: &[(String, String, String)]| {
        let _ = write!(out, "\n// {title}\nconst (\n");
        for (index, (name, value, doc)) in constants.iter().enumerate() {
            let space = if index == 0 { "" } else { "\n" };
            let _ = writeln!(out, "{space}{}\t{name} = {value}", super::comment("\t// ", doc));
        }
        out.push_str(")\n");
    };

    let version_doc = "Version of the specification that these constants come from.".to_owned();
    let mut words = vec![("specVersion".to_owned(), format!("{:?}", protocol.version), version_doc)];
    words.extend(
        protocol.words.iter().map(|w| (camel(w.name.as_ref()), format!("{:?}", w.value), w.doc.clone())),
    );
    words.extend(super::client_settings(protocol).map(|setting| {
        let number = || setting.integer().to_string();
        let value = setting.text.as_ref().map_or_else(number, |text| format!("{text:?}"));
        (camel(setting.name.as_ref()), value, setting.doc.clone())
    }));
    block("Words of the wire, names and numbers.", &words);

    let verbs = protocol.verbs.iter();
    let verbs: Vec<_> =
        verbs.map(|v| (camel(&v.constant()), format!("{:?}", v.name.as_ref()), v.doc.clone())).collect();
    block("Verbs of the session profile.", &verbs);

    let codes = protocol.codes.iter();
    let codes: Vec<_> =
        codes.map(|c| (exported(&c.constant()), format!("{:?}", c.name.as_ref()), c.doc.clone())).collect();
    block("Codes with which an engine, or this package, rejects something.", &codes);

    let limits: Vec<_> = super::client_limits(protocol)
        .map(|limit| (limit_name(limit), limit_value(limit), super::limit_doc(limit)))
        .collect();
    block("Limits.", &limits);
    out
}

/// A duration carries its unit in its type, so its name does not.
fn limit_name(limit: &Limit) -> String {
    let name: &str = limit.name.as_ref();
    match limit.unit {
        Unit::Ms => camel(name.strip_suffix("_MS").unwrap_or(name)),
        _ => camel(name),
    }
}

fn limit_value(limit: &Limit) -> String {
    match limit.unit {
        Unit::Ms => format!("{} * time.Millisecond", limit.value),
        _ => super::grouped(limit.value),
    }
}

/// `HEADER_MAX_BYTES` becomes `headerMaxBytes`.
fn camel(name: &str) -> String {
    let mut words = name.split('_').map(str::to_ascii_lowercase);
    let first = words.next().unwrap_or_default();
    words.fold(first, |name, word| name + &capitalised(&word))
}

/// `CODE_TOO_LARGE` becomes `CodeTooLarge`.
fn exported(name: &str) -> String {
    capitalised(&camel(name))
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    if word == "ok" {
        return "OK".to_owned();
    }
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}
