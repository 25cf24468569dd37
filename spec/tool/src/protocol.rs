//! `spec/protocol.toml`: words, settings and limits of the protocol.

use crate::source::{Problem, Source};
use serde::Deserialize;
use std::path::Path;
use toml::Spanned;

/// Where the file stands.
pub const PATH: &str = "spec/protocol.toml";

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protocol {
    /// Version of the specification.
    pub version: String,
    /// Profiles, the reserved ones included.
    #[serde(rename = "profile")]
    pub profiles: Vec<Profile>,
    /// Byte strings that appear on the wire.
    #[serde(rename = "bytes")]
    pub words: Vec<Word>,
    /// Names, addresses, ports and socket types.
    #[serde(rename = "setting")]
    pub settings: Vec<Setting>,
    /// Limits in the order of the table.
    #[serde(rename = "limit")]
    pub limits: Vec<Limit>,
}

/// One profile.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// Who must have it.
    pub status: String,
    /// Which sockets it uses.
    pub sockets: String,
    /// File with its normative text below `spec/`; empty for a reserved name.
    pub text: String,
}

/// A byte string of the wire, in printable ASCII.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Word {
    /// Name of the constant.
    pub name: Spanned<String>,
    /// Name of the grammar rule.
    pub grammar: String,
    /// The bytes.
    pub value: String,
    /// One sentence.
    pub doc: String,
}

/// A constant that is neither on the wire nor a limit; exactly one of its values is given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// Name of the constant.
    pub name: Spanned<String>,
    /// A text.
    pub text: Option<String>,
    /// A list of texts.
    pub texts: Option<Vec<String>>,
    /// A TCP port.
    pub port: Option<u16>,
    /// One sentence.
    pub doc: String,
}

/// A limit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Name of the constant.
    pub name: Spanned<String>,
    /// The number, in `unit`.
    pub value: u64,
    /// Unit of the number.
    pub unit: Unit,
    /// True if the protocol fixes it; else it is a default.
    #[serde(default)]
    pub fixed: bool,
    /// One sentence.
    pub doc: String,
    /// What happens past it.
    pub outcome: String,
    /// Requirements that state it.
    pub requirements: Vec<String>,
}

/// Unit of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // the names say all
pub enum Unit {
    Bytes,
    Events,
    Frames,
    Requests,
    Messages,
    Times,
    Ms,
}

impl Protocol {
    /// Reads the file.
    ///
    /// # Errors
    /// The place where it is not what this tool understands.
    pub fn read(root: &Path) -> Result<(Self, Source), Problem> {
        let source = Source::read(root, PATH)?;
        let protocol: Self = crate::parse_toml(&source)?;
        Ok((protocol, source))
    }

    /// Checks what types cannot say: unique names, printable ASCII, one value per setting.
    pub fn check(&self, source: &Source) -> Vec<Problem> {
        let mut problems = Vec::new();
        let names = self
            .words
            .iter()
            .map(|word| &word.name)
            .chain(self.settings.iter().map(|setting| &setting.name))
            .chain(self.limits.iter().map(|limit| &limit.name));
        let mut seen = std::collections::BTreeSet::new();
        for name in names {
            if !seen.insert(name.as_ref()) {
                problems.push(source.problem(name.span().start, format!("{} stands twice", name.as_ref())));
            }
        }
        for word in &self.words {
            if !word.value.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\')
            {
                let text =
                    format!("{}: printable ASCII without quotes and backslashes only", word.name.as_ref());
                problems.push(source.problem(word.name.span().start, text));
            }
        }
        for setting in &self.settings {
            let given = [setting.text.is_some(), setting.texts.is_some(), setting.port.is_some()];
            if given.iter().filter(|given| **given).count() != 1 {
                let text = format!("{}: give one of text, texts, port", setting.name.as_ref());
                problems.push(source.problem(setting.name.span().start, text));
            }
        }
        problems
    }
}
