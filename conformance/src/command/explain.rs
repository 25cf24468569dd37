//! `conformance explain`: a requirement with its reason and its cases, or a case with its steps.

use std::process::ExitCode;

use crate::case::{Case, Catalogue};
use crate::mutant::Mutant;
use crate::requirements::Requirement;
use crate::{mutant, nearest, requirements};

/// What to explain.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A requirement (EE-BASIC-4) or a case (basic/quit/1), in any letter case; what only begins so is listed
    id: String,
}

/// Explains it.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let catalogue = Catalogue::built_in()?;
    let mutants = mutant::all()?;
    let id = arguments.id.as_str();
    let plain = id.split('@').next().unwrap_or_default();
    if let Some(requirement) = requirements::get(&id.to_uppercase()) {
        explain_requirement(requirement, &catalogue, &mutants);
    } else if let Some(case) = catalogue.get(&plain.to_lowercase()) {
        explain_case(case);
    } else if !list(plain.trim_end_matches('*'), &catalogue) {
        return Err(unknown(id, plain, &catalogue));
    }
    Ok(ExitCode::SUCCESS)
}

fn explain_requirement(requirement: &Requirement, catalogue: &Catalogue, mutants: &[Mutant]) {
    say!(
        "{} ({}, binds {})\n\n{}\n\nWhy: {}",
        requirement.id,
        requirement.level,
        requirement.role,
        requirement.text,
        requirement.intent
    );
    if let Some(reason) = &requirement.untestable {
        say!("\nNo case can test it: {reason}");
    }
    let cases: Vec<_> = catalogue.of_requirement(&requirement.id).collect();
    if !cases.is_empty() {
        say!("\nCases:");
    }
    for case in cases {
        say!("  {:<34} {}", case.id, case.title);
    }
    for mutant in mutants.iter().filter(|mutant| mutant.breaks.contains(&requirement.id)) {
        say!("  mutant {:<27} {}", mutant.id, mutant.title);
    }
}

fn explain_case(case: &Case) {
    say!("{}: {}\n", case.id, case.title);
    for id in &case.requirements {
        say!("  {id}: {}", requirements::get(id).map_or("", |requirement| requirement.text.as_str()));
    }
    let profiles = if case.profiles.is_empty() { "any profile".to_owned() } else { case.profiles.join(", ") };
    let needs = if case.needs.is_empty() { "nothing".to_owned() } else { case.needs.join(", ") };
    say!("\n{profiles} · lane {} · needs {needs} · from {}\n", case.lane.name(), case.file);
    for step in &case.steps {
        say!("{:>4}  {}", step.line, step.text);
    }
}

/// Lists what begins so; whether there is something.
fn list(begin: &str, catalogue: &Catalogue) -> bool {
    let begins = |id: &str| {
        id.get(..begin.len()).is_some_and(|head| !head.is_empty() && head.eq_ignore_ascii_case(begin))
    };
    let rules: Vec<_> = requirements::all().iter().filter(|requirement| begins(&requirement.id)).collect();
    let cases: Vec<_> = catalogue.0.iter().filter(|case| begins(&case.id)).collect();
    for requirement in &rules {
        say!("{:<16} ({}) {}", requirement.id, requirement.level, requirement.text);
    }
    for case in &cases {
        say!("{:<34} {}", case.id, case.title);
    }
    !rules.is_empty() || !cases.is_empty()
}

/// That there is no such thing, and what is near to it.
fn unknown(id: &str, plain: &str, catalogue: &Catalogue) -> String {
    let rules = requirements::all().iter().map(|requirement| requirement.id.as_str());
    let near = nearest::of(plain, rules.chain(catalogue.0.iter().map(|case| case.id.as_str())));
    let hint = match near.as_slice() {
        [] => "`conformance list` has all cases".to_owned(),
        near => format!("did you mean {}?", near.join(", ")),
    };
    format!("there is no requirement and no case {id}; {hint}")
}
