//! Tables and diagrams of the state machines, and the table of verbs.

use crate::machine::Machine;
use crate::protocol::{Key, Payload, Protocol, Side};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A diagram for Markdown renderers, without what only answers or breaks the protocol, and the table of states.
pub(super) fn diagram(machine: &Machine) -> String {
    let mut edges: BTreeMap<(usize, usize), Vec<String>> = BTreeMap::new();
    let position = |name: &str| machine.states.iter().position(|state| state.name.get_ref() == name);
    for transition in machine.transitions.iter().filter(|transition| !transition.fault) {
        let causes = transition.on.join(", ");
        let condition = transition.when.as_ref().map(|when| format!(" ({when})")).unwrap_or_default();
        let sends = match transition.sends.as_slice() {
            [] => String::new(),
            verbs => format!(" / {}", verbs.join(", ")),
        };
        for from in transition.from.get_ref().iter().filter(|from| **from != transition.to) {
            if let (Some(from), Some(to)) = (position(from), position(&transition.to)) {
                edges.entry((from, to)).or_default().push(format!("{causes}{condition}{sends}"));
            }
        }
    }
    let mut out = format!("```mermaid\nstateDiagram-v2\n    [*] --> {}\n", machine.initial.get_ref());
    let name = |index: usize| machine.states.get(index).map_or("", |state| state.name.get_ref());
    for ((from, to), labels) in &edges {
        let _ = writeln!(out, "    {} --> {}: {}", name(*from), name(*to), labels.join("<br>"));
    }
    for last in &machine.last {
        let _ = writeln!(out, "    {last} --> [*]");
    }
    out.push_str("```\n\n| state | meaning |\n|---|---|\n");
    for state in &machine.states {
        let _ = writeln!(out, "| `{}` | {} |", state.name.get_ref(), state.doc);
    }
    out
}

/// Rows of one side's verbs.
pub(super) fn verbs(protocol: &Protocol, side: Side) -> String {
    let mut out = String::from("| verb | keys | payload | meaning |\n|---|---|---|---|\n");
    for verb in protocol.verbs.iter().filter(|verb| verb.from == side) {
        let keys: Vec<String> = verb.keys.iter().map(key).collect();
        let payload = match verb.payload {
            Payload::None => "-",
            Payload::Events => "events",
            Payload::Text => "text",
        };
        let keys = if keys.is_empty() { "-".to_owned() } else { keys.join("; ") };
        let _ = writeln!(out, "| `{}` | {keys} | {payload} | {} |", verb.name.get_ref(), verb.doc);
    }
    out
}

fn key(key: &Key) -> String {
    let optional = if key.optional { " (optional)" } else { "" };
    format!("`{}`{optional}: {}", key.name, key.doc)
}

/// Rows of the error codes.
pub(super) fn codes(protocol: &Protocol) -> String {
    let mut out = String::from("| code | meaning |\n|---|---|\n");
    for code in &protocol.codes {
        let _ = writeln!(out, "| `{}` | {} |", code.name.get_ref(), code.doc);
    }
    out
}
