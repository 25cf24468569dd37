//! `spec/requirements.toml`: every normative statement, as this program was built with it.

use std::cmp::Ordering;
use std::sync::OnceLock;

use serde::Deserialize;

const FILE: &str = include_str!("../../spec/requirements.toml");
const RUNNER: &str = "runner";

/// One normative statement.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Requirement {
    /// `EE-<AREA>-<n>`.
    pub(crate) id: String,
    /// `MUST`, `SHOULD` or `MAY`.
    pub(crate) level: String,
    /// Whom it binds: `engine`, `client`, `both`, or `runner`: whoever runs an application on an engine.
    pub(crate) role: String,
    /// The statement, one line of Markdown.
    pub(crate) text: String,
    /// Why it is so.
    pub(crate) intent: String,
    /// Why no test can exist.
    pub(crate) untestable: Option<String>,
}

impl Requirement {
    /// `BASIC` of `EE-BASIC-4`.
    pub(crate) fn area(&self) -> &str {
        self.id.split('-').nth(1).unwrap_or(&self.id)
    }
}

/// Those that bind engines and clients, which this program tests; `EE-BASIC-2` before `EE-BASIC-10`.
pub(crate) fn all() -> &'static [Requirement] {
    static TESTED: OnceLock<Vec<Requirement>> = OnceLock::new();
    TESTED.get_or_init(|| whole().iter().filter(|requirement| requirement.role != RUNNER).cloned().collect())
}

/// How many bind who runs an application: their tests are those of the runner, not cases.
pub(crate) fn of_runner() -> usize {
    whole().len() - all().len()
}

/// The whole file.
fn whole() -> &'static [Requirement] {
    static ALL: OnceLock<Vec<Requirement>> = OnceLock::new();
    ALL.get_or_init(|| {
        #[derive(Default, Deserialize)]
        struct Registry {
            requirement: Vec<Requirement>,
        }
        // The file is part of this program, so a test proves that it can be read.
        let mut all = toml::from_str::<Registry>(FILE).unwrap_or_default().requirement;
        all.sort_by(|left, right| natural(&left.id, &right.id));
        all
    })
}

/// The one with that id.
pub(crate) fn get(id: &str) -> Option<&'static Requirement> {
    let all = whole();
    let at = all.binary_search_by(|requirement| natural(&requirement.id, id)).ok()?;
    all.get(at)
}

/// The order in which people count: digits are compared as numbers.
pub(crate) fn natural(left: &str, right: &str) -> Ordering {
    let (mut left_rest, mut right_rest) = (left, right);
    while !left_rest.is_empty() && !right_rest.is_empty() {
        let (left_digits, left_number, left_tail) = head(left_rest);
        let (right_digits, right_number, right_tail) = head(right_rest);
        let order = if left_digits && right_digits {
            let (left_number, right_number) =
                (left_number.trim_start_matches('0'), right_number.trim_start_matches('0'));
            left_number.len().cmp(&right_number.len()).then_with(|| left_number.cmp(right_number))
        } else {
            left_number.cmp(right_number)
        };
        if order.is_ne() {
            return order;
        }
        (left_rest, right_rest) = (left_tail, right_tail);
    }
    left_rest.len().cmp(&right_rest.len()).then_with(|| left.cmp(right))
}

/// The digits, or what is none, at the begin of `text`, and the rest.
fn head(text: &str) -> (bool, &str, &str) {
    let digits = text.starts_with(|character: char| character.is_ascii_digit());
    let end = text.find(|character: char| character.is_ascii_digit() != digits).unwrap_or(text.len());
    let (head, tail) = text.split_at(end);
    (digits, head, tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_file_is_read_whole() {
        assert_eq!(all().len() + of_runner(), FILE.matches("[[requirement]]").count());
        assert!(all().iter().all(|requirement| get(&requirement.id) == Some(requirement)));
        assert!(get(concat!("EE-", "BASIC-0")).is_none());
    }

    #[test]
    fn two_comes_before_ten() {
        assert!(natural("EE-BASIC-2", "EE-BASIC-10").is_lt());
        assert!(natural("EE-BASIC-19", "EE-BUS-1").is_lt());
        assert!(natural("basic/quit/9@session", "basic/quit/10@basic").is_lt());
        assert!(natural("a/1@basic", "a/1").is_gt());
        assert!(natural("a/01", "a/1").is_lt());
        assert!(natural("", "a").is_lt());
        assert!(natural("a1", "a1").is_eq());
    }

    #[test]
    fn areas() {
        assert_eq!(get("EE-BASIC-4").unwrap().area(), "BASIC");
    }
}
