//! What the engine says about itself, on stderr.

use std::io;

use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};

use crate::output;

/// So many lines wait for whoever reads stderr; further ones are left out, and counted.
const LINES_MAX: usize = 8192;

/// How much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Level {
    /// Nothing
    Off,
    /// What failed
    Error,
    /// And what may need somebody
    Warn,
    /// And what happens
    Info,
    /// And everything else
    Debug,
}

/// What shows it.
pub(crate) struct Log {
    guard: WorkerGuard,
    left_out: ErrorCounter,
}

impl Log {
    /// Shows what is left, unless nobody reads it.
    pub(crate) fn end(self) {
        drop(self.guard);
        match self.left_out.dropped_lines() {
            0 => {}
            lines => output::say(&format!(
                "{lines} lines of the engine's log are missing: nobody read them in time\n"
            )),
        }
    }
}

/// Shows it from now on. The engine's threads never wait for whoever reads stderr: a thread of its own writes.
pub(crate) fn show(level: Level) -> Log {
    let filter = match level {
        Level::Off => LevelFilter::OFF,
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
    };
    let builder =
        NonBlockingBuilder::default().lossy(true).buffered_lines_limit(LINES_MAX).thread_name("log");
    let (writer, guard) = builder.finish(io::stderr());
    let left_out = writer.error_counter();
    tracing_subscriber::fmt()
        .with_max_level(filter)
        .with_ansi(output::colours(&io::stderr()))
        .with_target(false)
        .without_time()
        .with_writer(writer)
        // It would say so on stderr, too, and panic where that cannot be written: on the engine's own threads.
        .log_internal_errors(false)
        .init();
    Log { guard, left_out }
}
