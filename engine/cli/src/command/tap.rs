//! `event-engine tap`: shows events, and takes them from nobody.

use crate::exit::{self, Exit, Problem};
use crate::filter;
use crate::live::{self, Choice};
use crate::output;
use crate::tap::{Format, View};

const HELP: &str = "Events are taken from nobody. What this program is too slow for is not shown; stderr says how many events that were.

A line is the event's order in the application, the plugin that published it, its size, and what it holds.
With --format json, an object a line: {\"order\", \"from\", \"size\", \"type\", \"text\", \"envelope\": {\"id\", \"source\", \"type\", \"time\",
\"datacontenttype\", \"subject\", \"cause_id\", \"data\" (base64)}, \"bytes\" (base64)}; \"type\", \"text\" and \"envelope\" are null
where there is none. With --format raw: the bytes of the events, nothing between them";

/// Which events, and how.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{HELP}\n\n{}", exit::HELP))]
pub(crate) struct Arguments {
    /// Show events that begin so: a text, hex:DIGITS, or type:NAME. None shows all
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
    #[command(flatten)]
    choice: Choice,
    /// How an event is shown; auto takes envelope, text or hex as fits
    #[arg(long, value_enum, default_value = "auto")]
    format: Format,
    /// End after so many events
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Show so many bytes of each event; 0 shows all. Unless said 256, and all with json and raw
    #[arg(long, value_name = "N")]
    max_bytes: Option<usize>,
}

/// Shows them.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Problem> {
    let mut live = arguments.choice.connect()?;
    let status = live.status().map_err(|error| live.problem(error))?;
    let types = filter::types(&status);
    let filters =
        arguments.filters.iter().map(|text| filter::parse(text, &types)).collect::<Result<Vec<_>, _>>()?;
    let default = if matches!(arguments.format, Format::Json | Format::Raw) { 0 } else { 256 };
    let limit = match arguments.max_bytes.unwrap_or(default) {
        0 => usize::MAX,
        limit => limit,
    };

    let name = live.name().to_owned();
    let problem = |error| live::problem(&name, error);
    let mut events = live.tap(&filters).map_err(problem)?;
    let view = View { format: arguments.format, limit, types, filters };
    let mut shown = 0;
    while arguments.count.is_none_or(|count| shown < count) {
        let Some(passed) = events.next().transpose().map_err(problem)? else {
            output::say(&format!("{name} has ended\n"));
            break;
        };
        if passed.missed > 0 {
            output::say(&format!(
                "{} events were not shown: this program was too slow for them\n",
                passed.missed
            ));
        }
        output::write_bytes(&view.shown(&passed.into()))?;
        shown += 1;
    }
    Ok(Exit::Done)
}
