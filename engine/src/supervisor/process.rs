//! A plugin's process, started and watched by the engine.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// How an external plugin's process is started. It finds its endpoint in EVENT_ENGINE_ENDPOINT, so that the clients' `connect`
/// needs no argument, its plugin's name in EVENT_ENGINE_PLUGIN, and its number among the plugin's replicas, from 1, in
/// EVENT_ENGINE_REPLICA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessSpec {
    /// The program, found like a shell does: in PATH unless it has a slash, which is relative to `dir`.
    pub program: OsString,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Variables added to the engine's own environment.
    pub env: Vec<(OsString, OsString)>,
    /// Its working folder; the engine's unless said.
    pub dir: Option<PathBuf>,
    /// By then the process must have said that it is ready, or it has failed (10 s unless said).
    pub start_within: Duration,
}

impl ProcessSpec {
    /// Starts `program` without arguments.
    pub fn new(program: impl Into<OsString>) -> Self {
        ProcessSpec {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            dir: None,
            start_within: Duration::from_secs(10),
        }
    }
}
