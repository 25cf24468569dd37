//! Keeps the parts of the specification in agreement: prose, registry, vectors, grammar and generated files.
//!
//! | module | holds |
//! |---|---|
//! | [`protocol`], [`machine`], [`registry`], [`vectors`], [`prose`] | the five kinds of input |
//! | [`emit`] | one file per kind of output |
//! | [`checks`] | one file per kind of disagreement |
//! | [`source`] | files and the places in them |

pub mod checks;
pub mod emit;
pub mod machine;
pub mod prose;
pub mod protocol;
pub mod registry;
pub mod source;
pub mod vectors;

use machine::Machines;
use protocol::Protocol;
use registry::Registry;
use source::{Problem, Source};
use std::path::{Path, PathBuf};
use vectors::Vectors;

/// Everything that was read.
#[derive(Debug)]
pub struct Spec {
    /// Top of the repository.
    pub root: PathBuf,
    /// `spec/protocol.toml`.
    pub protocol: (Protocol, Source),
    /// `spec/machine.toml`.
    pub machines: (Machines, Source),
    /// `spec/requirements.toml`.
    pub registry: (Registry, Source),
    /// The Markdown files below `spec/`.
    pub prose: Vec<Source>,
    /// `spec/vectors/*.json`.
    pub vectors: Vectors,
}

/// How strict a check is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Accept requirements whose tests are only announced.
    pub allow_pending: bool,
}

/// What a check found.
#[derive(Debug)]
pub struct Outcome {
    /// One line for a person.
    pub summary: String,
    /// Every disagreement, sorted by place.
    pub problems: Vec<Problem>,
}

impl Spec {
    /// Reads the specification below `root`.
    ///
    /// # Errors
    /// Every file that cannot be read or understood.
    pub fn read(root: &Path) -> Result<Self, Vec<Problem>> {
        let protocol = Protocol::read(root).map_err(|problem| vec![problem]);
        let machines = Machines::read(root).map_err(|problem| vec![problem]);
        let registry = Registry::read(root).map_err(|problem| vec![problem]);
        let prose = prose::read(root).map_err(|problem| vec![problem]);
        let vectors = Vectors::read(root);
        match (protocol, machines, registry, prose, vectors) {
            (Ok(protocol), Ok(machines), Ok(registry), Ok(prose), Ok(vectors)) => {
                Ok(Self { root: root.to_owned(), protocol, machines, registry, prose, vectors })
            }
            (protocol, machines, registry, prose, vectors) => {
                let errors = [protocol.err(), machines.err(), registry.err(), prose.err(), vectors.err()];
                Err(errors.into_iter().flatten().flatten().collect())
            }
        }
    }
}

/// Writes what is out of date and returns the paths written.
///
/// # Errors
/// The inputs that cannot be understood, or an output that cannot be written.
pub fn generate(root: &Path) -> Result<Vec<String>, Vec<Problem>> {
    let spec = Spec::read(root)?;
    let mut written = Vec::new();
    for output in emit::outputs(&spec)? {
        if Source::read(root, &output.path).is_ok_and(|source| source.text == output.text) {
            continue;
        }
        let path = root.join(&output.path);
        let result = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        if let Err(error) = result.and_then(|()| std::fs::write(&path, &output.text)) {
            return Err(vec![Problem {
                path: output.path,
                line: 1,
                text: format!("cannot be written: {error}"),
            }]);
        }
        written.push(output.path);
    }
    Ok(written)
}

/// Finds every disagreement.
pub fn check(root: &Path, options: Options) -> Outcome {
    match Spec::read(root) {
        Ok(spec) => checks::all(&spec, options),
        Err(problems) => Outcome { summary: "the specification cannot be read".to_owned(), problems },
    }
}

/// Goes up from the current directory to the folder that holds `spec/protocol.toml`.
pub fn find_root() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    here.ancestors().find(|folder| folder.join(protocol::PATH).is_file()).map(Path::to_owned)
}

/// Parses a TOML file; an error points at its line.
fn parse_toml<T: serde::de::DeserializeOwned>(source: &Source) -> Result<T, Problem> {
    toml::from_str(&source.text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        source.problem(offset, error.message())
    })
}
