//! `spec/vectors/*.json`: the types are the schema (`spec/vectors/README.md` describes it for people).

pub mod envelope;
mod hex;
pub mod sequence;
pub mod session;
pub mod session_engine;
pub mod wire;

pub use hex::Hex;

use crate::source::{files_below, Problem, Source};
use serde::de::DeserializeOwned;
use serde::Deserialize;
use std::path::Path;

/// One vector file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File<G, E> {
    /// Version of the shape, 1.
    pub format: u32,
    /// What the vectors are about.
    pub comment: String,
    /// The vectors.
    pub vectors: Vec<Vector<G, E>>,
}

/// One vector.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector<G, E> {
    /// `<name of the file>/<name of the vector>`.
    pub id: String,
    /// What kind of input it is.
    pub class: Class,
    /// Requirements that it illustrates.
    pub requirements: Vec<String>,
    /// What it shows.
    pub comment: String,
    /// `same`, or how version 0.2.0 differed; absent where it was not observed.
    pub ancestor: Option<String>,
    /// Input.
    pub given: G,
    /// Outcome.
    pub expect: E,
}

/// Kind of input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)] // the names say all
pub enum Class {
    Valid,
    Malformed,
    WrongState,
}

/// A message on a port.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// ZMTP `Socket-Type` of the sender; null: it announced none.
    pub socket_type: Option<String>,
    /// Frames without the routing id.
    pub frames: Vec<Hex>,
    /// Event limit in bytes, where it is not the default.
    pub event_max_bytes: Option<usize>,
}

/// What an engine does with a message on a plugin's port.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[allow(missing_docs)] // described in the README
pub enum Basic {
    NextMsg { event: Hex, reply: Vec<Hex> },
    Quit,
    Publish { event: Hex, reply: Vec<Hex> },
    BadMsg { reason: BadReason, reply: Vec<Hex> },
    NoEnvelope,
    NotHeard,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)] // the names say all
pub enum BadReason {
    Reserved,
    MultiFrame,
    TooLarge,
}

/// What an engine does with a message on the publish port.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[allow(missing_docs)] // described in the README
pub enum Bus {
    Publish { event: Hex },
    Refused { reason: BadReason },
    NotHeard,
}

/// A reply that a client reads after a publish.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // the names say all
pub struct ReplyGiven {
    pub reply: Hex,
}

/// What it means.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // the names say all
pub struct ReplyExpected {
    pub meaning: Meaning,
}

/// Meaning of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)] // the names say all
pub enum Meaning {
    Published,
    BadMsg,
    Other,
}

/// A queue's filters and an event.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // the names say all
pub struct FilterGiven {
    pub filters: Vec<Hex>,
    pub event: Hex,
}

/// How often the event enters the queue: 0 or 1.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // the names say all
pub struct FilterExpected {
    pub copies: usize,
}

/// Filters of an application.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // the names say all
pub struct AmbiguousGiven {
    pub filters: Vec<Hex>,
}

/// Pairs of indices into the filters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // the names say all
pub struct AmbiguousExpected {
    pub pairs: Vec<(usize, usize)>,
}

/// A vector file and its source.
pub type Read<G, E> = (File<G, E>, Source);

/// Declares the vector files once: as fields, in what is read, and in the list of heads.
macro_rules! files {
    ($($field:ident = $name:literal: $given:ty => $expected:ty,)*) => {
        /// All vector files, each with its source.
        #[derive(Debug)]
        #[allow(missing_docs)] // named after the files
        pub struct Vectors {
            $(pub $field: Read<$given, $expected>,)*
        }

        impl Vectors {
            const NAMES: &'static [&'static str] = &[$($name),*];

            fn read_files(root: &Path, problems: &mut Vec<Problem>) -> Option<Self> {
                // All are read before the first absent one ends it, so that all problems are seen.
                $(let $field = read(root, $name, problems);)*
                Some(Self { $($field: $field?,)* })
            }

            /// Heads of all vectors.
            pub fn heads(&self) -> Vec<Head<'_>> {
                let mut all = Vec::new();
                $(all.extend(heads(&self.$field));)*
                all
            }
        }
    };
}

files! {
    basic = "basic": Message => Basic,
    replies = "replies": ReplyGiven => ReplyExpected,
    bus = "bus": Message => Bus,
    filters = "filters": FilterGiven => FilterExpected,
    ambiguous = "ambiguous": AmbiguousGiven => AmbiguousExpected,
    sequences = "sequences": sequence::Given => sequence::Expected,
    wire = "wire": wire::Given => wire::Expected,
    session_headers = "session-headers": session::HeaderGiven => session::HeaderExpected,
    session_batches = "session-batches": session::BatchGiven => session::BatchExpected,
    session_client = "session-client": session::ClientGiven => session::ClientExpected,
    session_engine = "session-engine": session_engine::Given => session_engine::Expected,
    envelope = "envelope": envelope::Given => envelope::Expected,
}

/// The part of a vector that all kinds have.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)] // the names say all
pub struct Head<'a> {
    pub id: &'a str,
    pub requirements: &'a [String],
    pub source: &'a Source,
}

impl Vectors {
    /// Reads all files.
    ///
    /// # Errors
    /// Every file that is missing, unknown, or not of its shape.
    pub fn read(root: &Path) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        for path in files_below(root, "spec/vectors", ".json", &[]) {
            let name = path.strip_prefix("spec/vectors/").and_then(|name| name.strip_suffix(".json"));
            if !name.is_some_and(|name| Self::NAMES.contains(&name)) {
                let text =
                    "no such kind of vectors is known: describe it in the tool or remove the file".to_owned();
                problems.push(Problem { path, line: 1, text });
            }
        }
        Self::read_files(root, &mut problems).filter(|_| problems.is_empty()).ok_or(problems)
    }
}

fn heads<G, E>((file, source): &(File<G, E>, Source)) -> Vec<Head<'_>> {
    file.vectors
        .iter()
        .map(|vector| Head { id: &vector.id, requirements: &vector.requirements, source })
        .collect()
}

fn read<T: DeserializeOwned>(root: &Path, name: &str, problems: &mut Vec<Problem>) -> Option<(T, Source)> {
    let source = match Source::read(root, &format!("spec/vectors/{name}.json")) {
        Ok(source) => source,
        Err(problem) => {
            problems.push(problem);
            return None;
        }
    };
    match serde_json::from_str(&source.text) {
        Ok(file) => Some((file, source)),
        Err(error) => {
            problems.push(source.problem_at_line(error.line().max(1), error.to_string()));
            None
        }
    }
}
