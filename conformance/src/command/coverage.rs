//! `conformance coverage`: which requirements have cases, and why the others have none.

use std::process::ExitCode;

use crate::case::Catalogue;
use crate::{mutant, requirements};

/// How to show it.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only requirements without a case
    #[arg(long)]
    missing: bool,
}

/// Shows it; ends with 1 when a requirement has neither a case nor a written reason.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let catalogue = Catalogue::built_in()?;
    let mutants = mutant::all()?;
    let (mut with_cases, mut with_mutants, mut with_reasons, mut bare) = (0, 0, 0, 0);
    let all = requirements::all();
    for requirement in all {
        let cases = catalogue.of_requirement(&requirement.id).count();
        let killed = mutants.iter().filter(|mutant| mutant.breaks.contains(&requirement.id)).count();
        with_cases += usize::from(cases > 0);
        with_mutants += usize::from(killed > 0);
        let reason = requirement.untestable.as_deref().or_else(|| reason(&requirement.id));
        match (cases, reason) {
            (0, Some(reason)) => {
                with_reasons += 1;
                say!("{:<16} no case: {reason}", requirement.id);
            }
            (0, None) => {
                bare += 1;
                say!("{:<16} NO CASE AND NO REASON: {}", requirement.id, requirement.text);
            }
            _ if arguments.missing => {}
            _ => say!("{:<16} {cases} cases, {killed} mutants", requirement.id),
        }
    }
    let share = with_mutants as f64 / all.len().max(1) as f64;
    say!(
        "{} requirements: {with_cases} with cases, {with_mutants} with mutants that break them ({:.1} %, {:.0} % are asked for), \
         {with_reasons} with a reason, {bare} with neither",
        all.len(),
        share * 100.0,
        mutant::PROVEN * 100.0
    );
    if requirements::of_runner() > 0 {
        say!(
            "{} more bind who runs an application; the runner's own tests prove them",
            requirements::of_runner()
        );
    }
    Ok(if bare == 0 && share >= mutant::PROVEN { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Why a requirement that tests elsewhere show has no case here: `conformance/no-case.toml`.
fn reason(id: &str) -> Option<&'static str> {
    const TEXT: &str = include_str!("../../no-case.toml");
    static REASONS: std::sync::OnceLock<std::collections::BTreeMap<String, String>> =
        std::sync::OnceLock::new();
    REASONS.get_or_init(|| toml::from_str(TEXT).unwrap_or_default()).get(id).map(String::as_str)
}
