//! `spec-tool`: generates files from the specification and checks that its parts agree.

use clap::{Parser, Subcommand};
use event_engine_spec_tool::{check, find_root, generate, Options};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "spec-tool", version, about = "Keeps the event-engine specification consistent")]
struct Arguments {
    /// Top of the repository; found upwards from the current directory unless given.
    #[arg(long, global = true)]
    root: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Writes every generated file that is not up to date, and names it.
    Generate,
    /// Prints every disagreement with its file and line, and fails if there is one.
    Check {
        /// Accept requirements whose tests are announced (`pending`) but not cited yet.
        #[arg(long)]
        allow_pending: bool,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Some(root) = arguments.root.or_else(find_root) else {
        eprintln!("spec/protocol.toml was not found here or above: pass --root");
        return ExitCode::FAILURE;
    };
    let problems = match arguments.command {
        Command::Generate => match generate(&root) {
            Ok(written) => {
                written.iter().for_each(|path| println!("wrote {path}"));
                println!("{} files written, the others are up to date", written.len());
                return ExitCode::SUCCESS;
            }
            Err(problems) => problems,
        },
        Command::Check { allow_pending } => {
            let outcome = check(&root, Options { allow_pending });
            println!("{}", outcome.summary);
            outcome.problems
        }
    };
    for problem in &problems {
        eprintln!("{problem}");
    }
    if problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        eprintln!("{} disagreements", problems.len());
        ExitCode::FAILURE
    }
}
