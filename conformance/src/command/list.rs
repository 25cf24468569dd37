//! `conformance list`: the cases.

use std::process::ExitCode;

use crate::case::{Catalogue, Judged, Selection};

/// Which cases.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only cases that begin so, such as `basic/`
    begin: Option<String>,
    /// Only cases of this requirement
    #[arg(long, value_name = "ID")]
    req: Vec<String>,
    /// Only those of the smoke run
    #[arg(long)]
    smoke: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// Lists them.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let catalogue = Catalogue::built_in()?;
    let cases = arguments.begin.iter().map(|begin| format!("{}*", begin.trim_end_matches('*'))).collect();
    let selection = Selection { cases, requirements: arguments.req.clone(), smoke: arguments.smoke };
    let mut count = 0;
    for case in catalogue.0.iter().filter(|case| crate::case::selected(case, &selection)) {
        count += 1;
        let judged = if case.judged == Judged::Client { "client" } else { "engine" };
        if arguments.json {
            let line = serde_json::json!({
                "id": case.id, "title": case.title, "judged": judged, "lane": case.lane, "profiles": case.profiles,
                "requirements": case.requirements, "needs": case.needs, "file": case.file, "smoke": case.smoke,
            });
            say!("{line}");
        } else {
            say!("{:<34} {judged:<6}  {}  ({})", case.id, case.title, case.requirements.join(" "));
        }
    }
    if !arguments.json {
        if selection.requirements.is_empty() && !selection.smoke {
            list_untaken(arguments.begin.as_deref().unwrap_or_default())?;
        }
        say!("{count} cases");
    }
    Ok(if count > 0 { ExitCode::SUCCESS } else { ExitCode::from(5) })
}

/// The transitions of `spec/machine.toml` that have no case, and why.
fn list_untaken(begin: &str) -> Result<(), String> {
    for untaken in crate::walk::untaken()?.iter().filter(|untaken| untaken.id.starts_with(begin)) {
        say!("{:<34} no case  {}  {}", untaken.id, untaken.title, untaken.reason.unwrap_or("NO WAY THERE"));
    }
    Ok(())
}
