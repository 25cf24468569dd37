//! Links, decisions and errata.

use crate::prose::{anchors, links};
use crate::source::{Problem, Source};
use crate::Spec;
use std::path::{Component, Path};

const DECISIONS: &str = "spec/decisions/";
const ERRATA: &str = "spec/errata.md";

pub(super) fn check(spec: &Spec) -> Vec<Problem> {
    let mut problems = Vec::new();
    for source in &spec.prose {
        for (line, target) in links(source) {
            if let Some(text) = broken(spec, source, &target) {
                problems.push(source.problem_at_line(line, text));
            }
        }
    }
    problems.extend(decisions(spec));
    problems.extend(references(spec));
    problems
}

/// Says why a link leads nowhere; links to other sites are not looked at.
fn broken(spec: &Spec, source: &Source, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
    let wanted = if path.is_empty() { source.path.clone() } else { resolve(&source.path, path)? };
    if !spec.root.join(&wanted).exists() {
        return Some(format!("the link to {target} is dead: there is no {wanted}"));
    }
    let anchor = anchor?;
    let document = spec.prose.iter().find(|document| document.path == wanted)?;
    let found = anchors(document).iter().any(|other| other == anchor);
    (!found).then(|| format!("the link to {target} is dead: {wanted} has no such heading"))
}

/// Path of a link, relative to the top of the repository.
fn resolve(from: &str, to: &str) -> Option<String> {
    let mut parts: Vec<&str> = Path::new(from).parent()?.iter().filter_map(|part| part.to_str()).collect();
    for component in Path::new(to).components() {
        match component {
            Component::ParentDir => {
                parts.pop()?;
            }
            Component::Normal(part) => parts.push(part.to_str()?),
            _ => {}
        }
    }
    Some(parts.join("/"))
}

/// Decisions are numbered from 0001 without a gap, have the three parts, and the index links them.
fn decisions(spec: &Spec) -> Vec<Problem> {
    let mut problems = Vec::new();
    let index: Vec<String> = spec
        .prose
        .iter()
        .filter(|source| source.path == "spec/README.md")
        .flat_map(|source| links(source).into_iter().filter_map(|(_, target)| resolve(&source.path, &target)))
        .collect();
    let documents = spec.prose.iter().filter(|source| source.path.starts_with(DECISIONS));
    for (position, source) in documents.enumerate() {
        let mut report = |text: String| problems.push(source.problem_at_line(1, text));
        let name = source.path.strip_prefix(DECISIONS).unwrap_or_default();
        let number = format!("{:04}-", position + 1);
        if !name.starts_with(&number) {
            report(format!("decisions are numbered without a gap: {number} is expected here"));
        }
        for part in ["context", "decision", "consequences"] {
            if !anchors(source).iter().any(|anchor| anchor == part) {
                report(format!("the heading `{part}` is missing"));
            }
        }
        if !index.contains(&source.path) {
            report("spec/README.md does not link it".to_owned());
        }
    }
    problems
}

/// Decisions and errata that requirements name exist.
fn references(spec: &Spec) -> Vec<Problem> {
    let (registry, source) = &spec.registry;
    let errata: Vec<String> = spec
        .prose
        .iter()
        .filter(|document| document.path == ERRATA)
        .flat_map(|document| document.text.lines())
        .filter_map(|line| line.strip_prefix("## ")?.split_whitespace().next().map(str::to_owned))
        .collect();
    let mut problems = Vec::new();
    for requirement in &registry.requirements {
        let id: &str = requirement.id.as_ref();
        let mut report = |text: String| problems.push(source.problem(requirement.id.span().start, text));
        for number in &requirement.decisions {
            let begin = format!("{DECISIONS}{number}-");
            if number.len() != 4 || !spec.prose.iter().any(|document| document.path.starts_with(&begin)) {
                report(format!("{id}: there is no decision {number}"));
            }
        }
        for erratum in &requirement.errata {
            if !errata.contains(erratum) {
                report(format!("{id}: errata.md has no heading {erratum}"));
            }
        }
    }
    problems
}
