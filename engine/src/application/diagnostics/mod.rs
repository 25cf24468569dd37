//! What is wrong with an application file, said like a good compiler: where, what, and what to do.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use serde::ser::{SerializeStruct, Serializer};
use serde::Serialize;

mod render;
mod source;

pub(crate) use source::Source;

/// Whether an application can be run in spite of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can, but that is hardly meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

/// A place in the file. Lines and columns count from 1, columns in characters; the end is the column after the last character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Place {
    /// The first line.
    pub line: usize,
    /// The first column.
    pub column: usize,
    /// The last line.
    pub end_line: usize,
    /// The column after the end.
    pub end_column: usize,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Diagnostic {
    /// Whether the application can be run in spite of it.
    pub severity: Severity,
    /// Where; none when it is the file as a whole.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Other places that belong to it, and what they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<Related>,
}

/// Another place that belongs to a [`Diagnostic`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Related {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// What it is.
    pub message: String,
}

/// Everything that is wrong with a file, in the order of the file.
///
/// `{}` shows each with its line and what to do about it, `{:#}` the same in the colours of a terminal. With serde it becomes
/// `{"file": …, "errors": 1, "warnings": 0, "diagnostics": […]}`.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    source: Arc<Source>,
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    pub(crate) fn new(source: Arc<Source>) -> Self {
        Diagnostics { source, list: Vec::new() }
    }

    /// None yet, of the same file.
    pub(crate) fn emptied(&self) -> Self {
        Diagnostics { source: Arc::clone(&self.source), list: Vec::new() }
    }

    /// The file that they are about.
    pub(crate) fn source(&self) -> Arc<Source> {
        Arc::clone(&self.source)
    }

    /// Forgets those on lines that do not matter.
    pub(crate) fn keep_lines(&mut self, matters: impl Fn(usize) -> bool) {
        self.list.retain(|diagnostic| diagnostic.place.is_none_or(|place| matters(place.line)));
    }

    /// The file, as it was named.
    pub fn file(&self) -> &Path {
        self.source.path()
    }

    /// All of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// So many errors.
    pub fn errors(&self) -> usize {
        self.count(Severity::Error)
    }

    /// So many warnings.
    pub fn warnings(&self) -> usize {
        self.count(Severity::Warning)
    }

    fn count(&self, severity: Severity) -> usize {
        self.list.iter().filter(|diagnostic| diagnostic.severity == severity).count()
    }

    /// Adds those of another look at the same file.
    pub fn append(&mut self, other: Diagnostics) {
        self.list.extend(other.list);
        self.sort();
    }

    /// Says that something is wrong with the file as a whole.
    pub(crate) fn whole_file(&mut self, message: impl Into<String>, help: &str) {
        self.list.push(Diagnostic {
            severity: Severity::Error,
            place: None,
            message: message.into(),
            help: Some(help.to_string()),
            related: Vec::new(),
        });
    }

    /// Says that something is wrong there. More is said about it by the methods of what this returns.
    pub(crate) fn error(&mut self, span: &Range<usize>, message: impl Into<String>) -> Saying<'_> {
        self.add(Severity::Error, span, message.into())
    }

    /// The same for what is allowed.
    pub(crate) fn warning(&mut self, span: &Range<usize>, message: impl Into<String>) -> Saying<'_> {
        self.add(Severity::Warning, span, message.into())
    }

    fn add(&mut self, severity: Severity, span: &Range<usize>, message: String) -> Saying<'_> {
        let place = Some(self.source.place(span));
        let new = Diagnostic { severity, place, message, help: None, related: Vec::new() };
        Saying { diagnostic: self.list.push_mut(new), source: &self.source }
    }

    /// Puts everything into the order of the file.
    pub(crate) fn sort(&mut self) {
        self.list.sort_by(|one, other| {
            let key = |diagnostic: &Diagnostic| (diagnostic.place, diagnostic.severity);
            key(one).cmp(&key(other)).then_with(|| one.message.cmp(&other.message))
        });
        self.list.dedup();
    }
}

/// A diagnostic that is being made.
pub(crate) struct Saying<'d> {
    diagnostic: &'d mut Diagnostic,
    source: &'d Source,
}

impl Saying<'_> {
    /// What to do about it.
    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        self.diagnostic.help = Some(help.into());
        self
    }

    /// The same, if there is something.
    pub(crate) fn maybe_help(self, help: Option<String>) -> Self {
        if help.is_some() {
            self.diagnostic.help = help;
        }
        self
    }

    /// Another place that belongs to it.
    pub(crate) fn related(self, span: &Range<usize>, message: impl Into<String>) -> Self {
        self.diagnostic.related.push(Related { place: self.source.place(span), message: message.into() });
        self
    }
}

impl<'d> IntoIterator for &'d Diagnostics {
    type Item = &'d Diagnostic;
    type IntoIter = std::slice::Iter<'d, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        render::render(&self.source, &self.list, f)
    }
}

impl std::error::Error for Diagnostics {}

impl Serialize for Diagnostics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Diagnostics", 4)?;
        object.serialize_field("file", &self.source.path().to_string_lossy())?;
        object.serialize_field("errors", &self.errors())?;
        object.serialize_field("warnings", &self.warnings())?;
        object.serialize_field("diagnostics", &self.list)?;
        object.end()
    }
}
