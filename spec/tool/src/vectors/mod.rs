//! `spec/vectors/*.json`: the types are the schema (`spec/vectors/README.md` describes it for people).

mod hex;
pub mod sequence;
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

/// All vector files, each with its source.
#[derive(Debug)]
#[allow(missing_docs)] // named after the files
pub struct Vectors {
    pub basic: (File<Message, Basic>, Source),
    pub replies: (File<ReplyGiven, ReplyExpected>, Source),
    pub bus: (File<Message, Bus>, Source),
    pub filters: (File<FilterGiven, FilterExpected>, Source),
    pub ambiguous: (File<AmbiguousGiven, AmbiguousExpected>, Source),
    pub sequences: (File<sequence::Given, sequence::Expected>, Source),
    pub wire: (File<wire::Given, wire::Expected>, Source),
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
        const NAMES: [&str; 7] = ["basic", "replies", "bus", "filters", "ambiguous", "sequences", "wire"];
        let mut problems = Vec::new();
        for path in files_below(root, "spec/vectors", ".json", &[]) {
            let name = path.strip_prefix("spec/vectors/").and_then(|name| name.strip_suffix(".json"));
            if !name.is_some_and(|name| NAMES.contains(&name)) {
                let text =
                    "no such kind of vectors is known: describe it in the tool or remove the file".to_owned();
                problems.push(Problem { path, line: 1, text });
            }
        }
        let files = (
            read(root, "basic", &mut problems),
            read(root, "replies", &mut problems),
            read(root, "bus", &mut problems),
            read(root, "filters", &mut problems),
            read(root, "ambiguous", &mut problems),
            read(root, "sequences", &mut problems),
            read(root, "wire", &mut problems),
        );
        match files {
            (
                Some(basic),
                Some(replies),
                Some(bus),
                Some(filters),
                Some(ambiguous),
                Some(sequences),
                Some(wire),
            ) if problems.is_empty() => Ok(Self { basic, replies, bus, filters, ambiguous, sequences, wire }),
            _ => Err(problems),
        }
    }

    /// Heads of all vectors.
    pub fn heads(&self) -> Vec<Head<'_>> {
        let mut heads = heads(&self.basic);
        heads.extend(self::heads(&self.replies));
        heads.extend(self::heads(&self.bus));
        heads.extend(self::heads(&self.filters));
        heads.extend(self::heads(&self.ambiguous));
        heads.extend(self::heads(&self.sequences));
        heads.extend(self::heads(&self.wire));
        heads
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
