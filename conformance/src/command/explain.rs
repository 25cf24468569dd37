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
        println!(
            "{} ({}, binds {})\n\n{}\n\nWhy: {}",
            requirement.id, requirement.level, requirement.role, requirement.text, requirement.intent
        );
        if let Some(reason) = &requirement.untestable {
            println!("\nNo case can test it: {reason}");
        }
        let cases: Vec<_> = catalogue.of_requirement(id).collect();
        if !cases.is_empty() {
            println!("\nCases:");
        }
        for case in cases {
            println!("  {:<34} {}", case.id, case.title);
        }
        for mutant in mutants.iter().filter(|mutant| mutant.breaks.iter().any(|other| other == id)) {
            println!("  mutant {:<27} {}", mutant.id, mutant.title);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let plain = id.split('@').next().unwrap_or_default();
    let Some(case) = catalogue.get(plain) else {
        return Err(format!("there is no requirement and no case {id}; `conformance list` has all cases"));
    };
    println!("{}: {}\n", case.id, case.title);
    for id in &case.requirements {
        println!("  {id}: {}", requirements::get(id).map_or("", |requirement| requirement.text.as_str()));
    }
    println!(
        "\n{} · lane {:?} · needs {:?} · from {}\n",
        if case.profiles.is_empty() { "any profile".to_owned() } else { case.profiles.join(", ") },
        case.lane,
        case.needs,
        case.file
    );
    for step in &case.steps {
        println!("{:>4}  {}", step.line, step.text);
    }
    Ok(ExitCode::SUCCESS)
}
