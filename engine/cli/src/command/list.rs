//! `event-engine list`: applications that run here, and their plugins.

use event_engine::control::client::ClientError;
use event_engine::control::messages::Status;
use serde::Serialize;

use crate::exit::{self, Exit, Problem};
use crate::human;
use crate::live::{self, Choice, Live};
use crate::output;
use crate::table::{table, Align};

const JSON: &str = "With --json: a list of applications, each {\"application\", \"socket\", \"engine\", \"pid\", \"phase\", \"uptime-ms\",
\"plugins\": [{\"name\", \"kind\", \"state\", \"detail\", \"source\", \"port\", \"pids\", \"restarts\"}]}; \"port\" may be null";

/// Of which, and how.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{JSON}\n\n{}", exit::HELP))]
pub(crate) struct Arguments {
    #[command(flatten)]
    choice: Choice,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Application<'a> {
    application: &'a str,
    socket: String,
    engine: &'a str,
    pid: u32,
    phase: &'a str,
    uptime_ms: u64,
    plugins: Vec<Plugin<'a>>,
}

#[derive(Serialize)]
struct Plugin<'a> {
    name: &'a str,
    kind: &'a str,
    state: &'a str,
    detail: &'a str,
    source: bool,
    port: Option<u16>,
    pids: &'a [u32],
    restarts: u64,
}

/// Lists them.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Problem> {
    let mut found = Vec::new();
    if arguments.choice.app.is_some() {
        let mut live = arguments.choice.connect()?;
        let status = live.status().map_err(|error| live.problem(error))?;
        found.push((live.path().display().to_string(), status));
    } else {
        for (name, path) in live::running() {
            // One that has just ended is no longer running.
            let Ok(mut live) = Live::connect(&path, &name) else { continue };
            match live.status() {
                Ok(status) => found.push((path.display().to_string(), status)),
                Err(ClientError::Closed) => {}
                Err(error) => output::complain(&exit::words(&live.problem(error))),
            }
        }
    }
    let written = if arguments.json {
        let found: Vec<Application<'_>> = found.iter().map(|(socket, status)| json(socket, status)).collect();
        output::write_json(&found)
    } else {
        let texts: Vec<String> = found.iter().map(|(socket, status)| text(socket, status)).collect();
        output::write(&texts.join("\n"))
    };
    if found.is_empty() {
        return Err(Problem::NotRunning(
            "no application is running here; start one: event-engine run APP.toml".to_owned(),
        ));
    }
    exit::after(written, Exit::Done)
}

fn json<'a>(socket: &str, status: &'a Status) -> Application<'a> {
    let plugin = |plugin: &'a event_engine::control::messages::Plugin| Plugin {
        name: &plugin.name,
        kind: &plugin.kind,
        state: &plugin.state,
        detail: &plugin.detail,
        source: plugin.source,
        port: plugin.port,
        pids: &plugin.pids,
        restarts: plugin.restarts,
    };
    Application {
        application: &status.application,
        socket: socket.to_owned(),
        engine: &status.engine,
        pid: status.pid,
        phase: &status.phase,
        uptime_ms: status.uptime_ms,
        plugins: status.plugins.iter().map(plugin).collect(),
    }
}

fn text(socket: &str, status: &Status) -> String {
    let or_dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    let rows: Vec<Vec<String>> = status
        .plugins
        .iter()
        .map(|plugin| {
            let pids: Vec<String> = plugin.pids.iter().map(u32::to_string).collect();
            vec![
                format!("  {}", plugin.name),
                plugin.kind.clone(),
                plugin.state.clone(),
                or_dash(plugin.port.map(|port| port.to_string()).unwrap_or_default()),
                or_dash(pids.join(",")),
                plugin.restarts.to_string(),
                plugin.detail.clone(),
            ]
        })
        .collect();
    let columns = [
        ("  PLUGIN", Align::Left),
        ("KIND", Align::Left),
        ("STATE", Align::Left),
        ("PORT", Align::Right),
        ("PIDS", Align::Left),
        ("RESTARTS", Align::Right),
        ("DETAIL", Align::Left),
    ];
    format!(
        "{}: {} for {}, process {}, control socket {socket}\n{}",
        status.application,
        status.phase,
        human::time(status.uptime_ms),
        status.pid,
        table(&columns, &rows)
    )
}
