//! `conformance explain`: a requirement with its reason and its cases, or a case with its steps.

use std::process::ExitCode;

use crate::case::Catalogue;
use crate::{mutant, requirements};

/// What to explain.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A requirement (EE-BASIC-4) or a case (basic/quit/1)
    id: String,
}

/// Explains it.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let catalogue = Catalogue::built_in()?;
    let mutants = mutant::all()?;
    let id = arguments.id.as_str();
    if let Some(requirement) = requirements::get(id) {
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
        let cases: Vec<_> = catalogue.of_requirement(id).collect();
        if !cases.is_empty() {
            say!("\nCases:");
        }
        for case in cases {
            say!("  {:<34} {}", case.id, case.title);
        }
        for mutant in mutants.iter().filter(|mutant| mutant.breaks.iter().any(|other| other == id)) {
            say!("  mutant {:<27} {}", mutant.id, mutant.title);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let plain = id.split('@').next().unwrap_or_default();
    let Some(case) = catalogue.get(plain) else {
        return Err(format!("there is no requirement and no case {id}; `conformance list` has all cases"));
    };
    say!("{}: {}\n", case.id, case.title);
    for id in &case.requirements {
        say!("  {id}: {}", requirements::get(id).map_or("", |requirement| requirement.text.as_str()));
    }
    say!(
        "\n{} · lane {:?} · needs {:?} · from {}\n",
        if case.profiles.is_empty() { "any profile".to_owned() } else { case.profiles.join(", ") },
        case.lane,
        case.needs,
        case.file
    );
    for step in &case.steps {
        say!("{:>4}  {}", step.line, step.text);
    }
    Ok(ExitCode::SUCCESS)
}
