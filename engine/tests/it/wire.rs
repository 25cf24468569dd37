//! The specification's vectors against a running engine: messages, sequences of steps, and the very bytes.

use std::collections::BTreeMap;
use std::time::Duration;

use event_engine::{Builder, Handle, PluginSpec};
use serde_json::Value;

use crate::support::client::{NEXT_MSG, QUIT};
use crate::support::listener::{Listener, PROBE};
use crate::support::raw::{frame, greeting, message, message_of_zmtp_1, ready, Raw};
use crate::support::{end, eventually, observer, ports, start, told, within, Source, SOON};

/// All vectors of one file.
fn vectors(file: &str) -> Vec<Value> {
    let path = format!("{}/../spec/vectors/{file}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut file: Value = serde_json::from_str(&text).unwrap();
    let Value::Array(vectors) = file["vectors"].take() else { panic!("{path} has no vectors") };
    assert!(!vectors.is_empty());
    vectors
}

fn hex(value: &Value) -> Vec<u8> {
    let digits = value.as_str().expect("hex");
    assert!(digits.len().is_multiple_of(2) && digits.is_ascii());
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

fn all_hex(value: &Value) -> Vec<Vec<u8>> {
    value.as_array().expect("a list of hex").iter().map(hex).collect()
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

/// A connection that has sent one message, whatever the engine makes of its socket type; `null` stands for a peer of ZMTP 1.0.
fn send_as(port: u16, socket_type: &Value, frames: &[Vec<u8>]) -> Raw {
    let mut peer = Raw::connect(port);
    match socket_type.as_str() {
        Some(socket_type) => {
            peer.send(&greeting());
            peer.read(64);
            let messages = [ready(socket_type), message(frames)].concat();
            // A peer that is refused may have been cut off before the last byte.
            let _ = peer.try_send(&messages);
        }
        None => {
            let no_identity = message_of_zmtp_1(&[b""]);
            peer.send(&[no_identity, message_of_zmtp_1(frames)].concat());
        }
    }
    peer
}

/// Waits until the engine has refused a message of `plugin`, or cut the peer off.
fn not_heard(id: &str, handle: &Handle, plugin: &str, port: u16, peer: &Raw) {
    eventually(id, || {
        handle.ledger().plugin(plugin).unwrap().refused == 1
            || !ports::holds_connection(port, peer.local_port())
    });
}

fn builder_for(vector: &Value) -> Builder {
    // Nobody quits in most vectors: the applications end by force.
    let builder = Builder::new().stop_within(Duration::ZERO);
    match vector["given"]["event_max_bytes"].as_u64() {
        Some(bytes) => builder.max_event_bytes(usize::try_from(bytes).unwrap()),
        None => builder,
    }
}

/// Every message of spec/vectors/basic.json.
///
/// EE-BASIC-1 to EE-BASIC-6, EE-BASIC-8 to EE-BASIC-12, EE-LIMIT-1
#[test]
fn basic_vectors_replay() {
    for vector in vectors("basic") {
        within(SOON * 2, "a vector", move || replay_basic(&vector));
    }
}

fn replay_basic(vector: &Value) {
    let id = vector["id"].as_str().unwrap();
    let expect = &vector["expect"];
    let kind = expect["kind"].as_str().unwrap();
    let mut spec = PluginSpec::new("x");
    if kind == "next-msg" {
        spec = spec.subscribe("");
    }
    let (events, observe) = observer();
    let builder =
        builder_for(vector).external(spec, 0).plugin(PluginSpec::new("observer").subscribe(""), observe);
    let (handle, source) = start(builder);
    let mut accepted = 0;
    if kind == "next-msg" {
        source.publish(hex(&expect["event"]));
        accepted = 1;
    }
    let port = handle.port("x").unwrap();
    let mut peer = send_as(port, &vector["given"]["socket_type"], &all_hex(&vector["given"]["frames"]));
    let answered = match kind {
        "publish" | "next-msg" | "bad-msg" => {
            let (flags, _ready) = peer.read_frame();
            assert_eq!(flags, 4, "{id}");
            assert_eq!(peer.read_message(), all_hex(&expect["reply"]), "{id}");
            true
        }
        "quit" => {
            eventually(id, || ports::refuses(port));
            false
        }
        "no-envelope" => {
            eventually(id, || handle.ledger().plugin("x").unwrap().refused == 1);
            false
        }
        "not-heard" => {
            not_heard(id, &handle, "x", port, &peer);
            false
        }
        other => panic!("{id}: unknown kind {other}"),
    };
    if kind == "publish" {
        assert_eq!(told(&events), hex(&expect["event"]), "{id}");
        accepted += 1;
    }
    if kind == "bad-msg" {
        assert_eq!(handle.ledger().plugin("x").unwrap().refused, 1, "{id}");
    }
    assert_eq!(handle.ledger().accepted, accepted, "{id}");
    drop((source, events));
    handle.stop();
    end(handle);
    // Past the handshake, and the reply if there was one, nothing more was sent.
    let rest = peer.read_to_close(SOON).unwrap_or_else(|| panic!("{id}: the port is still open"));
    if answered {
        assert_eq!(rest, b"", "{id}");
    }
}

/// Every message of spec/vectors/bus.json.
///
/// EE-BUS-4 to EE-BUS-7, EE-LIMIT-1
#[test]
fn bus_vectors_replay() {
    for vector in vectors("bus") {
        within(SOON * 2, "a vector", move || replay_bus(&vector));
    }
}

fn replay_bus(vector: &Value) {
    let id = vector["id"].as_str().unwrap();
    let expect = &vector["expect"];
    let (events, observe) = observer();
    let builder = builder_for(vector).bus(0, 0).plugin(PluginSpec::new("observer").subscribe(""), observe);
    let (handle, source) = start(builder);
    let (publish, subscribe) = handle.bus_ports().unwrap();
    let listener = Listener::new(&source, subscribe, &[b""]);
    let before = handle.ledger().accepted;
    let peer = send_as(publish, &vector["given"]["socket_type"], &all_hex(&vector["given"]["frames"]));
    let mut accepted = 0;
    match expect["kind"].as_str().unwrap() {
        "publish" => {
            let event = hex(&expect["event"]);
            assert_eq!(listener.next(), event, "{id}");
            assert!(events.iter().find(|event| event != PROBE) == Some(event), "{id}");
            accepted = 1;
        }
        "refused" => eventually(id, || handle.ledger().plugin("bus").unwrap().refused == 1),
        "not-heard" => not_heard(id, &handle, "bus", publish, &peer),
        other => panic!("{id}: unknown kind {other}"),
    }
    assert_eq!(handle.ledger().accepted, before + accepted, "{id}");
    drop((source, events));
    handle.stop();
    end(handle);
}

/// Every sequence of spec/vectors/sequences.json.
///
/// EE-BASIC-5, EE-BASIC-7, EE-BASIC-9, EE-BASIC-11, EE-BASIC-14 to EE-BASIC-17, EE-FILTER-4, EE-LIFE-7, EE-ORDER-2, EE-SYNC-3
#[test]
fn sequences_replay() {
    for vector in vectors("sequences") {
        within(SOON * 2, "a sequence", move || replay_sequence(&vector));
    }
}

/// An application with one external plugin, and its clients.
struct Scene {
    handle: Handle,
    source: Source,
    port: u16,
    clients: BTreeMap<String, Raw>,
    /// Messages that are no request, and are not answered yet.
    fences: BTreeMap<String, usize>,
}

impl Scene {
    fn client(&mut self, step: &Value) -> &mut Raw {
        let name = step["client"].as_str().unwrap().to_string();
        self.clients.entry(name).or_insert_with(|| Raw::handshake(self.port, "REQ"))
    }

    fn refused(&self) -> u64 {
        self.handle.ledger().plugin("x").unwrap().refused
    }

    fn take(&mut self, id: &str, step: &Value) {
        match step["do"].as_str().unwrap() {
            "send" => {
                let frames = all_hex(&step["frames"]);
                self.client(step).send(&message(&frames));
                let body = frames.last().unwrap();
                if frames.len() > 2 && frames[1] != b"" && frames[0] == b"" {
                    return; // Two body frames; the reply shows that the engine has dealt with it.
                }
                if body == NEXT_MSG || body == QUIT {
                    self.settle(id, step);
                }
            }
            "receive" => {
                self.client(step);
                assert_eq!(self.read(step["client"].as_str().unwrap()), all_hex(&step["frames"]), "{id}");
            }
            "close" => {
                let client = self.clients.remove(step["client"].as_str().unwrap()).unwrap();
                let from = client.local_port();
                drop(client);
                eventually(id, || !ports::holds_connection(self.port, from));
            }
            "application-publishes" => {
                self.source.publish(hex(&step["event"]));
            }
            other => panic!("{id}: unknown step {other}"),
        }
    }

    /// Waits until the engine has dealt with a request that may have no answer: it counts the message after it, which is no request.
    fn settle(&mut self, id: &str, step: &Value) {
        let before = self.refused();
        let _ = self.client(step).try_send(&frame(b"no request", false));
        let port = self.port;
        eventually(id, || self.refused() > before || ports::refuses(port));
        if self.refused() > before {
            *self.fences.entry(step["client"].as_str().unwrap().to_string()).or_default() += 1;
        }
    }

    /// What a client reads next, past the answers to messages that are no request.
    fn read(&mut self, name: &str) -> Vec<Vec<u8>> {
        loop {
            let frames = self.clients.get_mut(name).unwrap().read_message();
            if frames[0] != b"event-engine: error code=bad-command" {
                return frames;
            }
            *self.fences.get_mut(name).unwrap() -= 1;
        }
    }

    /// Reads the answers to messages that are no request.
    fn read_fences(&mut self, id: &str) {
        for (name, client) in &mut self.clients {
            for _ in 0..self.fences.remove(name).unwrap_or_default() {
                assert_eq!(client.read_message()[0], b"event-engine: error code=bad-command", "{id}");
            }
        }
    }

    /// How many requests wait: so many more events are handed over, and the next one is not.
    fn waiting(&self, id: &str, filter: &[u8], expected: u64) {
        let queue = || self.handle.ledger().plugin("x").unwrap().clone();
        let before = queue();
        for _ in 0..=expected {
            self.source.publish(filter);
        }
        eventually(id, || {
            let now = queue();
            now.handed_over == before.handed_over + expected
                && now.queued == before.queued + 1
                && now.in_flight == 0
        });
    }
}

fn replay_sequence(vector: &Value) {
    let id = vector["id"].as_str().unwrap();
    let (given, expect) = (&vector["given"], &vector["expect"]);
    let mut spec = PluginSpec::new("x").replicas(usize::try_from(number(&given["replicas"])).unwrap());
    let filters = all_hex(&given["filters"]);
    for filter in &filters {
        spec = spec.subscribe(filter);
    }
    let (handle, source) = start(Builder::new().stop_within(Duration::ZERO).external(spec, 0));
    let port = handle.port("x").unwrap();
    let mut scene = Scene { handle, source, port, clients: BTreeMap::new(), fences: BTreeMap::new() };
    for step in given["steps"].as_array().unwrap() {
        scene.take(id, step);
    }
    let finished = expect["finished"].as_bool().unwrap();
    if finished {
        eventually(id, || ports::refuses(port));
    } else {
        assert!(!ports::listening_at(port).is_empty(), "{id}");
        eventually(id, || scene.handle.ledger().plugin("x").unwrap().queued == number(&expect["queued"]));
        scene.read_fences(id);
        for client in scene.clients.values_mut() {
            assert!(!client.has_bytes_within(Duration::from_millis(1)), "{id}: a reply too many");
        }
        scene.waiting(id, &filters[0], number(&expect["waiting"]));
    }
    let Scene { handle, source, .. } = scene;
    drop(source);
    handle.stop();
    let report = end(handle);
    assert!(report.ledger.balances(), "{id}: {report}");
}

/// Every conversation of spec/vectors/wire.json, byte by byte, on one connection to each port of one application. Where a vector says
/// so these are the bytes of version 0.2.0.
///
/// EE-BASIC-2, EE-BASIC-4, EE-BASIC-5, EE-BASIC-7 to EE-BASIC-9, EE-BASIC-11, EE-BUS-1 to EE-BUS-5
#[test]
fn wire_vectors_replay() {
    within(SOON * 2, "the conversations", || {
        let builder = Builder::new().bus(0, 0).external(PluginSpec::new("x").subscribe("evt."), 0);
        let (handle, source) = start(builder);
        let (publish, subscribe) = handle.bus_ports().unwrap();
        let bus = || handle.ledger().plugin("bus").unwrap().clone();
        let mut connections: BTreeMap<String, Raw> = BTreeMap::new();
        // Vectors build upon each other in the file's order; only the end of the subscription has to wait for the rest.
        let (last, first): (Vec<Value>, Vec<Value>) =
            vectors("wire").into_iter().partition(|vector| vector["id"] == "wire/unsubscribe");
        for vector in first.iter().chain(&last) {
            let id = vector["id"].as_str().unwrap();
            let port = vector["given"]["port"].as_str().unwrap();
            let port_number = match port {
                "plugin" => handle.port("x"),
                "publish" => Some(publish),
                "subscribe" => Some(subscribe),
                other => panic!("{id}: unknown port {other}"),
            };
            let connection =
                connections.entry(port.to_string()).or_insert_with(|| Raw::connect(port_number.unwrap()));
            converse(id, connection, &vector["given"]["client"], &vector["expect"]["engine"]);
            match id {
                "wire/quit" => {
                    let rest = connections.remove(port).unwrap().read_to_close(SOON);
                    assert_eq!(rest, Some(Vec::new()), "{id}");
                }
                // An event that the subscription does not match shows that it is in force.
                "wire/subscribe" => eventually(id, || {
                    source.publish(PROBE);
                    bus().matched > 0
                }),
                // Nothing of it comes any more; a later subscription shows what would.
                "wire/unsubscribe" => {
                    connection.send(&frame(b"\x01mark", false));
                    eventually(id, || {
                        source.publish("mark");
                        connection.has_bytes_within(Duration::from_millis(10))
                    });
                    source.publish("evt.after");
                    source.publish("mark end");
                    let mut event = connection.read_message();
                    while event == [b"mark"] {
                        event = connection.read_message();
                    }
                    assert_eq!(event, [b"mark end"], "{id}");
                }
                "wire/bus-two-frames" => eventually(id, || bus().refused == 1),
                _ => {}
            }
        }
        drop(source);
        assert!(end(handle).is_success());
        let rest = connections.remove("publish").unwrap().read_to_close(SOON);
        assert_eq!(rest, Some(Vec::new()), "the publish port said more than the vectors");
    });
}

/// Sends what the client says, unit by unit, and compares every byte of the engine.
fn converse(id: &str, connection: &mut Raw, client: &Value, engine: &Value) {
    let mut expected = all_hex(engine).into_iter();
    let compare = |connection: &mut Raw, unit: Vec<u8>| assert_eq!(connection.read(unit.len()), unit, "{id}");
    for unit in all_hex(client) {
        connection.send(&unit);
        let is_handshake = unit.starts_with(&[0xff]) || unit[2..].starts_with(b"\x05READY");
        if is_handshake {
            compare(connection, expected.next().unwrap());
        }
    }
    for unit in expected {
        compare(connection, unit);
    }
}
