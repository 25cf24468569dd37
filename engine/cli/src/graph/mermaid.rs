//! A graph as a flowchart of Mermaid, which many web pages and editors draw.

use super::{shown, Graph};

pub(super) fn draw(graph: &Graph) -> String {
    let mut lines =
        vec!["---".to_string(), format!("title: \"{}\"", yaml(&graph.application)), "---".to_string()];
    lines.push("flowchart LR".to_string());
    for (index, plugin) in graph.plugins.iter().enumerate() {
        let class = if plugin.source { ":::source" } else { "" };
        lines.push(format!(
            "    p{index}[\"{}<br/>{}\"]{class}",
            escaped(&plugin.name),
            escaped(&plugin.details())
        ));
    }
    for (index, known) in graph.types.iter().enumerate() {
        lines.push(format!(
            "    t{index}([\"{}<br/>{}\"])",
            escaped(&known.name),
            escaped(&shown(&known.prefix))
        ));
    }
    for one in &graph.publishes {
        let arrow = if one.dead_letter { "-. given up .->" } else { "-->" };
        lines.push(format!("    p{} {arrow} t{}", one.plugin, one.event_type));
    }
    for one in &graph.subscribes {
        lines.push(format!("    t{} --> p{}", one.event_type, one.plugin));
    }
    lines.push("    classDef source stroke-width:3px".to_string());
    lines.join("\n") + "\n"
}

/// Everything that could mean something to Mermaid, Markdown or HTML becomes an entity.
fn escaped(text: &str) -> String {
    let harmless = |character: char| character.is_alphanumeric() || " .,:_·×…+=-".contains(character);
    let escape = |character: char| match character {
        character if harmless(character) => character.to_string(),
        character if character.is_control() => "\u{fffd}".to_string(),
        character => format!("#{};", u32::from(character)),
    };
    text.chars().map(escape).collect()
}

/// Within a quoted text of YAML.
fn yaml(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    #[test]
    fn sample() {
        insta::assert_snapshot!(super::super::tests::sample().mermaid());
    }
}
