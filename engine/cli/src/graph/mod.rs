//! Who sends what to whom: plugins, types, and arrows between them, from an application file or from a running application.

use base64::engine::general_purpose::STANDARD;
use base64::Engine as _;
use event_engine::application::{ApplicationFile, PluginKind};
use event_engine::control::messages::Status;

mod dot;
mod mermaid;
mod svg;

/// An application as a graph. Arrows hold indices into `plugins` and `types`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Graph {
    /// The application's name.
    pub(crate) application: String,
    pub(crate) plugins: Vec<PluginNode>,
    pub(crate) types: Vec<TypeNode>,
    pub(crate) publishes: Vec<Publishes>,
    pub(crate) subscribes: Vec<Subscribes>,
}

/// A plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PluginNode {
    pub(crate) name: String,
    /// Like `internal`, for people.
    pub(crate) kind: String,
    pub(crate) source: bool,
    /// Of a running application, like `waiting`.
    pub(crate) state: Option<String>,
}

/// An event type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TypeNode {
    pub(crate) name: String,
    pub(crate) prefix: Vec<u8>,
}

/// A plugin publishes a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Publishes {
    pub(crate) plugin: usize,
    pub(crate) event_type: usize,
    /// Only events of its queue that are given up.
    pub(crate) dead_letter: bool,
}

/// A plugin takes a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subscribes {
    pub(crate) event_type: usize,
    pub(crate) plugin: usize,
}

impl Graph {
    /// The graph of an application file.
    pub(crate) fn from_file(file: &ApplicationFile) -> Self {
        let types = file
            .types
            .iter()
            .map(|declared| TypeNode { name: declared.name.clone(), prefix: declared.prefix.clone() });
        let mut graph = Graph { application: file.name.clone(), types: types.collect(), ..Graph::default() };
        for entry in &file.plugins {
            let kind = match &entry.kind {
                PluginKind::Process { replicas, .. } if *replicas > 1 => format!("process × {replicas}"),
                PluginKind::Process { .. } => "process".to_string(),
                PluginKind::External { .. } => "external".to_string(),
                PluginKind::Internal => "internal".to_string(),
                _ => String::new(),
            };
            let plugin = graph.plugins.len();
            graph.plugins.push(PluginNode {
                name: entry.name.clone(),
                kind,
                source: entry.source,
                state: None,
            });
            entry.publish.iter().for_each(|name| graph.publish(plugin, name, false));
            entry.dead_letter.iter().for_each(|name| graph.publish(plugin, name, true));
            for prefix in entry.subscribe.iter().filter_map(|name| file.prefix(name)) {
                graph.subscribe(plugin, prefix);
            }
        }
        graph
    }

    /// The graph of a running application. What a plugin publishes is known only as far as it said so.
    pub(crate) fn from_status(status: &Status) -> Self {
        let bytes = |text: &str| STANDARD.decode(text).unwrap_or_default();
        let types = status
            .types
            .iter()
            .map(|known| TypeNode { name: known.name.clone(), prefix: bytes(&known.prefix) });
        let mut graph =
            Graph { application: status.application.clone(), types: types.collect(), ..Graph::default() };
        for told in &status.plugins {
            let plugin = graph.plugins.len();
            let state = Some(told.state.clone()).filter(|state| !state.is_empty());
            graph.plugins.push(PluginNode {
                name: told.name.clone(),
                kind: told.kind.clone(),
                source: told.source,
                state,
            });
            told.publishes.iter().for_each(|name| graph.publish(plugin, name, false));
            told.subscribes.iter().for_each(|prefix| graph.subscribe(plugin, &bytes(prefix)));
        }
        graph
    }

    fn publish(&mut self, plugin: usize, name: &str, dead_letter: bool) {
        let event_type = self.types.iter().position(|known| known.name == name).unwrap_or_else(|| {
            self.types.push(TypeNode { name: name.to_string(), prefix: Vec::new() });
            self.types.len() - 1
        });
        let new = Publishes { plugin, event_type, dead_letter };
        let known = |one: &Publishes| one.plugin == plugin && one.event_type == event_type;
        if !self.publishes.iter().any(known) {
            self.publishes.push(new);
        }
    }

    /// From every type whose events begin with the prefix; where there is none, from a type that stands for the prefix.
    fn subscribe(&mut self, plugin: usize, prefix: &[u8]) {
        let taken = |graph: &Graph| -> Vec<usize> {
            let types = graph.types.iter().enumerate();
            types.filter(|(_, known)| known.prefix.starts_with(prefix)).map(|(index, _)| index).collect()
        };
        if taken(self).is_empty() {
            self.types.push(TypeNode { name: shown(prefix), prefix: prefix.to_vec() });
        }
        for event_type in taken(self) {
            let new = Subscribes { event_type, plugin };
            if !self.subscribes.contains(&new) {
                self.subscribes.push(new);
            }
        }
    }

    /// As a flowchart of Mermaid.
    pub(crate) fn mermaid(&self) -> String {
        mermaid::draw(self)
    }

    /// In the language of Graphviz.
    pub(crate) fn dot(&self) -> String {
        dot::draw(self)
    }

    /// As a picture.
    pub(crate) fn svg(&self) -> String {
        svg::draw(self)
    }
}

impl PluginNode {
    /// What is said below its name.
    fn details(&self) -> String {
        let mut words = Vec::new();
        if self.source {
            words.push("source");
        }
        words.push(&self.kind);
        words.extend(self.state.as_deref());
        words.retain(|word| !word.is_empty());
        words.join(" · ")
    }
}

/// A prefix for people: as text if it is some, or in hex.
fn shown(prefix: &[u8]) -> String {
    const MOST: usize = 24;
    let text = match std::str::from_utf8(prefix) {
        Ok("") => return "everything".to_string(),
        Ok(text) if !text.chars().any(char::is_control) => text.to_string(),
        _ => format!("0x{}", prefix.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
    };
    shortened(&text, MOST)
}

/// At most so many characters of a text, of its beginning and its end: names often differ in a number at their end.
fn shortened(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.to_string();
    }
    let end = most.saturating_sub(1) / 2;
    let begin = most.saturating_sub(1) - end;
    text.chars().take(begin).chain(['…']).chain(text.chars().skip(length - end)).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use event_engine::control::messages::{Plugin, Type};

    use super::*;

    /// An application with a cycle, a dead letter, a taker of everything, and names that are to be escaped.
    pub(crate) fn sample() -> Graph {
        let text = r#"
            [application]
            name = "a \"b\" <c> & d"
            [types]
            image = "IM"
            scored = { hex = "ff00" }
            "r&<e>\"try\\" = "RE"
            dead = "DE"
            all = ""
            [plugins.generator]
            command = "generate"
            publish = ["image"]
            [plugins.scorer]
            command = "score"
            replicas = 3
            subscribe = ["image", "r&<e>\"try\\"]
            publish = ["scored"]
            dead-letter = "dead"
            [plugins."mon[i]tor; #1"]
            internal = true
            subscribe = ["scored"]
            publish = ["r&<e>\"try\\"]
            [plugins.logger]
            port = 6001
            subscribe = ["all"]
        "#;
        Graph::from_file(&ApplicationFile::parse(text, "app.toml").unwrap())
    }

    #[test]
    fn a_file_becomes_a_graph() {
        let graph = sample();
        let names: Vec<&str> = graph.plugins.iter().map(|plugin| plugin.name.as_str()).collect();
        assert_eq!(names, ["generator", "scorer", "mon[i]tor; #1", "logger"]);
        let details: Vec<String> = graph.plugins.iter().map(PluginNode::details).collect();
        assert_eq!(details, ["source · process", "process × 3", "internal", "external"]);
        let subscribes: Vec<(usize, usize)> =
            graph.subscribes.iter().map(|one| (one.event_type, one.plugin)).collect();
        assert_eq!(subscribes, [(0, 1), (2, 1), (1, 2), (0, 3), (1, 3), (2, 3), (3, 3), (4, 3)]);
        let publishes: Vec<(usize, usize, bool)> =
            graph.publishes.iter().map(|one| (one.plugin, one.event_type, one.dead_letter)).collect();
        assert_eq!(publishes, [(0, 0, false), (1, 1, false), (1, 3, true), (2, 2, false)]);
    }

    #[test]
    fn a_running_application_becomes_a_graph() {
        let base64 = |bytes: &[u8]| STANDARD.encode(bytes);
        let plugin = |name: &str, subscribes: &[&[u8]], publishes: &[&str]| Plugin {
            name: name.to_string(),
            kind: "external".to_string(),
            state: "waiting".to_string(),
            subscribes: subscribes.iter().map(|prefix| base64(prefix)).collect(),
            publishes: publishes.iter().map(|name| (*name).to_string()).collect(),
            ..Plugin::default()
        };
        let status = Status {
            application: "live".to_string(),
            types: vec![Type { name: "image".to_string(), prefix: base64(b"IM") }],
            plugins: vec![
                plugin("a", &[], &["image", "image"]),
                plugin("b", &[b"IM", b"\xff\x01", b""], &[]),
            ],
            ..Status::default()
        };
        let graph = Graph::from_status(&status);
        assert_eq!(graph.types[1], TypeNode { name: "0xff01".to_string(), prefix: b"\xff\x01".to_vec() });
        assert_eq!((graph.types.len(), graph.publishes.len(), graph.subscribes.len()), (2, 1, 2));
        assert_eq!(graph.plugins[0].details(), "external · waiting");
    }

    #[test]
    fn prefixes_are_shown_as_text_or_hex() {
        for (prefix, expected) in [
            (&b"IM"[..], "IM"),
            (b"", "everything"),
            (b"\x00", "0x00"),
            (b"a\n", "0x610a"),
            (&[b'x'; 30], "xxxxxxxxxxxx…xxxxxxxxxxx"),
        ] {
            assert_eq!(shown(prefix), expected);
        }
    }
}
