//! The testees that the program contains do what `adapter.md` says.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use base64::prelude::{Engine, BASE64_STANDARD};
use serde_json::{json, Value};

/// Every answer comes so soon, or the test has failed.
const WITHIN: Duration = Duration::from_secs(20);

/// A running testee, and this test as its harness.
struct Testee {
    child: Child,
    stream: TcpStream,
    lines: Receiver<String>,
    last: u64,
    answers: BTreeMap<u64, Value>,
}

impl Testee {
    fn start(which: &str) -> Testee {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_conformance"))
            .args(["testee", which])
            .env("CONFORMANCE_ADDRESS", listener.local_addr().unwrap().to_string())
            .env_remove("EVENT_ENGINE_BIND")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, accepted) = mpsc::channel();
        thread::spawn(move || send.send(listener.accept().unwrap().0));
        let stream = accepted.recv_timeout(WITHIN).expect("the testee does not connect");
        let reader = BufReader::new(stream.try_clone().unwrap());
        let (send, lines) = mpsc::channel();
        thread::spawn(move || reader.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        Testee { child, stream, lines, last: 0, answers: BTreeMap::new() }
    }

    /// Sends a command and returns its id.
    fn send(&mut self, op: &str, fields: Value) -> u64 {
        self.last += 1;
        let mut command = fields;
        command["id"] = self.last.into();
        command["op"] = op.into();
        writeln!(self.stream, "{command}").unwrap();
        self.last
    }

    /// The answer to the command with this id.
    fn answer(&mut self, id: u64) -> Value {
        loop {
            if let Some(answer) = self.answers.remove(&id) {
                return answer;
            }
            let line = self.lines.recv_timeout(WITHIN).expect("no answer");
            let answer: Value = serde_json::from_str(&line).unwrap();
            self.answers.insert(answer["id"].as_u64().unwrap(), answer);
        }
    }

    fn ask(&mut self, op: &str, fields: Value) -> Value {
        let id = self.send(op, fields);
        self.answer(id)
    }

    fn ok(&mut self, op: &str, fields: Value) -> Value {
        let answer = self.ask(op, fields);
        assert!(answer["ok"].is_object(), "{op}: {answer}");
        answer["ok"].clone()
    }

    /// The error's kind and text.
    fn refused(&mut self, op: &str, fields: Value) -> (String, String) {
        let answer = self.ask(op, fields);
        let text = |field: &str| answer["error"][field].as_str().unwrap_or_default().to_string();
        assert!(answer["error"].is_object(), "{op}: {answer}");
        (text("kind"), text("text"))
    }

    fn start_application(&mut self, application: Value) -> Value {
        self.ok("start", json!({ "application": application }))
    }

    fn publish(&mut self, plugin: &str, events: &[&str]) -> Value {
        self.ok("publish", publish(plugin, events))
    }

    fn next(&mut self, plugin: &str) -> Value {
        self.ok("next", next(plugin))
    }

    fn wait(&mut self) -> Value {
        let end = self.ok("wait", json!({ "timeout_ms": WITHIN.as_millis() as u64 }));
        assert_eq!(end["ended"], true);
        end
    }

    /// Ends the connection; the process ends by itself, and has printed nothing.
    fn end(mut self) {
        self.stream.shutdown(std::net::Shutdown::Both).unwrap();
        let mut printed = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut printed).unwrap();
        assert_eq!(printed, "");
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Testee {
    /// Where a test has failed.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn base64(text: &str) -> String {
    BASE64_STANDARD.encode(text)
}

fn publish(plugin: &str, events: &[&str]) -> Value {
    let events: Vec<String> = events.iter().map(|event| base64(event)).collect();
    json!({ "plugin": plugin, "data": events })
}

fn next(plugin: &str) -> Value {
    json!({ "plugin": plugin, "timeout_ms": WITHIN.as_millis() as u64 })
}

fn plugin(kind: &str, name: &str, subscribe: &[&str]) -> Value {
    let subscribe: Vec<String> = subscribe.iter().map(|prefix| base64(prefix)).collect();
    json!({ "kind": kind, "name": name, "subscribe": subscribe })
}

fn internal(name: &str, subscribe: &[&str]) -> Value {
    plugin("internal", name, subscribe)
}

/// A plugin's fields with others.
fn with(mut plugin: Value, fields: Value) -> Value {
    plugin.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    plugin
}

const PUBLISHED: &str = "event-engine: msg published";

/// A client of the basic profile.
struct Client(zmq::Socket);

impl Client {
    fn connect(port: &Value) -> Client {
        let socket = zmq::Context::new().socket(zmq::REQ).unwrap();
        socket.set_rcvtimeo(WITHIN.as_millis() as i32).unwrap();
        socket.set_linger(2_000).unwrap();
        socket.connect(&format!("tcp://127.0.0.1:{port}")).unwrap();
        Client(socket)
    }

    fn ask(&self, request: &str) -> String {
        self.0.send(request, 0).unwrap();
        String::from_utf8(self.0.recv_bytes(0).expect("no reply")).unwrap()
    }

    /// There is no reply.
    fn quit(self) {
        self.0.send("plugin_command: quit", 0).unwrap();
    }
}

#[test]
fn engine_says_what_it_is_and_what_it_cannot_do() {
    let mut testee = Testee::start("engine");
    let hello = testee.ok("hello", json!({ "protocol": 1 }));
    assert_eq!((&hello["role"], &hello["name"]), (&json!("engine"), &json!("event-engine")));
    assert!(hello["features"].as_array().unwrap().contains(&json!("seed-api")));
    assert_eq!(testee.refused("no-such-op", json!({})).0, "unsupported");
    assert_eq!(testee.refused("ledger", json!({})).0, "failed");
    assert_eq!(testee.refused("start", json!({ "application": 1 })).0, "invalid");
    testee.end();
}

#[test]
fn an_application_runs_from_start_to_stop() {
    let mut testee = Testee::start("engine");
    let application = json!({
        "bus": true,
        "plugins": [internal("a", &["up/"]), internal("b", &["b/"]), plugin("external", "x", &["down/"])],
    });
    let ports = testee.start_application(application);
    assert!(ports["publish_port"].is_u64() && ports["subscribe_port"].is_u64(), "{ports}");
    let client = Client::connect(&ports["ports"]["x"]);
    assert_eq!(client.ask("up/one"), PUBLISHED);
    let event = testee.next("a");
    assert_eq!(event, json!({ "data": base64("up/one"), "position": 1 }));
    assert_eq!(testee.publish("a", &["down/one", "b/one", "b/two"]), json!({ "positions": [2, 3, 4] }));
    assert_eq!(client.ask("plugin_command: next_msg"), "down/one");
    let looked = testee.refused("next", json!({ "plugin": "a", "timeout_ms": 0 }));
    assert_eq!(looked.0, "timeout");
    assert_eq!(testee.ok("started", json!({ "plugin": "b" })), json!({ "started": true }));
    assert_eq!(testee.refused("next", next("x")).0, "invalid");

    assert_eq!(testee.ok("wait", json!({ "timeout_ms": 1 })), json!({ "ended": false }));
    testee.ok("stop", json!({}));
    // What is queued stays for the plugin; then it ends by itself.
    for event in ["b/one", "b/two"] {
        assert_eq!(testee.next("b")["data"], base64(event));
    }
    // The rest is told when everything has drained; who has an event in its hands might still publish.
    client.quit();
    assert_eq!(testee.refused("next", next("b")).0, "closed");
    assert_eq!(testee.refused("next", next("a")).0, "closed");
    assert_eq!(testee.refused("publish", publish("a", &["late"])).0, "closed");
    let end = testee.wait();
    assert_eq!(end["success"], true, "{end}");
    assert_eq!(end["outcomes"], json!({ "a": "stopped", "b": "stopped", "x": "completed" }));
    assert_eq!(end["ledger"]["accepted"], 4);
    assert_eq!(end["ledger"]["plugins"]["b"]["delivered"], 2, "{end}");
    assert_eq!(testee.ok("ledger", json!({})), end["ledger"]);
    assert_eq!(end["ledger"]["balances"], true);
    testee.end();
}

#[test]
fn a_publish_that_waits_for_room_keeps_nothing_else_waiting() {
    let mut testee = Testee::start("engine");
    let full = with(internal("full", &["n/"]), json!({ "queue_events": 1 }));
    testee.start_application(json!({
        "plugins": [internal("source", &["to-source"]), full],
        "stop_within_ms": 200,
    }));
    testee.publish("source", &["n/1"]);
    let parked = testee.send("publish", publish("source", &["n/2"]));
    let deadline = Instant::now() + WITHIN;
    while testee.ok("ledger", json!({}))["parked"] != 1 {
        assert!(Instant::now() < deadline, "nothing is parked");
    }
    let waiting = testee.send("next", next("source"));
    assert_eq!(testee.next("full")["data"], base64("n/1"));
    // The first event is settled when the plugin asks for the second.
    assert_eq!(testee.next("full")["data"], base64("n/2"));
    assert_eq!(testee.answer(parked)["ok"]["positions"], json!([2]));
    testee.publish("source", &["to-source"]);
    assert_eq!(testee.answer(waiting)["ok"]["data"], base64("to-source"));

    let parked = testee.send("publish", publish("source", &["n/3"]));
    testee.ok("stop", json!({}));
    // One or the other: it found room when the plugin asked for more, or the deadline came first.
    assert_eq!(testee.wait()["ledger"]["balances"], true);
    let answer = testee.answer(parked);
    assert!(answer["ok"].is_object() || answer["error"]["kind"] == "closed", "{answer}");
    testee.end();
}

#[test]
fn a_flood_is_numbered_events_one_after_the_other() {
    let flood = |plugin: &str, first: u64, count: u64| json!({ "plugin": plugin, "prefix": base64("n:"), "first": first, "count": count, "size": 12 });
    let mut testee = Testee::start("engine");
    testee.start_application(json!({ "plugins": [internal("source", &[]), internal("sink", &["n:"])] }));
    assert_eq!(testee.ok("flood", flood("source", 7, 1000)), json!({ "position": 1000 }));
    for event in ["n:00000007..", "n:00000008.."] {
        assert_eq!(testee.next("sink")["data"], base64(event));
    }
    assert_eq!(testee.ok("flood", flood("source", 0, 0)), json!({}));
    assert_eq!(testee.ok("ledger", json!({}))["plugins"]["sink"]["matched"], 1000);
    assert_eq!(testee.refused("flood", flood("nobody", 0, 1)).0, "invalid");
    assert_eq!(testee.refused("flood", json!({ "plugin": "source" })).0, "invalid");

    // An API that tells no positions.
    testee.start_application(json!({ "plugins": [internal("both", &["n:"])], "api": "seed" }));
    assert_eq!(testee.ok("flood", flood("both", 99_999_999, 1)), json!({}));
    assert_eq!(testee.next("both")["data"], base64("n:99999999.."));
    testee.end();
}

#[test]
fn plugins_return_fail_and_panic() {
    let mut testee = Testee::start("engine");
    let plugins = ["returns", "fails", "panics"].map(|name| internal(name, &[]));
    testee.start_application(json!({ "plugins": plugins }));
    testee.ok("return", json!({ "plugin": "returns" }));
    testee.ok("fail", json!({ "plugin": "fails", "text": "out of tea" }));
    testee.ok("panic", json!({ "plugin": "panics", "text": "out of coffee" }));
    assert_eq!(testee.refused("publish", publish("returns", &["late"])).0, "closed");
    let end = testee.wait();
    assert_eq!(end["outcomes"], json!({ "returns": "completed", "fails": "failed", "panics": "panicked" }));
    assert_eq!(end["success"], false);
    let logs = testee.ok("logs", json!({})).to_string();
    assert!(logs.contains("out of tea") && logs.contains("out of coffee"), "{logs}");
    testee.end();
}

#[test]
fn a_plugin_with_events_left_is_unfinished_at_the_deadline() {
    let mut testee = Testee::start("engine");
    let plugins = [internal("source", &[]), internal("lazy", &["n/"])];
    testee.start_application(json!({ "plugins": plugins, "stop_within_ms": 100 }));
    testee.publish("source", &["n/1"]);
    testee.ok("stop", json!({}));
    let end = testee.wait();
    assert_eq!(end["outcomes"], json!({ "source": "stopped", "lazy": "unfinished" }));
    assert_eq!(end["ledger"]["balances"], true, "{end}");
    // Another application is none the worse.
    testee.start_application(json!({ "plugins": [internal("lazy", &["n/"])] }));
    assert_eq!(testee.publish("lazy", &["n/1"]), json!({ "positions": [1] }));
    testee.end();
}

#[test]
fn a_barrier_that_fails_is_the_applications_end() {
    let mut testee = Testee::start("engine");
    let plugins = [internal("a", &[]), plugin("external", "absent", &[])];
    let application = json!({ "plugins": plugins, "wait_for_external_ms": 50, "laggards": "fail" });
    testee.start_application(application);
    let never = testee.send("publish", publish("a", &["never"]));
    let end = testee.wait();
    assert!(end["error"].as_str().unwrap().contains("absent"), "{end}");
    assert_eq!(testee.answer(never)["error"]["kind"], "closed");
    assert_eq!(testee.ok("started", json!({ "plugin": "a" })), json!({ "started": false }));
    testee.end();
}

#[test]
fn mistakes_of_configuration_are_refused() {
    let mut testee = Testee::start("engine");
    let application =
        json!({ "plugins": [internal("short", &["told "]), internal("long", &["told more "])] });
    let (kind, text) = testee.refused("start", json!({ "application": application }));
    assert_eq!(kind, "failed");
    assert!(text.contains("short") && text.contains("long") && text.contains("ambiguous"), "{text}");
    testee.start_application(with(application, json!({ "allow_ambiguous_filters": true })));
    let late = with(internal("late", &[]), json!({ "ready_after_ms": 1 }));
    let late = json!({ "application": { "plugins": [late] } });
    assert_eq!(testee.refused("start", late).0, "unsupported");
    let size = json!({ "plugins": [internal("a", &[])], "max_event_bytes": 3 });
    testee.start_application(size);
    let answer = testee.ask("publish", publish("a", &["four"]));
    assert_eq!(
        (&answer["error"]["kind"], &answer["error"]["code"]),
        (&json!("rejected"), &json!("too-large"))
    );
    testee.end();
}

#[test]
fn an_open_address_is_warned_of() {
    let mut testee = Testee::start("engine");
    let application = json!({ "plugins": [plugin("external", "x", &[])], "stop_within_ms": 0 });
    let warned = |testee: &mut Testee| {
        let logs = testee.ok("logs", json!({}));
        let is_warning = |line: &Value| {
            line["level"] == "warn" && line["text"].as_str().unwrap().contains("ports are opened at 0.0.0.0")
        };
        logs["lines"].as_array().unwrap().iter().any(is_warning)
    };
    testee.start_application(with(application.clone(), json!({ "bind": "0.0.0.0" })));
    assert!(warned(&mut testee));
    testee.start_application(with(
        application.clone(),
        json!({ "environment": { "EVENT_ENGINE_BIND": "0.0.0.0" } }),
    ));
    assert!(warned(&mut testee));
    // The environment is that application's alone.
    testee.start_application(application);
    assert!(!warned(&mut testee));
    testee.end();
}

#[test]
fn applications_of_version_0_2_run() {
    let mut testee = Testee::start("engine");
    let plugins = [
        internal("source", &[]),
        internal("sink", &["n/"]),
        with(plugin("external", "x", &["n/"]), json!({ "replicas": 2 })),
    ];
    let ports = testee.start_application(json!({ "api": "seed", "bus": true, "plugins": plugins }));
    assert_eq!(testee.publish("source", &["n/1", "n/2"]), json!({}));
    assert_eq!(testee.next("sink"), json!({ "data": base64("n/1") }));
    for event in ["n/1", "n/2"] {
        let client = Client::connect(&ports["ports"]["x"]);
        assert_eq!(client.ask("plugin_command: next_msg"), event);
        client.quit();
    }
    assert_eq!(testee.refused("ledger", json!({})).0, "unsupported");
    assert_eq!(testee.refused("stop", json!({})).0, "unsupported");
    testee.ok("return", json!({ "plugin": "source" }));
    testee.ok("fail", json!({ "plugin": "sink", "text": "out of tea" }));
    let end = testee.wait();
    assert_eq!(end["success"], false);
    let error = end["error"].as_str().unwrap();
    assert!(
        ["PluginExecutionError", "sink", "out of tea"].iter().all(|word| error.contains(word)),
        "{error}"
    );

    let wrong =
        json!({ "api": "seed", "plugins": [with(plugin("external", "x", &[]), json!({ "port": 65_536 }))] });
    let (kind, text) = testee.refused("start", json!({ "application": wrong }));
    assert!(kind == "failed" && text.contains("65536"), "{kind}: {text}");
    testee.start_application(json!({ "api": "seed", "plugins": [internal("a", &[])] }));
    testee.ok("panic", json!({ "plugin": "a", "text": "out of coffee" }));
    assert!(testee.wait()["error"].as_str().unwrap().contains("out of coffee"));
    testee.end();
}

#[test]
fn the_ancestor_runs() {
    let mut testee = Testee::start("ancestor");
    assert_eq!(testee.ok("hello", json!({}))["profiles"], json!(["basic"]));
    let plugins = [
        internal("source", &["up/"]),
        with(internal("late", &[]), json!({ "ready_after_ms": 200 })),
        plugin("external", "x", &["down/"]),
    ];
    let ports = testee.start_application(json!({ "plugins": plugins, "bus": true }));
    let client = Client::connect(&ports["ports"]["x"]);
    assert_eq!(client.ask("up/one"), PUBLISHED);
    assert_eq!(testee.next("source"), json!({ "data": base64("up/one") }));
    testee.publish("source", &["down/one"]);
    assert_eq!(client.ask("plugin_command: next_msg"), "down/one");
    assert_eq!(testee.refused("ledger", json!({})).0, "unsupported");
    assert_eq!(testee.refused("logs", json!({})).0, "unsupported");
    client.quit();
    testee.ok("return", json!({ "plugin": "source" }));
    testee.ok("return", json!({ "plugin": "late" }));
    assert_eq!(testee.wait(), json!({ "ended": true, "success": true }));
    testee.end();
}
