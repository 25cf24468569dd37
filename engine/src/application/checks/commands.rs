//! Whether commands can be started on this machine.

use crate::application::diagnostics::Diagnostics;
use crate::application::file::PluginKind;
use crate::application::read::{Draft, Span};

/// Says which commands cannot be started.
pub(in crate::application) fn commands(draft: &Draft, out: &mut Diagnostics) {
    for plugin in &draft.plugins {
        let PluginKind::Process { process, .. } = &plugin.entry.kind else { continue };
        let command = plugin.command.as_ref().unwrap_or(&plugin.name.span);
        // What is wrong with the command itself has been said; its program is empty then.
        for problem in process.problems() {
            let span: &Span = plugin.dir.as_ref().filter(|_| problem.is_of_folder()).unwrap_or(command);
            out.error(span, format!("plugin `{}` cannot be started: {problem}", plugin.name.value))
                .help(problem.help());
        }
    }
}
