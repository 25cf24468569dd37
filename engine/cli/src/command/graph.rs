//! `event-engine graph`: who sends what to whom.

use std::path::PathBuf;

use clap::ValueEnum;
use event_engine::application::ApplicationFile;

use crate::exit::{self, Exit, Problem};
use crate::graph::Graph;
use crate::live::Choice;
use crate::output;

/// Of which application, and how.
#[derive(Debug, clap::Args)]
#[command(
    after_help = exit::HELP,
    override_usage = "event-engine graph [OPTIONS] <APP.toml>\n       event-engine graph [OPTIONS] --live\n       \
                      event-engine graph [OPTIONS] --app <NAME|SOCKET|APP.toml>"
)]
pub(crate) struct Arguments {
    /// The application file; its commands need not be there
    #[arg(value_name = "APP.toml", required_unless_present_any = ["live", "app"], conflicts_with_all = ["live", "app"])]
    file: Option<PathBuf>,
    /// Draw a running application, with the states of its plugins, instead of a file
    #[arg(long)]
    live: bool,
    #[command(flatten)]
    choice: Choice,
    /// In which language
    #[arg(long, short, value_enum, default_value_t = Format::Mermaid)]
    format: Format,
    /// Where to write it; stdout unless said
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// A language of graphs.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// A flowchart of Mermaid, for web pages and Markdown
    Mermaid,
    /// The language of Graphviz
    Dot,
    /// A picture, for browsers
    Svg,
}

/// Draws it.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Problem> {
    let graph = match &arguments.file {
        Some(path) => match ApplicationFile::read_text(path) {
            Ok(file) => Graph::from_file(&file),
            Err(diagnostics) => {
                output::diagnostics(&diagnostics);
                return Ok(Exit::Wrong);
            }
        },
        None => {
            let mut live = arguments.choice.connect()?;
            Graph::from_status(&live.status().map_err(|error| live.problem(error))?)
        }
    };
    let text = match arguments.format {
        Format::Mermaid => graph.mermaid(),
        Format::Dot => graph.dot(),
        Format::Svg => graph.svg(),
    };
    output::write_to(arguments.output.as_deref(), &text)?;
    Ok(Exit::Done)
}
