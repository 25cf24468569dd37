//! An external plugin at a free port, and an internal one that answers it: `ask X` with `answer X`, until `bye`.
//!
//! Prints the port; a process in any language can try its client there. Ends when the process has said `bye` and quit.
//!
//! ```text
//! cargo run --example echo
//! ```

use std::process::ExitCode;

use event_engine::{BoxError, Builder, Context, PluginSpec};

fn answer(context: &mut Context) -> Result<(), BoxError> {
    loop {
        let event = context.next_event()?;
        match event.strip_prefix(b"ask ") {
            Some(question) => context.publish([b"answer ", question].concat())?,
            None => return Ok(()),
        };
    }
}

fn main() -> Result<ExitCode, BoxError> {
    let application = Builder::new()
        .plugin(PluginSpec::new("echo").subscribe("ask ").subscribe("bye"), answer)
        .external(PluginSpec::new("client").subscribe("answer ").subscribe("note "), 0)
        .start()?;
    println!("{}", application.port("client").unwrap_or_default());
    let report = application.wait();
    println!("{report}");
    Ok(if report.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
