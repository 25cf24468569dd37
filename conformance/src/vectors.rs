//! Cases made from `spec/vectors/`.

use crate::case::Case;

/// All of them.
pub(crate) fn cases() -> Result<Vec<Case>, String> {
    Ok(Vec::new())
}
