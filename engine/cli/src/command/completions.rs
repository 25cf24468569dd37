//! `event-engine completions`: what a shell needs to complete the command line.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::exit::{self, Exit, Problem};
use crate::output;

/// For which shell.
#[derive(Debug, clap::Args)]
#[command(after_help = format!(
    "For bash: event-engine completions bash > ~/.local/share/bash-completion/completions/event-engine\n\
     For zsh:  event-engine completions zsh > a folder of $fpath/_event-engine\n\
     For fish: event-engine completions fish > ~/.config/fish/completions/event-engine.fish\n\n{}",
    exit::HELP
))]
pub(crate) struct Arguments {
    /// The shell
    shell: Shell,
}

/// Writes it.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Problem> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut super::Arguments::command(), "event-engine", &mut script);
    output::write(&mended(&String::from_utf8_lossy(&script)))?;
    Ok(Exit::Done)
}

/// The script for bash names the state after `event-engine` in two ways, because of the `-`: one of them for what is completed
/// there. Without this nothing would be completed after a command.
fn mended(script: &str) -> String {
    script.replace("event__subcmd__engine", "event__engine")
}
