//! `event-engine run`: an application and its plugins' processes, from the first event to the report.

use std::io::{self, Write};
use std::path::PathBuf;
use std::thread;

use event_engine::control::Control;
use event_engine::App;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::exit::{self, Exit, Problem};
use crate::printer::Printer;
use crate::report::Ending;
use crate::{log, output};

const JSON: &str = "With --json: {\"success\", \"failure\", \"plugins\": [{\"name\", \"outcome\", \"text\"}], \"ledger\": {\"accepted\", \"unmatched\",
\"parked\", \"balances\", \"plugins\": [{\"name\", \"published\", \"matched\", \"delivered\", \"handed-over\", \"queued\", \"in-flight\",
\"shed\", \"discarded\", \"dead-lettered\", \"redelivered\", \"refused\"}]}}; \"failure\" may be null";

/// Which application, and what is shown of it.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{JSON}\n\n{}", exit::HELP))]
pub(crate) struct Arguments {
    /// The application file
    #[arg(value_name = "APP.toml")]
    file: PathBuf,
    /// Print the report as JSON on stdout; what plugins print goes to stderr then
    #[arg(long)]
    json: bool,
    /// What the engine says about itself on stderr
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    log: log::Level,
}

/// Runs it to its end. SIGINT, SIGTERM and SIGHUP stop it; a second one ends it at once, a third without a report.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Problem> {
    let log = log::show(arguments.log);
    let application = match App::from_config(&arguments.file) {
        Ok(application) => application,
        Err(diagnostics) => {
            output::diagnostics(&diagnostics);
            return Ok(Exit::Wrong);
        }
    };
    output::diagnostics(application.file().warnings());
    let missing = application.missing();
    if let Some(first) = missing.first() {
        return Err(Problem::Wrong(format!(
            "{}: plugin {first} is internal: it runs inside a program that registers it with App::from_config(…).plugin({first:?}, …). \
             Start that program instead, or give the plugin a command",
            arguments.file.display()
        )));
    }
    let names = application.file().plugins.iter().map(|plugin| plugin.name.clone()).collect();
    let printer = Printer::new(names, arguments.json);
    // Before anything is started, so that no signal finds a half-started application without an answer.
    let signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let handle = application
        .output(move |line| printer.line(line))
        .start()
        .map_err(|error| Problem::Failed(error.to_string()))?;
    let signal_handle = signals.handle();
    let listener = listen(signals, handle.control())?;
    let report = handle.wait();
    log.end();
    let written = if arguments.json {
        output::write_json(&Ending::of(&report))
    } else {
        output::say(&format!("{report}\n"));
        Ok(())
    };
    // Only now: whoever does not read holds the report up, and a third signal has to end that, too.
    signal_handle.close();
    let _ = listener.join();
    exit::after(written, if report.is_success() { Exit::Done } else { Exit::Failed })
}

/// Passes signals on: the first stops, the second ends at once. Whoever sends a third does not want to wait for the report either,
/// which may be held up by a reader that does not read; the processes end with this one (EE-SUPERVISE-16).
fn listen(mut signals: Signals, control: Control) -> io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name("signals".into()).spawn(move || {
        for (count, _) in signals.forever().enumerate() {
            match count {
                0 => {
                    control.stop();
                    say_aside("stopping; once more to end at once");
                }
                1 => control.stop_now(),
                _ => signal_hook::low_level::exit(Exit::Failed as i32),
            }
        }
    })
}

/// Says something on stderr, on a thread of its own: whoever does not read there must not keep further signals from being heard.
fn say_aside(text: &'static str) {
    let _ =
        thread::Builder::new().name("aside".into()).spawn(move || writeln!(io::stderr().lock(), "{text}"));
}
