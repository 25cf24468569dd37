//! `event-engine run`: applications of processes, from their start to their end, however that comes.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{kill_process, Pid, Signal};
use serde_json::Value;

use crate::place::{until, Place, Said, LONG};

mod keys;
mod lifecycle;
mod stops;
mod unread;
mod unwritable;

/// The plugin of these tests (`examples/worker.rs`). `cargo test` builds it, but `cargo test --test it` does not.
fn worker() -> PathBuf {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_event-engine")).with_file_name("examples").join("worker");
    assert!(
        program.exists(),
        "{} is not built: cargo build --examples -p event-engine-cli",
        program.display()
    );
    program
}

/// A port that nobody uses at this moment.
fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// A source, a relay and a sink, every process of which can be told by `mark`.
struct Pipeline {
    place: Place,
    mark: String,
    ports: [u16; 3],
}

impl Pipeline {
    fn new(application: &str, source: &str) -> Pipeline {
        let place = Place::new();
        let mark = format!("{}-{}", std::process::id(), place.path().file_name().unwrap().to_string_lossy());
        let ports = [free_port(), free_port(), free_port()];
        let worker = worker();
        let worker = worker.display();
        let text = format!(
            r#"
[application]
name = "pipeline"
{application}
[types]
sample = "SA"
middle = "MI"
[plugins.source]
command = ["{worker}", {source}]
port = {}
publish = ["sample"]
env = {{ MARK = "{mark}" }}
[plugins.relay]
command = ["{worker}", "relay"]
port = {}
subscribe = ["sample"]
publish = ["middle"]
env = {{ MARK = "{mark}" }}
[plugins.sink]
command = ["{worker}", "sink"]
port = {}
subscribe = ["middle"]
env = {{ MARK = "{mark}" }}
"#,
            ports[0], ports[1], ports[2]
        );
        fs::write(place.path().join("app.toml"), text).unwrap();
        Pipeline { place, mark, ports }
    }

    fn start(&self) -> Child {
        start(&self.place)
    }

    /// Whether no process of the application is alive, and its ports can be taken at once.
    #[track_caller]
    fn nothing_is_left(&self) {
        assert_eq!(marked(&self.mark), Vec::<u32>::new());
        for port in self.ports {
            TcpListener::bind(("127.0.0.1", port)).unwrap_or_else(|error| panic!("port {port}: {error}"));
        }
    }

    /// How many events a plugin has handled so far, by the control socket.
    fn delivered(&self, plugin: &str) -> Option<u64> {
        let said = self.place.run(&["ledger", "--json"]);
        let ledger: Value = serde_json::from_str(&said.stdout).ok()?;
        let plugins = ledger["plugins"].as_array()?;
        plugins.iter().find(|of| of["name"] == plugin)?["delivered"].as_u64()
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        for pid in marked(&self.mark) {
            let _ = kill_process(Pid::from_raw(pid as i32).unwrap(), Signal::KILL);
        }
    }
}

/// Living processes with this mark in their environment.
fn marked(mark: &str) -> Vec<u32> {
    let mark = format!("MARK={mark}");
    let of_process = |pid: u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
        environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes()).then_some(pid)
    };
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|process| process.file_name().to_str()?.parse().ok())
        .filter_map(of_process)
        .collect()
}

/// Runs the application file of a place.
fn start(place: &Place) -> Child {
    let mut command = place.command(&["run", "app.toml", "--json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The report of a run that is over, or is about to be.
#[track_caller]
fn report(child: Child) -> (Said, Value) {
    let said = Said::of(child.wait_with_output().unwrap());
    let report = serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    (said, report)
}

fn of<'a>(report: &'a Value, plugin: &str) -> &'a Value {
    let plugins = report["ledger"]["plugins"].as_array().unwrap();
    plugins.iter().find(|of| of["name"] == plugin).unwrap()
}

#[test]
fn an_application_that_is_done_ends_by_itself() {
    let pipeline = Pipeline::new("until = \"done\"", r#""source", "1000""#);
    let (said, report) = report(pipeline.start());
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(report["success"], true);
    assert_eq!(of(&report, "sink")["delivered"], 1000);
    assert!(said.stderr.contains("sink   | counted 1000"), "{said:?}");
    // A process that has quit is given the time to end.
    assert!(said.stderr.contains("sink   | ended by itself"), "{said:?}");
    pipeline.nothing_is_left();
}

#[test]
fn a_killed_engine_takes_its_processes_with_it_and_another_takes_its_ports() {
    let pipeline = Pipeline::new("", r#""source""#);
    for _ in 0..2 {
        let mut engine = pipeline.start();
        until("events at the sink", || pipeline.delivered("sink").filter(|delivered| *delivered > 0));
        assert_eq!(marked(&pipeline.mark).len(), 3);
        engine.kill().unwrap();
        engine.wait().unwrap();
        until("the end of its processes", || marked(&pipeline.mark).is_empty().then_some(()));
    }
    let engine = pipeline.start();
    until("events at the sink", || pipeline.delivered("sink").filter(|delivered| *delivered > 0));
    pipeline.place.run(&["stop", "--wait"]).well();
    let (_, report) = report(engine);
    assert_eq!(report["success"], true);
    pipeline.nothing_is_left();
}

#[test]
fn a_file_that_is_wrong_starts_nothing() {
    let place = Place::new();
    fs::write(
        place.path().join("app.toml"),
        "[application]\nname = \"x\"\n[plugins.a]\ncommand = [\"./nobody\"]\n",
    )
    .unwrap();
    let said = place.run(&["run", "app.toml"]).failed(2);
    assert!(said.contains("app.toml:4:11: error: plugin `a` cannot be started"), "{said}");
    assert!(place.run(&["run", "missing.toml"]).failed(2).contains("missing.toml"));
}

#[test]
fn an_internal_plugin_needs_its_program() {
    let place = Place::new();
    fs::write(place.path().join("app.toml"), "[application]\nname = \"x\"\n[plugins.a]\ninternal = true\n")
        .unwrap();
    assert!(place.run(&["run", "app.toml"]).failed(2).contains("plugin a is internal"));
}

#[test]
fn a_plugin_that_exits_at_once_is_given_up_and_the_rest_goes_on() {
    let place = Place::new();
    let worker = worker();
    let text = format!(
        r#"
[application]
name = "crashing"
until = "done"
[types]
sample = "SA"
[plugins.source]
command = ["{worker}", "source", "10"]
publish = ["sample"]
[plugins.crash]
command = ["sh", "-c", "echo it goes wrong >&2; exit 3"]
subscribe = ["sample"]
restart = {{ when = "on-failure", first-delay = "1ms", give-up-after = 3 }}
[plugins.sink]
command = ["{worker}", "sink"]
subscribe = ["sample"]
"#,
        worker = worker.display()
    );
    fs::write(place.path().join("app.toml"), text).unwrap();
    let child = start(&place);
    let (said, report) = report(child);
    assert_eq!(said.code, Some(1));
    assert_eq!(said.stderr.matches("crash  | it goes wrong").count(), 4, "{said:?}");
    let plugins = report["plugins"].as_array().unwrap();
    let outcome =
        |name: &str| plugins.iter().find(|plugin| plugin["name"] == name).unwrap()["outcome"].clone();
    assert_eq!(outcome("crash"), "given-up");
    assert_eq!(outcome("sink"), "completed");
    assert_eq!(of(&report, "sink")["delivered"], 10);
    assert_eq!(of(&report, "crash")["discarded"], of(&report, "crash")["matched"]);
    assert_eq!(report["ledger"]["balances"], true);
}

/// EE-LIFE-12, EE-SUPERVISE-15: a client without a session is told by its stop event, and by a signal only if it has none.
#[test]
fn a_basic_client_is_told_of_the_stop() {
    for (stop_event, heard) in [("stop-event = \"ZZ\"", true), ("", false)] {
        let place = Place::new();
        let text = format!(
            r#"
[application]
name = "basic"
[types]
sample = "SA"
[plugins.source]
command = ["{worker}", "source", "1"]
publish = ["sample"]
[plugins.plain]
command = ["{worker}", "basic"]
subscribe = ["sample"]
{stop_event}
"#,
            worker = worker().display()
        );
        fs::write(place.path().join("app.toml"), text).unwrap();
        let child = start(&place);
        until("its event", || {
            let ledger: Value = serde_json::from_str(&place.run(&["ledger", "--json"]).stdout).ok()?;
            let plugins = ledger["plugins"].as_array()?.clone();
            plugins.iter().any(|plugin| plugin["name"] == "plain" && plugin["handed-over"] == 1).then_some(())
        });
        place.run(&["stop", "--wait"]).well();
        let (said, report) = report(child);
        assert_eq!((said.code, &report["success"]), (Some(0), &true.into()), "{said:?}");
        assert_eq!(said.stderr.contains("plain  | heard its stop event"), heard, "{said:?}");
    }
}

/// EE-SUPERVISE-4, EE-SUPERVISE-10, EE-SUPERVISE-11
#[test]
fn a_process_that_hangs_is_ended_and_started_again() {
    let place = Place::new();
    let text = format!(
        r#"
[application]
name = "hanging"
until = "done"
[types]
sample = "SA"
[plugins.source]
command = ["{worker}", "source", "2"]
publish = ["sample"]
[plugins.hangs]
command = ["{worker}", "hang"]
subscribe = ["sample"]
hang-after = "500ms"
restart = {{ when = "on-failure", first-delay = "1ms" }}
"#,
        worker = worker().display()
    );
    fs::write(place.path().join("app.toml"), text).unwrap();
    let child = start(&place);
    let (said, report) = report(child);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!((&of(&report, "hangs")["delivered"], &report["success"]), (&2.into(), &true.into()));
    assert!(of(&report, "hangs")["redelivered"].as_u64() >= Some(2), "{report}");
}

/// EE-SUPERVISE-18: its session would hold the stop up for an hour, or until the deadline and lose what it held.
#[test]
fn a_dead_process_is_not_waited_for_by_the_others() {
    let pipeline = Pipeline::new("session-grace = \"1h\"", r#""source""#);
    let file = pipeline.place.path().join("app.toml");
    let text = fs::read_to_string(&file).unwrap();
    let two = "[plugins.relay]\nreplicas = 2\nrestart = { when = \"on-failure\", first-delay = \"1h\", max-delay = \"1h\" }";
    fs::write(&file, text.replace("[plugins.relay]", two)).unwrap();
    let engine = pipeline.start();
    until("the relays at work", || pipeline.delivered("relay").filter(|delivered| *delivered > 1000));
    let relays: Vec<u32> = marked(&pipeline.mark).into_iter().filter(|pid| is_relay(*pid)).collect();
    assert_eq!(relays.len(), 2);
    kill_process(Pid::from_raw(relays[0] as i32).unwrap(), Signal::KILL).unwrap();
    until("the end of the killed one", || (marked(&pipeline.mark).len() == 3).then_some(()));
    pipeline.place.run(&["stop", "--wait"]);
    let (said, report) = report(engine);
    // Everything was handled; but the one that was killed has failed, as it was not started again (EE-SUPERVISE-15).
    assert_eq!(said.code, Some(1), "{said:?}");
    let [source, relay, sink] = ["source", "relay", "sink"].map(|name| of(&report, name));
    assert_eq!(source["published"], relay["delivered"], "{report}");
    assert_eq!(relay["published"], sink["delivered"], "{report}");
    pipeline.nothing_is_left();
}

/// EE-SUPERVISE-7, EE-SUPERVISE-18: a process that a signal ends has not quit, though another one has that is still there.
#[test]
fn a_killed_process_takes_nobodys_quit() {
    let place = Place::new();
    let text = format!(
        r#"
[application]
name = "unequal"
stop-within = "500ms"
session-grace = "1h"
[types]
sample = "SA"
[plugins.pair]
command = ["{worker}", "unequal"]
subscribe = ["sample"]
replicas = 2
restart = {{ when = "on-failure", first-delay = "1ms" }}
"#,
        worker = worker().display()
    );
    fs::write(place.path().join("app.toml"), text).unwrap();
    let child = start(&place);
    until("the quit of the first", || place.path().join("has-quit").exists().then_some(()));
    place.run(&["pub", "--type", "sample", "1"]).well();
    // The event comes again, to the other one's next run, which then quits; so the application ends.
    until("the end", || (place.run(&["list"]).code == Some(3)).then_some(()));
    let (said, report) = report(child);
    assert_eq!((said.code, &report["success"]), (Some(0), &true.into()), "{said:?}");
    let pair = of(&report, "pair");
    assert_eq!((&pair["delivered"], &pair["redelivered"]), (&1.into(), &1.into()), "{report}");
}

fn is_relay(pid: u32) -> bool {
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.ends_with(b"relay\0"))
}

/// How long it takes is printed; that it happens is tested.
#[test]
fn a_hundred_plugins_start_and_stop() {
    const PLUGINS: usize = 100;
    let place = Place::new();
    let mut text = String::from("[application]\nname = \"hundred\"\n[types]\nsample = \"SA\"\n");
    let worker = worker();
    text.push_str(&format!(
        "[plugins.source]\ncommand = [\"{}\", \"source\", \"1\"]\npublish = [\"sample\"]\n",
        worker.display()
    ));
    for number in 1..PLUGINS {
        text.push_str(&format!(
            "[plugins.sink-{number}]\ncommand = [\"{}\", \"sink\"]\nsubscribe = [\"sample\"]\n",
            worker.display()
        ));
    }
    fs::write(place.path().join("app.toml"), text).unwrap();
    let began = Instant::now();
    let child = start(&place);
    until("every sink's event", || {
        let ledger: Value = serde_json::from_str(&place.run(&["ledger", "--json"]).stdout).ok()?;
        let done =
            |plugin: &Value| plugin["matched"] == 1 && plugin["in-flight"] == 1 || plugin["delivered"] == 1;
        let plugins = ledger["plugins"].as_array()?;
        (plugins.iter().filter(|plugin| done(plugin)).count() == PLUGINS - 1).then_some(())
    });
    let started = began.elapsed();
    let began = Instant::now();
    place.run(&["stop", "--wait"]).well();
    let (said, report) = report(child);
    eprintln!("{PLUGINS} plugins: started in {started:?}, stopped in {:?}", began.elapsed());
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(report["success"], true);
    assert!(began.elapsed() < LONG && started < LONG + Duration::from_secs(1));
}
