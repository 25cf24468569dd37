//! A walk's script in the language of cases, as it grows.

use std::hash::{Hash, Hasher};

/// Lines of a case. Two scripts are always equal, so that models compare by what they know, not by how they came to know it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    lines: Vec<String>,
    /// Transitions taken by the last input.
    pub(super) taken: Vec<usize>,
    /// The first thing that the machine does not know.
    pub(super) mistake: Option<String>,
}

impl Script {
    /// A line that checks nothing.
    pub(super) fn say(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    /// A line that checks what these requirements say: `19 31` of the session profile, or whole ids.
    pub(super) fn check(&mut self, line: impl AsRef<str>, requirements: &str) {
        let tags = requirements.split_whitespace().map(|id| {
            if id.starts_with("EE-") {
                id.to_owned()
            } else {
                format!("EE-SESSION-{id}")
            }
        });
        let tags: Vec<String> = tags.collect();
        self.lines.push(format!("{:<64} {}", line.as_ref(), tags.join(" ")));
    }

    /// All lines, behind others.
    pub(super) fn text(&self, prelude: &[String]) -> String {
        prelude.iter().chain(&self.lines).fold(String::new(), |text, line| text + line.trim_end() + "\n")
    }
}

impl PartialEq for Script {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Script {}

impl Hash for Script {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}
