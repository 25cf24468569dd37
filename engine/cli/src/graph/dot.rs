//! A graph in the language of Graphviz.

use super::{shown, Graph};

pub(super) fn draw(graph: &Graph) -> String {
    let mut lines = vec![format!("digraph {} {{", quoted(&graph.application))];
    lines.push("    rankdir=LR".to_string());
    lines.push("    node [fontname=\"sans-serif\"]".to_string());
    for (index, plugin) in graph.plugins.iter().enumerate() {
        let width = if plugin.source { ", penwidth=2" } else { "" };
        let label = two_lines(&plugin.name, &plugin.details());
        lines.push(format!("    p{index} [shape=box, label={label}{width}]"));
    }
    for (index, known) in graph.types.iter().enumerate() {
        let label = two_lines(&known.name, &shown(&known.prefix));
        lines.push(format!("    t{index} [shape=box, style=rounded, label={label}]"));
    }
    for one in &graph.publishes {
        let style = if one.dead_letter { " [style=dashed, label=\"given up\"]" } else { "" };
        lines.push(format!("    p{} -> t{}{style}", one.plugin, one.event_type));
    }
    for one in &graph.subscribes {
        lines.push(format!("    t{} -> p{}", one.event_type, one.plugin));
    }
    lines.push("}".to_string());
    lines.join("\n") + "\n"
}

/// A label of two lines.
fn two_lines(first: &str, second: &str) -> String {
    format!("\"{}\\n{}\"", escaped(first), escaped(second))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// Within quotes a `"` would end the text, and a `\` begin one of Graphviz's own escapes.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    #[test]
    fn sample() {
        insta::assert_snapshot!(super::super::tests::sample().dot());
    }
}
