//! Testees of the adapter protocol (`conformance/adapter.md`) that are part of this program: `conformance testee NAME`.
//!
//! - `adapter`: commands and answers; `config`: what `start` describes.
//! - `internal`: an internal plugin that is steered, in whatever API.
//! - `fraud`: testees that lie, to prove the harness.
//! - `engine`, `seed`: applications in the engine's own API, and in that of version 0.2.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::process::{self, ExitCode};
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{json, Value};

use adapter::{Base64, Command, Failure};
use application::Application;
use config::Api;
use internal::{Control, Job, Numbered, Publish};

mod adapter;
mod application;
mod config;
mod engine;
pub(crate) mod fraud;
mod internal;
mod logs;
pub(crate) mod ports;
mod seed;

/// The testees, as the command line names them.
#[derive(clap::Subcommand)]
pub(crate) enum Named {
    /// This project's engine
    Engine,
    /// The engine of the public crate event-engine 0.2.0
    Ancestor,
    /// One that lies
    Fraud(fraud::Arguments),
}

/// The engines.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Engine,
    Ancestor,
}

impl Which {
    /// The answer to `hello`.
    fn hello(self) -> Value {
        let (major, minor, patch) = zmq::version();
        let libraries = json!({ "libzmq": format!("{major}.{minor}.{patch}") });
        match self {
            Which::Engine => json!({
                "name": "event-engine", "version": env!("CARGO_PKG_VERSION"), "role": "engine", "language": "rust",
                "profiles": ["basic", "session"],
                "features": [
                    "internal", "ledger", "logs", "stop", "bus", "limits", "event-limit", "sessions", "heartbeat",
                    "barrier", "replicas", "stop-event", "until-done", "seed-api", "bind", "builder"
                ],
                "libraries": libraries,
            }),
            Which::Ancestor => json!({
                "name": "event-engine", "version": "0.2.0", "role": "engine", "language": "rust",
                "profiles": ["basic"], "features": ["internal", "bus"], "libraries": libraries,
            }),
        }
    }

    fn start(self, config: config::Application) -> Result<Box<dyn Application>, Failure> {
        Ok(match (self, config.api) {
            (Which::Engine, Api::Own) => Box::new(engine::start(&config)?),
            (Which::Engine, Api::Seed) => Box::new(seed::own::start(config)?),
            (Which::Ancestor, _) => Box::new(seed::ancestor::start(config)?),
        })
    }
}

/// Serves the harness until it ends the connection.
pub(crate) fn run(named: &Named) -> ExitCode {
    let which = match named {
        Named::Engine => Which::Engine,
        Named::Ancestor => Which::Ancestor,
        Named::Fraud(arguments) => return fraud::run(arguments),
    };
    if which == Which::Engine {
        logs::collect();
    }
    let mut testee = Testee { which, application: None, replaced: BTreeMap::new() };
    match adapter::serve(|command| testee.carry_out(command)) {
        // As if the process had been killed: nobody is told.
        Ok(()) => process::exit(0),
        Err(_) => process::exit(1),
    }
}

struct Testee {
    which: Which,
    application: Option<Box<dyn Application>>,
    /// Variables of the environment that the application has set, and what they were.
    replaced: BTreeMap<String, Option<OsString>>,
}

#[derive(Deserialize)]
struct Start {
    application: config::Application,
}

/// Fields of the commands for internal plugins.
#[derive(Deserialize)]
struct Told {
    plugin: String,
    #[serde(default)]
    data: Vec<Base64>,
    #[serde(default)]
    text: String,
    #[serde(default)]
    timeout_ms: u64,
}

#[derive(Deserialize)]
struct Wait {
    timeout_ms: u64,
}

impl Testee {
    fn carry_out(&mut self, command: Command) {
        let result = match command.op.as_str() {
            "hello" => Ok(self.which.hello()),
            "start" => self.start(&command),
            "logs" if self.which == Which::Engine => Ok(logs::collected()),
            "ledger" => self.application().and_then(Application::ledger),
            "stop" => self.application().and_then(Application::stop),
            "wait" => return self.wait(command),
            "publish" | "flood" | "next" | "started" | "return" | "fail" | "panic" => {
                return self.tell(command)
            }
            op => Err(Failure::unsupported(op)),
        };
        command.answer.give(result);
    }

    fn application(&self) -> Result<&dyn Application, Failure> {
        self.application.as_deref().ok_or_else(|| Failure::new("failed", "no application was started"))
    }

    fn start(&mut self, command: &Command) -> Result<Value, Failure> {
        self.application = None;
        for (name, value) in std::mem::take(&mut self.replaced) {
            match value {
                Some(value) => env::set_var(name, value),
                None => env::remove_var(name),
            }
        }
        logs::forget();
        let Start { application } = command.fields()?;
        for (name, value) in &application.environment {
            self.replaced.insert(name.clone(), env::var_os(name));
            env::set_var(name, value);
        }
        let application = self.which.start(application)?;
        Ok(json!(self.application.insert(application).ports()))
    }

    fn wait(&self, command: Command) {
        match (self.application().map(Application::end), command.fields()) {
            (Ok(end), Ok(Wait { timeout_ms })) => {
                thread::spawn(move || command.answer.ok(end.wait(Duration::from_millis(timeout_ms))));
            }
            (Err(failure), _) | (_, Err(failure)) => command.answer.give(Err(failure)),
        }
    }

    /// Tells an internal plugin what to do; it answers itself.
    fn tell(&self, command: Command) {
        let told = command.fields::<Told>().and_then(|told| Ok((self.plugin(&told.plugin)?, told)));
        let (plugin, told) = match told {
            Ok(told) => told,
            Err(failure) => return command.answer.give(Err(failure)),
        };
        let job = match command.op.as_str() {
            "publish" => return plugin.publish(Publish::These(told.data), command.answer),
            "flood" => {
                return match command.fields::<Numbered>() {
                    Ok(events) => plugin.publish(Publish::Flood(events), command.answer),
                    Err(failure) => command.answer.give(Err(failure)),
                }
            }
            "started" => return command.answer.ok(json!({ "started": plugin.started() })),
            "next" => Job::Next(Duration::from_millis(told.timeout_ms)),
            "fail" => Job::Fail(told.text),
            "panic" => Job::Panic(told.text),
            _ => Job::Return,
        };
        plugin.job(job, command.answer);
    }

    fn plugin(&self, name: &str) -> Result<&Control, Failure> {
        let plugin = self.application()?.plugin(name);
        plugin.ok_or_else(|| Failure::new("invalid", format!("there is no internal plugin `{name}`")))
    }
}
