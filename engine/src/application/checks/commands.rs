//! Whether commands can be started on this machine.

use crate::application::diagnostics::Diagnostics;
use crate::application::file::PluginKind;
use crate::application::read::{Draft, Span};

/// Says which commands cannot be started.
pub(in crate::application) fn commands(draft: &Draft, out: &mut Diagnostics) {
    for plugin in &draft.plugins {
        let (PluginKind::Process { process, .. }, Some(command)) = (&plugin.entry.kind, &plugin.command)
        else {
            continue;
        };
        // What is wrong with the command itself has been said.
        if process.program.is_empty() {
            continue;
        }
        if let Err(problem) = process.check() {
            let span: &Span = plugin.dir.as_ref().filter(|_| problem.is_of_folder()).unwrap_or(command);
            out.error(span, format!("plugin `{}` cannot be started: {problem}", plugin.name.value))
                .help(problem.help());
        }
    }
}
