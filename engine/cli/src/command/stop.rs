//! `event-engine stop`: ends a running application.

use std::time::Duration;

use crate::exit::{self, Exit, Problem};
use crate::human;
use crate::live::{Choice, Fault};
use crate::output;

/// Which, and how.
#[derive(Debug, clap::Args)]
#[command(after_help = exit::HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    choice: Choice,
    /// End at once: what is queued is discarded, processes are terminated
    #[arg(long)]
    now: bool,
    /// Wait for the end, at most so long if a time is said, and print the application's report
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, value_parser = human::parse_time)]
    wait: Option<Option<Duration>>,
}

/// Stops it.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Problem> {
    let mut live = arguments.choice.connect()?;
    let Some(timeout) = arguments.wait else {
        live.stop(arguments.now).map_err(|fault| live.problem(fault))?;
        output::say(&format!("{} is stopping\n", live.name()));
        return Ok(Exit::Done);
    };
    let end = live.watch_for_the_end().map_err(|fault| live.problem(fault))?;
    live.stop(arguments.now).map_err(|fault| live.problem(fault))?;
    match end.wait(timeout) {
        Ok((success, report)) => {
            output::write(&format!("{}\n", report.trim_end()))?;
            Ok(if success { Exit::Done } else { Exit::Failed })
        }
        Err(Fault::TimedOut) => Err(Problem::Failed(format!(
            "{} has not ended within {}; it goes on stopping",
            live.name(),
            human::time(u64::try_from(timeout.unwrap_or_default().as_millis()).unwrap_or(u64::MAX))
        ))),
        Err(Fault::Ended) => Err(Problem::Failed(format!("{} ended without a report", live.name()))),
        Err(fault) => Err(live.problem(fault)),
    }
}
