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
    /// Verbs of the session profile.
    #[serde(rename = "verb")]
    pub verbs: Vec<Verb>,
    /// Error codes of the session profile.
    #[serde(rename = "code")]
    pub codes: Vec<Code>,
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
    /// A number.
    pub number: Option<u32>,
    /// True if clients need it.
    #[serde(default)]
    pub client: bool,
    /// One sentence.
    pub doc: String,
}

impl Setting {
    /// The value of a setting that is a port or a number.
    pub fn integer(&self) -> u32 {
        self.number.or(self.port.map(u32::from)).unwrap_or_default()
    }
}

/// A verb of the session profile: what follows the prefix in a header.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verb {
    /// The verb.
    pub name: Spanned<String>,
    /// Who says it.
    pub from: Side,
    /// What the second frame holds, if there is one.
    pub payload: Payload,
    /// One sentence.
    pub doc: String,
    /// Its keys; others are ignored.
    pub keys: Vec<Key>,
}

/// Who sends a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // the names say all
pub enum Side {
    Client,
    Engine,
}

/// What a message's second frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Payload {
    /// There is none.
    None,
    /// One event, or a packed batch.
    Events,
    /// A text for a person.
    Text,
}

/// A key of a verb.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// The key.
    pub name: String,
    /// What its value looks like.
    pub kind: KeyKind,
    /// True if it may be absent.
    #[serde(default)]
    pub optional: bool,
    /// Its meaning, no sentence.
    pub doc: String,
}

/// Form of a key's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    /// 0 to 2^63 - 1.
    Integer,
    /// 1 to 2^63 - 1.
    Positive,
    /// 0 or 1.
    Flag,
    /// 32 lower-case hexadecimal digits.
    Session,
    /// Anything.
    Text,
}

/// An error code of the session profile.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Code {
    /// The code.
    pub name: Spanned<String>,
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
    /// True if clients need it.
    #[serde(default)]
    pub client: bool,
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
    Headers,
    Requests,
    Messages,
    Sessions,
    Connections,
    Attempts,
    Times,
    Ms,
}

impl Verb {
    /// Name of its constant.
    pub fn constant(&self) -> String {
        constant("VERB", self.name.as_ref())
    }
}

impl Code {
    /// Name of its constant.
    pub fn constant(&self) -> String {
        constant("CODE", self.name.as_ref())
    }
}

fn constant(kind: &str, name: &str) -> String {
    format!("{kind}_{}", name.to_ascii_uppercase().replace('-', "_"))
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
        problems.extend(self.words_of_headers(source));
        for word in &self.words {
            if !word.value.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\')
            {
                let text =
                    format!("{}: printable ASCII without quotes and backslashes only", word.name.as_ref());
                problems.push(source.problem(word.name.span().start, text));
            }
        }
        for setting in &self.settings {
            let given = [
                setting.text.is_some(),
                setting.texts.is_some(),
                setting.port.is_some(),
                setting.number.is_some(),
            ];
            if given.iter().filter(|given| **given).count() != 1 {
                let text = format!("{}: give one of text, texts, port, number", setting.name.as_ref());
                problems.push(source.problem(setting.name.span().start, text));
            }
        }
        problems
    }

    /// Verbs, codes and keys are words of headers, and none stands twice in its place.
    fn words_of_headers(&self, source: &Source) -> Vec<Problem> {
        let verbs = self.verbs.iter().map(|verb| (&verb.name, verb.constant()));
        let codes = self.codes.iter().map(|code| (&code.name, code.constant()));
        let mut problems = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for (name, constant) in verbs.chain(codes) {
            if !is_header_word(name.get_ref()) {
                let text = format!("{}: a word of headers is lower case", name.get_ref());
                problems.push(source.problem(name.span().start, text));
            }
            if let Some(constant) = seen.replace(constant) {
                problems.push(source.problem(name.span().start, format!("{constant} stands twice")));
            }
        }
        for verb in &self.verbs {
            let mut seen = std::collections::BTreeSet::new();
            for Key { name, .. } in &verb.keys {
                let place = verb.name.span().start;
                if !is_header_word(name) {
                    problems.push(source.problem(place, format!("{name}: a word of headers is lower case")));
                }
                if !seen.insert(name) {
                    problems.push(source.problem(place, format!("{name} stands twice")));
                }
            }
        }
        problems
    }
}

/// `[a-z][a-z0-9-]*`.
fn is_header_word(name: &str) -> bool {
    let rest = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    name.starts_with(|first: char| first.is_ascii_lowercase()) && name.bytes().all(rest)
}
