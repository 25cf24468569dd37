use thiserror::Error;

/// Why an event could not be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EnvelopeError {
    /// The event does not begin with the filter: it is of another kind, or was sealed with another filter.
    #[error("the event does not begin with the filter; open it with the filter that it was sealed with")]
    FilterMismatch,

    /// What follows the filter is no envelope, or an attribute has a value that no envelope can carry. The text says
    /// what is wrong.
    #[error("malformed envelope: {0}")]
    Malformed(String),

    /// The mandatory attribute of this name is absent or empty: `id`, `source` or `type`.
    #[error("the envelope lacks its {0}; id, source and type are mandatory")]
    Missing(&'static str),
}

impl EnvelopeError {
    pub(crate) fn malformed(reason: &str) -> Self {
        Self::Malformed(reason.to_owned())
    }
}
