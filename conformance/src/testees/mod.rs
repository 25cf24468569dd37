//! Testees of the adapter protocol (`conformance/adapter.md`) that are part of this program: `conformance testee NAME`.

use std::process::ExitCode;

/// The testees.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum Which {
    /// This project's engine
    Engine,
    /// The engine of the public crate event-engine 0.2.0
    Ancestor,
}

/// Serves the harness until it ends the connection.
pub(crate) fn run(_which: Which) -> ExitCode {
    ExitCode::FAILURE
}
