//! What a person sees while a run goes on: a bar on a terminal, a line for what did not pass elsewhere.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;

use crate::record::{CaseResult, Verdict};

/// Width of the bar.
const WIDTH: usize = 30;

/// Counts what is done.
pub(crate) struct Progress {
    all: usize,
    state: Mutex<(usize, usize)>,
    terminal: bool,
}

impl Progress {
    /// For so many cases.
    pub(crate) fn new(all: usize) -> Self {
        Self { all, state: Mutex::default(), terminal: std::io::stderr().is_terminal() }
    }

    /// One more is done.
    pub(crate) fn done(&self, result: &CaseResult) {
        let Ok(mut state) = self.state.lock() else { return };
        state.0 += 1;
        let quiet = matches!(result.verdict, Verdict::Pass | Verdict::NotApplicable | Verdict::KnownFail);
        state.1 += usize::from(!quiet);
        let (done, bad) = *state;
        let mut out = std::io::stderr().lock();
        if self.terminal {
            let full = WIDTH * done / self.all.max(1);
            let bar = format!("{}{}", "█".repeat(full), "░".repeat(WIDTH - full.min(WIDTH)));
            let _ = write!(out, "\r\x1b[2K{bar} {done}/{} · {bad} not passed · {}", self.all, result.case);
            if done == self.all {
                let _ = write!(out, "\r\x1b[2K");
            }
            let _ = out.flush();
        } else if !quiet {
            let verdict = serde_json::to_value(result.verdict).ok();
            let verdict = verdict.as_ref().and_then(|value| value.as_str()).unwrap_or_default();
            let _ = writeln!(out, "{verdict}: {} ({})", result.case, result.subjects.join("+"));
        }
    }
}
