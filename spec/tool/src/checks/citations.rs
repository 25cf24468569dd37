//! Vectors and tests of faults that the prose names in backticks exist.

use crate::source::Problem;
use crate::Spec;
use std::collections::BTreeSet;

/// The document whose rows name tests by their functions, `<letter>_…`.
const FAULTS: &str = "spec/faults.md";

pub(super) fn check(spec: &Spec) -> Vec<Problem> {
    let vectors: Vec<&str> = spec.vectors.heads().iter().map(|head| head.id).collect();
    let files: BTreeSet<&str> = vectors.iter().filter_map(|id| Some(id.split_once('/')?.0)).collect();
    let functions: BTreeSet<&str> = spec
        .registry
        .0
        .requirements
        .iter()
        .flat_map(|requirement| requirement.cases.iter().chain(&requirement.pending))
        .filter_map(|case| Some(case.rsplit_once("::")?.1))
        .collect();
    let mut problems = Vec::new();
    for source in &spec.prose {
        for (index, line) in source.text.lines().enumerate() {
            for name in line.split('`').skip(1).step_by(2) {
                let is_vector = name.split_once('/').is_some_and(|(file, rest)| {
                    files.contains(file) && !rest.is_empty() && !rest.contains('.')
                });
                if is_vector && !vectors.iter().any(|id| matches(name, id)) {
                    problems.push(source.problem_at_line(index + 1, format!("there is no vector {name}")));
                }
                let is_test = source.path == FAULTS && name.get(1..2) == Some("_");
                if is_test && !functions.contains(name) {
                    let text = format!("no requirement has the test {name}, neither as a case nor pending");
                    problems.push(source.problem_at_line(index + 1, text));
                }
            }
        }
    }
    problems
}

/// Compares a name, which may end with `*`, with an id.
fn matches(name: &str, id: &str) -> bool {
    name.strip_suffix('*').map_or(name == id, |head| id.starts_with(head))
}
