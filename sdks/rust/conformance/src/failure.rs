//! Errors, as they are answered.

use event_engine_client::{Error, Unsettled};
use event_engine_envelope::EnvelopeError;
use serde_json::{json, Map, Value};

/// Why a command has no `ok`.
pub(crate) struct Failure {
    kind: &'static str,
    code: Option<String>,
    unsettled: Unsettled,
    text: String,
}

impl Failure {
    fn new(kind: &'static str, text: impl ToString) -> Self {
        Failure { kind, code: None, unsettled: None, text: text.to_string() }
    }

    pub(crate) fn unsupported(text: impl ToString) -> Self {
        Failure::new("unsupported", text)
    }

    pub(crate) fn other(text: impl ToString) -> Self {
        Failure::new("other", text)
    }

    /// Of the envelope, with its code.
    pub(crate) fn envelope(code: &str, text: impl ToString) -> Self {
        Failure { code: Some(code.to_owned()), ..Failure::new("invalid", text) }
    }

    pub(crate) fn to_json(&self) -> Value {
        let mut error = Map::new();
        error.insert("kind".to_owned(), self.kind.into());
        error.insert("text".to_owned(), self.text.as_str().into());
        if let Some(code) = &self.code {
            error.insert("code".to_owned(), code.as_str().into());
        }
        if let Some(ids) = &self.unsettled {
            error.insert("unsettled".to_owned(), json!([ids.start(), ids.end()]));
        }
        Value::Object(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (kind, code) = match &error {
            Error::Timeout { .. } => ("timeout", None),
            Error::Closed { .. } => ("closed", None),
            Error::Rejected { code, .. } => ("rejected", Some(code.clone())),
            Error::Protocol { .. } => ("protocol", None),
            Error::Transport { .. } => ("transport", None),
        };
        Failure { code, unsettled: error.unsettled(), ..Failure::new(kind, error) }
    }
}

impl From<EnvelopeError> for Failure {
    fn from(error: EnvelopeError) -> Self {
        let code = match &error {
            EnvelopeError::FilterMismatch => "filter-mismatch",
            EnvelopeError::Malformed(_) => "malformed",
            EnvelopeError::Missing(_) => "missing",
        };
        Failure::envelope(code, error)
    }
}
