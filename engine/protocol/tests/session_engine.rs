//! Replays spec/vectors/session-engine.json against the engine's side of the sessions and the simplest queue there is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use event_engine_protocol::constants;
use event_engine_protocol::session::batch;
use event_engine_protocol::session::engine::{
    Body, Config, Heard, InFlight, Life, Outgoing, Returned, Sessions,
};
use event_engine_protocol::session::header::Header;
use serde_json::Value;

type Event = Vec<u8>;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn all_hex(values: &Value) -> Vec<Vec<u8>> {
    values.as_array().unwrap().iter().map(|value| hex(value.as_str().unwrap())).collect()
}

/// One message, as the vectors write it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Said {
    to: String,
    verb: String,
    keys: BTreeMap<String, String>,
    events: Vec<Event>,
}

/// A port with its queue.
struct Scene {
    sessions: Sessions<String, Event>,
    clock: Duration,
    order: u64,
    redelivered: VecDeque<InFlight<Event>>,
    queued: VecDeque<InFlight<Event>>,
    delivered: usize,
    discarded: usize,
    dead_lettered: usize,
    in_flight: usize,
    redelivery_limit: u32,
    replicas: usize,
    /// Publishes wait for room: whose they are.
    parking: bool,
    parked: VecDeque<Life>,
    draining: bool,
    closed: bool,
    published: Vec<Event>,
    said: Vec<Said>,
}

impl Scene {
    fn new(given: &Value) -> Self {
        let number = |key: &str, default: u64| given[key].as_u64().unwrap_or(default);
        let replicas = number("replicas", 1) as usize;
        let mut sessions = Sessions::new(Config {
            plugin: "x".into(),
            engine: "vectors/1".into(),
            max_event_bytes: number("event_max_bytes", constants::EVENT_MAX_BYTES as u64) as usize,
            replicas,
            ping: Duration::from_millis(number("ping_ms", constants::PING_MS)),
            grace: Duration::from_millis(number("grace_ms", constants::GRACE_MS)),
        });
        if given["open"].as_bool().unwrap_or(true) {
            sessions.open();
        }
        Scene {
            sessions,
            clock: Duration::ZERO,
            order: 0,
            redelivered: VecDeque::new(),
            queued: VecDeque::new(),
            delivered: 0,
            discarded: 0,
            dead_lettered: 0,
            in_flight: 0,
            redelivery_limit: number("redelivery_limit", constants::REDELIVERY_LIMIT as u64) as u32,
            replicas,
            parking: false,
            parked: VecDeque::new(),
            draining: false,
            closed: false,
            published: Vec::new(),
            said: Vec::new(),
        }
    }

    fn take(&mut self, step: &Value) {
        match step["do"].as_str().unwrap() {
            "receive" => {
                let mut frames = all_hex(&step["frames"]);
                let zeros = step["zeros"].as_u64().unwrap_or(0) as usize;
                if let Some(last) = frames.last_mut() {
                    last.resize(last.len() + zeros, 0);
                }
                self.receive(step["peer"].as_str().unwrap(), &frames);
            }
            "gone" => self.sessions.gone(&step["peer"].as_str().unwrap().to_string(), self.clock),
            "queue" => {
                for event in all_hex(&step["events"]) {
                    self.order += 1;
                    self.queued.push_back(InFlight { order: self.order, event, attempts: 0 });
                }
            }
            "open" => self.sessions.open(),
            "park" => self.parking = true,
            "accept" => {
                for _ in 0..step["count"].as_u64().unwrap() {
                    let session = self.parked.pop_front().expect("a parked publish");
                    self.sessions.accepted(session);
                }
            }
            "advance" => self.clock += Duration::from_millis(step["ms"].as_u64().unwrap()),
            "drain" => self.draining = true,
            other => panic!("unknown step {other}"),
        }
        self.settle();
    }

    fn receive(&mut self, peer: &str, frames: &[Vec<u8>]) {
        if self.closed {
            return;
        }
        match self.sessions.receive(&peer.to_string(), frames, self.clock) {
            Heard::Nothing | Heard::Ready | Heard::Refused { .. } => {}
            Heard::Settled { events, .. } => {
                self.delivered += events;
                self.in_flight -= events;
            }
            Heard::Publish { session, skip, count } => {
                let payload = frames[1].as_slice();
                let events: Vec<Event> = match count {
                    None => vec![payload.to_vec()],
                    Some(count) => batch::unpack(payload, count).unwrap().map(<[u8]>::to_vec).collect(),
                };
                let events = &events[skip..];
                self.published.extend_from_slice(events);
                if self.parking {
                    self.parked.extend(events.iter().map(|_| session));
                    self.sessions.offered(session, 0, events.iter().map(Vec::len));
                } else {
                    self.sessions.offered(session, events.len(), []);
                }
            }
        }
    }

    /// What an edge does after each round, until nothing moves.
    fn settle(&mut self) {
        self.sessions.tick(self.clock);
        loop {
            self.take_back();
            let mut moved = false;
            for _ in 0..self.sessions.len() {
                let Some(wish) = self.sessions.wish() else { break };
                let events: Vec<_> = if !self.redelivered.is_empty() {
                    if !wish.empty_handed {
                        continue;
                    }
                    self.redelivered.pop_front().into_iter().collect()
                } else {
                    let count = wish.max_events.min(self.queued.len());
                    self.queued.drain(..count).collect()
                };
                moved |= !events.is_empty();
                self.in_flight += events.len();
                self.sessions.deliver(wish.session, events);
            }
            self.sessions.flush();
            if !moved {
                break;
            }
        }
        if self.sessions.quits() >= self.replicas && !self.closed {
            self.closed = true;
            self.sessions.close();
            self.take_back();
            self.discarded += self.queued.len() + self.redelivered.len();
            self.queued.clear();
            self.redelivered.clear();
        }
        if self.draining && self.queued.is_empty() && self.redelivered.is_empty() {
            self.sessions.stop("test");
        }
        while let Some(message) = self.sessions.outgoing() {
            self.said.push(said(message));
        }
    }

    fn take_back(&mut self) {
        for Returned { events, attempted } in self.sessions.take_returned() {
            self.in_flight -= events.len();
            let mut fresh = Vec::new();
            for mut event in events {
                event.attempts += u32::from(attempted);
                if event.attempts > self.redelivery_limit {
                    self.dead_lettered += 1;
                } else if event.attempts > 0 {
                    self.redelivered.push_back(event);
                } else {
                    fresh.push(event);
                }
            }
            fresh.into_iter().rev().for_each(|event| self.queued.push_front(event));
            self.redelivered.make_contiguous().sort_by_key(|event| event.order);
        }
    }
}

fn said(Outgoing { to, header, body }: Outgoing<String, Event>) -> Said {
    let header = Header::parse(constants::REPLY_PREFIX, &header).unwrap();
    let keys: BTreeMap<String, String> =
        header.params().map(|(key, value)| (key.to_string(), value.text().into_owned())).collect();
    let verb = header.verb().to_string();
    let events = match (&*verb, body) {
        ("events", Body::Event(event)) => vec![event],
        ("events", Body::Bytes(packed)) => {
            batch::unpack(&packed, keys["count"].parse().unwrap()).unwrap().map(<[u8]>::to_vec).collect()
        }
        ("error", Body::Bytes(text)) => {
            assert!(!text.is_empty());
            Vec::new()
        }
        (_, Body::None) => Vec::new(),
        (verb, body) => panic!("{verb} with {body:?}"),
    };
    Said { to, verb, keys, events }
}

/// Consecutive `events` of one connection count as one; a `published` that says nothing new does not count.
fn normal(messages: &[Said], known: &mut BTreeMap<String, u64>) -> BTreeMap<String, Vec<Said>> {
    let mut of: BTreeMap<String, Vec<Said>> = BTreeMap::new();
    for message in messages {
        let list = of.entry(message.to.clone()).or_default();
        if message.verb == "welcome" {
            known.remove(&message.to);
            if message.keys["resumed"] == "0" {
                known.insert(message.to.clone(), 0);
            }
        }
        if message.verb == "published" {
            let id: u64 = message.keys["id"].parse().unwrap();
            if known.insert(message.to.clone(), id) == Some(id) {
                continue;
            }
        }
        let plain = |said: &Said| said.verb == "events" && !said.keys.contains_key("redelivered");
        match list.last_mut() {
            Some(last) if plain(last) && plain(message) => last.events.extend(message.events.iter().cloned()),
            _ => list.push(message.clone()),
        }
    }
    of.retain(|_, list| !list.is_empty());
    of
}

#[test]
fn session_engine_vectors_replay() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/vectors/session-engine.json");
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert!(vectors.len() >= 50);
    let mut failures = Vec::new();
    for vector in vectors {
        let id = vector["id"].as_str().unwrap();
        if let Err(text) = replay(vector) {
            failures.push(format!("{id}: {text}"));
        }
    }
    assert!(failures.is_empty(), "{} vectors fail:\n{}", failures.len(), failures.join("\n"));
}

fn replay(vector: &Value) -> Result<(), String> {
    let given = &vector["given"];
    let mut scene = Scene::new(given);
    let mut known = BTreeMap::new();
    for (number, step) in given["steps"].as_array().unwrap().iter().enumerate() {
        scene.take(step);
        let came = normal(&std::mem::take(&mut scene.said), &mut known);
        let mut expected: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
        for send in step["sends"].as_array().into_iter().flatten() {
            expected.entry(send["to"].as_str().unwrap().to_string()).or_default().push(send);
        }
        let peers: std::collections::BTreeSet<&String> = came.keys().chain(expected.keys()).collect();
        for peer in peers {
            let (came, expected) = (came.get(peer), expected.get(peer));
            let came = came.map(Vec::as_slice).unwrap_or_default();
            let expected = expected.map(Vec::as_slice).unwrap_or_default();
            let same = came.len() == expected.len()
                && came.iter().zip(expected).all(|(came, expected)| matches(came, expected));
            if !same {
                return Err(format!("step {number}: {came:?}\n   instead of {expected:?}"));
            }
        }
        let published = std::mem::take(&mut scene.published);
        if step.get("zeros").is_none() {
            let expected = step.get("publishes").map(all_hex).unwrap_or_default();
            if published != expected {
                return Err(format!("step {number}: published {published:?} instead of {expected:?}"));
            }
        }
    }
    let expect = &vector["expect"];
    let ends = [
        ("queued", scene.queued.len() + scene.redelivered.len()),
        ("in_flight", scene.in_flight),
        ("delivered", scene.delivered),
        ("discarded", scene.discarded),
        ("dead_lettered", scene.dead_lettered),
    ];
    for (key, value) in ends {
        if expect[key].as_u64() != Some(value as u64) {
            return Err(format!("at the end {key} is {value} instead of {}", expect[key]));
        }
    }
    if expect["finished"].as_bool() != Some(scene.closed) {
        return Err(format!("finished is {}", scene.closed));
    }
    Ok(())
}

fn matches(came: &Said, expected: &Value) -> bool {
    let keys = expected["keys"].as_object().unwrap();
    came.verb == expected["verb"].as_str().unwrap()
        && keys.iter().all(|(key, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_string);
            came.keys.get(key) == Some(&text)
        })
        && expected.get("events").is_none_or(|events| all_hex(events) == came.events)
}

fn port() -> Sessions<usize, Vec<u8>> {
    let mut sessions = Sessions::new(Config {
        plugin: "x".into(),
        engine: "test/1".into(),
        max_event_bytes: constants::EVENT_MAX_BYTES,
        replicas: 1,
        ping: Duration::from_secs(30),
        grace: Duration::from_secs(60),
    });
    sessions.open();
    sessions
}

fn say(sessions: &mut Sessions<usize, Vec<u8>>, peer: usize, command: &str) -> Option<String> {
    sessions.receive(&peer, &[format!("plugin_command: {command}")], Duration::ZERO);
    std::iter::from_fn(|| sessions.outgoing())
        .last()
        .map(|message| String::from_utf8(message.header).unwrap())
}

fn hello(sessions: &mut Sessions<usize, Vec<u8>>, peer: usize) -> String {
    say(sessions, peer, &format!("hello version=1 session={peer:032x} client=test/1")).unwrap()
}

/// EE-SESSION-17
#[test]
fn sessions_at_a_port_are_limited() {
    let mut sessions = port();
    for peer in 0..constants::SESSIONS_MAX {
        assert!(hello(&mut sessions, peer).starts_with("event-engine: welcome "), "{peer}");
    }
    let one_more = constants::SESSIONS_MAX;
    assert_eq!(hello(&mut sessions, one_more), "event-engine: error code=not-allowed");
    sessions.gone(&0, Duration::ZERO);
    assert!(
        hello(&mut sessions, one_more).starts_with("event-engine: welcome "),
        "a detached one makes room"
    );
}

/// EE-SESSION-12
#[test]
fn published_follows_welcome_even_if_more_comes_in_the_same_round() {
    let mut sessions = port();
    hello(&mut sessions, 1);
    let again = format!("plugin_command: hello version=1 session={:032x} client=tests/1", 1);
    for message in [again.as_str(), "plugin_command: ready", "plugin_command: ack seq=0 upto=1"] {
        sessions.receive(&1, &[message], Duration::ZERO);
    }
    sessions.flush();
    let said: Vec<String> = std::iter::from_fn(|| sessions.outgoing())
        .filter_map(|outgoing| String::from_utf8(outgoing.header).ok())
        .collect();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].starts_with("event-engine: welcome ") && said[0].contains(" resumed=1 "), "{said:?}");
    assert_eq!(said[1..], ["event-engine: published id=0", "event-engine: ok"]);
}

/// A session with endless credit takes events of this size until it wishes for no more: how many.
fn taken_of(size: usize) -> usize {
    let mut sessions = port();
    hello(&mut sessions, 1);
    say(&mut sessions, 1, "ready");
    say(&mut sessions, 1, "ack seq=0 upto=9223372036854775807");
    let mut taken = 0;
    while let Some(wish) = sessions.wish() {
        let fitting = wish.max_bytes.checked_div(size).unwrap_or(usize::MAX).min(wish.max_events);
        let count = if wish.empty_handed { fitting.max(1) } else { fitting };
        if count == 0 {
            break;
        }
        let event = InFlight { order: 1, event: vec![0; size], attempts: 0 };
        sessions.deliver(wish.session, vec![event; count]);
        taken += count;
    }
    taken
}

/// EE-SESSION-21
#[test]
fn what_is_in_flight_is_limited_in_events_and_bytes() {
    assert_eq!(taken_of(1), constants::RECEIVE_WINDOW_MAX);
    assert_eq!(taken_of(0), constants::RECEIVE_WINDOW_MAX);
    assert_eq!(taken_of(1 << 20), constants::IN_FLIGHT_MAX_BYTES >> 20);
    assert_eq!(taken_of(constants::IN_FLIGHT_MAX_BYTES * 2 / 3), 1);
    assert_eq!(taken_of(constants::IN_FLIGHT_MAX_BYTES + 1), 1);
}
