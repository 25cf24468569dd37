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

/// Which application, and what is shown of it.
#[derive(Debug, clap::Args)]
#[command(after_help = exit::HELP)]
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

/// Runs it to its end. SIGINT, SIGTERM and SIGHUP stop it; a second one ends it at once.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Problem> {
    log::show(arguments.log);
    let application = match App::from_config(&arguments.file) {
        Ok(application) => application,
        Err(diagnostics) => {
            output::diagnostics(&diagnostics)?;
            return Ok(Exit::Wrong);
        }
    };
    output::diagnostics(application.file().warnings())?;
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
    signal_handle.close();
    let _ = listener.join();
    if arguments.json {
        output::write_json(&Ending::of(&report))?;
    } else {
        let _ = writeln!(io::stderr().lock(), "{report}");
    }
    Ok(if report.is_success() { Exit::Done } else { Exit::Failed })
}

/// Passes signals on: the first stops, the second ends at once.
fn listen(mut signals: Signals, control: Control) -> io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name("signals".into()).spawn(move || {
        for (count, _) in signals.forever().enumerate() {
            if count == 0 {
                let _ = writeln!(io::stderr().lock(), "stopping; once more to end at once");
                control.stop();
            } else {
                control.stop_now();
            }
        }
    })
}
