//! The seed's application: a message producer and a counter as threads, and a third plugin as a process in any
//! language, at TCP port 6000.
//!
//! Each plugin prints what it publishes and what it gets; at the end come the report and the ledger.

mod events;
mod plugins;

use std::process::ExitCode;
use std::sync::Arc;

use event_engine::App;

use crate::plugins::{CounterPlugin, MsgProducerPlugin, PyPlugin};

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let app = App::new(5559, 5560)
        .register_plugin(Arc::new(Box::new(MsgProducerPlugin::new())))
        .register_plugin(Arc::new(Box::new(CounterPlugin::new())))
        .register_external_plugin(Arc::new(Box::new(PyPlugin::new())));
    // `run` would do; `start` returns a handle, for the report.
    let report = match app.start() {
        Ok(handle) => handle.wait(),
        Err(error) => {
            eprintln!("seed: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("\n{report}");
    if report.is_success() && report.ledger.balances() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
