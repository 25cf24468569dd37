//! What the engine says about itself, on stderr.

use std::io;

use tracing::level_filters::LevelFilter;

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

/// Shows it from now on.
pub(crate) fn show(level: Level) {
    let filter = match level {
        Level::Off => LevelFilter::OFF,
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
    };
    tracing_subscriber::fmt()
        .with_max_level(filter)
        .with_ansi(crate::output::colours(&io::stderr()))
        .with_target(false)
        .without_time()
        .with_writer(io::stderr)
        // It would say so on stderr, too, and panic where that cannot be written: on the engine's own threads.
        .log_internal_errors(false)
        .init();
}
