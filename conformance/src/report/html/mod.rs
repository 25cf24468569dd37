//! x
use crate::report::reading::Record;
/// x
pub(crate) fn render(_record: &Record) -> String {
    String::new()
}
