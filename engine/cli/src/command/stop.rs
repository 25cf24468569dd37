//! `event-engine stop`: ends a running application.

use std::time::Duration;

use event_engine::control::client::ClientError;

use crate::exit::{self, Exit, Problem};
use crate::human;
use crate::live::Choice;
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
        live.stop(arguments.now).map_err(|error| live.problem(error))?;
        output::say(&format!("{} is stopping\n", live.name()));
        return Ok(Exit::Done);
    };
    match live.stop_and_wait(arguments.now, timeout.unwrap_or(Duration::MAX)) {
        Ok(Some(ended)) => {
            let written = output::write(&format!("{}\n", ended.report.trim_end()));
            exit::after(written, if ended.success { Exit::Done } else { Exit::Failed })
        }
        Ok(None) => Err(Problem::Failed(format!(
            "{} has not ended within {}; it goes on stopping",
            live.name(),
            human::time(u64::try_from(timeout.unwrap_or_default().as_millis()).unwrap_or(u64::MAX))
        ))),
        Err(ClientError::Closed) => Err(Problem::Failed(format!("{} ended without a report", live.name()))),
        Err(error) => Err(live.problem(error)),
    }
}
