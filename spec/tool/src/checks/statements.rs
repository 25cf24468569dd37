//! The prose states each requirement once, in the registry's words, and names no other.

use crate::prose::statements;
use crate::registry::find_ids;
use crate::source::{files_below, Problem, Source};
use crate::Spec;
use std::collections::BTreeMap;

/// Folders beside `spec/` whose sources may name requirements.
const CITING_FOLDERS: [(&str, &str); 11] = [
    ("engine", ".rs"),
    ("conformance", ".rs"),
    ("sdks", ".rs"),
    ("sdks", ".py"),
    ("sdks", ".go"),
    ("sdks", ".c"),
    ("sdks", ".h"),
    ("sdks", ".md"),
    ("pyevents", ".py"),
    ("examples", ".rs"),
    ("docs", ".md"),
];

pub(super) fn check(spec: &Spec) -> Vec<Problem> {
    let (registry, registry_source) = &spec.registry;
    let mut problems = Vec::new();
    let mut stated: BTreeMap<String, String> = BTreeMap::new();
    for source in &spec.prose {
        for statement in statements(source) {
            let id = statement.id;
            let mut report = |text: String| problems.push(source.problem_at_line(statement.line, text));
            match registry.get(&id) {
                None => report(format!("{id} is not in requirements.toml")),
                Some(requirement) if requirement.text != statement.text => {
                    report(format!("{id}: the text differs from requirements.toml"));
                }
                Some(_) => {}
            }
            let place = format!("{}:{}", source.path, statement.line);
            if let Some(first) = stated.insert(id.clone(), place) {
                report(format!("{id} is stated before in {first}"));
            }
        }
        problems.extend(unknown_ids(spec, source));
    }
    for requirement in &registry.requirements {
        let id: &str = requirement.id.as_ref();
        if !stated.contains_key(id) {
            let text = format!("{id} is stated nowhere in the prose");
            problems.push(registry_source.problem(requirement.id.span().start, text));
        }
    }
    problems.extend(unknown_ids(spec, &spec.protocol.1));
    for (folder, ending) in CITING_FOLDERS {
        for path in files_below(&spec.root, folder, ending, &["target"]) {
            match Source::read(&spec.root, &path) {
                Ok(source) => problems.extend(unknown_ids(spec, &source)),
                Err(problem) => problems.push(problem),
            }
        }
    }
    problems
}

fn unknown_ids(spec: &Spec, source: &Source) -> Vec<Problem> {
    find_ids(&source.text)
        .into_iter()
        .filter(|(_, id)| spec.registry.0.get(id).is_none())
        .map(|(offset, id)| source.problem(offset, format!("{id} is not in requirements.toml")))
        .collect()
}
