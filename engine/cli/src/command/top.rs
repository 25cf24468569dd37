//! `event-engine top`: what every plugin does, live.

use std::io::{self, IsTerminal};
use std::time::Duration;

use crate::exit::{self, Exit, Problem};
use crate::human;
use crate::live::Choice;
use crate::top;

const HELP: &str = "IN/s: events that the plugin handled in a second. OUT/s: events that it published in a second. QUEUED: events that wait for it,
with an arrow when they get more or fewer; BYTES: their size. FLIGHT: events taken and not settled. LAG: both together, all that
the plugin has still to handle. OLDEST: age of the event that waits longest. RST: restarts. CPU%, MEM: of its processes, 100 being one
processor. A narrow terminal shows fewer columns.

Keys: q quits; up, down, page up, page down, home and end mark a plugin, and the line below the table tells more of it; left and right choose the
column to sort by, r turns the order round, 0 is the order of registration; n i o w l a p m sort by name, in, out, waiting, lag,
age, processor, memory.

With --json, an object for each interval: {\"application\", \"engine\", \"pid\", \"phase\", \"uptime-ms\", \"accepted\", \"accepted-per-s\",
\"unmatched\", \"parked\", \"balances\", \"plugins\": [{\"name\", \"kind\", \"state\", \"detail\", \"port\", \"pids\", \"in-per-s\", \"out-per-s\", \"queued\",
\"queued-change\", \"queued-bytes\", \"in-flight\", \"lag\", \"oldest-ms\", \"restarts\", \"cpu-percent\", \"rss-bytes\"}]}; what is not known is null";

/// Of which, and how.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{HELP}\n\n{}", exit::HELP))]
pub(crate) struct Arguments {
    #[command(flatten)]
    choice: Choice,
    /// How often to look
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    interval: Duration,
    /// Print one table after one interval; so it is also when stdout is no terminal
    #[arg(long)]
    once: bool,
    /// Write JSON, an object for each interval
    #[arg(long)]
    json: bool,
    /// With --json: end after so many objects
    #[arg(long, short = 'n', value_name = "N", requires = "json", conflicts_with = "once", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

fn interval(text: &str) -> Result<Duration, String> {
    match human::parse_time(text)? {
        interval if interval < Duration::from_millis(100) => Err("at least 100ms".to_owned()),
        interval => Ok(interval),
    }
}

/// Shows it.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Problem> {
    let mut live = arguments.choice.connect()?;
    let once = arguments.once.then_some(1);
    if arguments.json {
        return top::plain(&mut live, arguments.interval, arguments.count.or(once), true);
    }
    if arguments.once || !io::stdout().is_terminal() {
        return top::plain(&mut live, arguments.interval, Some(1), false);
    }
    top::terminal(live, arguments.interval)
}
