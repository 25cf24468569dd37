//! Random walks of the client's session against a small model of an engine, over connections that break anywhere:
//! whatever happens, each event and each publish arrives exactly once and in order.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // helpers of tests may

use std::collections::VecDeque;

use bytes::Bytes;
use event_engine_protocol::session::batch::{unpack, Batch};
use event_engine_protocol::session::client::{ClientSession, State};
use event_engine_protocol::session::message::{SessionId, ToClient, ToEngine, Welcome};
use proptest::collection::vec;
use proptest::prelude::*;

const WINDOW: u64 = 7;
const WINDOW_BYTES: u64 = 150;

type Message = Vec<Bytes>;

/// What the engine knows of the one session.
#[derive(Default)]
struct Engine {
    known: bool,
    /// There was a `welcome` on this connection.
    greeted: bool,
    /// There was an `ok` on this connection.
    started: bool,
    acked: u64,
    upto: u64,
    /// Last event sent on this connection.
    sent: u64,
    published: Vec<Vec<u8>>,
    accepted: u64,
    out: VecDeque<Message>,
}

impl Engine {
    fn say(&mut self, message: &ToClient<'_>, payload: Option<Vec<u8>>) {
        let mut header = Vec::new();
        message.write(&mut header);
        self.out.push_back(std::iter::once(header).chain(payload).map(Bytes::from).collect());
    }

    fn hear(&mut self, frames: &Message) {
        match ToEngine::parse(frames).unwrap() {
            ToEngine::Hello { .. } => {
                let received = self.published.len() as u64;
                let welcome = Welcome {
                    version: 1,
                    engine: "model".into(),
                    plugin: "p".into(),
                    resumed: self.known,
                    received,
                    max_event_bytes: 1000,
                    publish_window: WINDOW,
                    publish_window_bytes: WINDOW_BYTES,
                    ping_ms: 1,
                    grace_ms: 1,
                };
                self.say(&ToClient::Welcome(welcome), None);
                if self.known {
                    self.say(&ToClient::Published { id: self.accepted }, None);
                }
                (self.known, self.greeted) = (true, true);
            }
            ToEngine::Ready => {
                self.say(&ToClient::Ok, None);
                self.started = true;
                self.sent = self.acked;
            }
            ToEngine::Ack { seq, upto } => {
                self.acked = self.acked.max(seq);
                self.upto = self.upto.max(upto);
                self.sent = self.sent.max(self.acked);
            }
            ToEngine::Publish { id, count } => {
                assert_eq!(id, self.published.len() as u64 + 1, "exactly what is missing is sent");
                let events: Vec<Vec<u8>> = match count {
                    None => vec![frames[1].to_vec()],
                    Some(count) => unpack(&frames[1], count).unwrap().map(<[u8]>::to_vec).collect(),
                };
                self.published.extend(events);
                let unanswered = &self.published[self.accepted as usize..];
                let bytes: usize = unanswered.iter().map(Vec::len).sum();
                assert!(unanswered.len() as u64 <= WINDOW);
                assert!(bytes as u64 <= WINDOW_BYTES || unanswered.len() == 1);
            }
            ToEngine::Pong | ToEngine::Quit => panic!("unexpected"),
        }
    }

    fn accept(&mut self, events: u64) {
        self.accepted = (self.accepted + events).min(self.published.len() as u64);
        if self.greeted {
            self.say(&ToClient::Published { id: self.accepted }, None);
        }
    }

    /// Sends up to so many events that are there, packed.
    fn deliver(&mut self, events: u64, available: u64) {
        let last = available.min(self.upto).min(self.sent + events);
        if !self.started || last <= self.sent {
            return;
        }
        let mut batch = Batch::new();
        (self.sent..last).for_each(|number| assert!(batch.push(&content(number))));
        let seq = self.sent + 1;
        let message = ToClient::Events { seq, count: batch.count(), redelivered: false, order: Some(seq) };
        self.say(&message, Some(batch.payload().to_vec()));
        self.sent = last;
    }

    fn cut(&mut self) {
        self.out.clear();
        (self.greeted, self.started) = (false, false);
    }
}

/// Events of different sizes, some empty but for what tells them apart.
fn content(number: u64) -> Vec<u8> {
    let mut bytes = number.to_be_bytes().to_vec();
    bytes.resize(8 + (number as usize * 7) % 60, b'.');
    bytes
}

#[derive(Debug, Clone)]
enum Step {
    Publish(u64),
    Next(u64),
    /// So many messages arrive at the engine.
    Up(usize),
    /// So many messages arrive at the client.
    Down(usize),
    Accept(u64),
    Deliver(u64),
    Available(u64),
    Cut,
    Connect,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..12u64).prop_map(Step::Publish),
        (1..9u64).prop_map(Step::Next),
        (1..5usize).prop_map(Step::Up),
        (1..5usize).prop_map(Step::Down),
        (1..6u64).prop_map(Step::Accept),
        (1..6u64).prop_map(Step::Deliver),
        (1..9u64).prop_map(Step::Available),
        Just(Step::Cut),
        Just(Step::Connect),
    ]
}

struct World {
    client: ClientSession,
    engine: Engine,
    up: VecDeque<Message>,
    connected: bool,
    available: u64,
    queued: u64,
    got: Vec<Bytes>,
}

impl World {
    fn step(&mut self, step: &Step) {
        match step {
            Step::Publish(events) => {
                for _ in 0..*events {
                    self.queued = self.client.queue(&content(self.queued));
                }
                self.client.emit();
            }
            Step::Next(times) => {
                for _ in 0..*times {
                    let Some(event) = self.client.next().unwrap() else { break };
                    self.got.push(event.data);
                    assert_eq!(event.sequence, self.got.len() as u64);
                }
            }
            Step::Up(messages) => {
                for _ in 0..*messages {
                    let Some(message) = self.up.pop_front() else { break };
                    self.engine.hear(&message);
                }
            }
            Step::Down(messages) => {
                for _ in 0..*messages {
                    let Some(message) = self.engine.out.pop_front() else { break };
                    self.client.received(&message);
                }
            }
            Step::Accept(events) => self.engine.accept(*events),
            Step::Deliver(events) => self.engine.deliver(*events, self.available),
            Step::Available(events) => self.available += events,
            Step::Cut => {
                self.client.disconnected();
                self.engine.cut();
                self.up.clear();
                self.connected = false;
            }
            Step::Connect if !self.connected => {
                self.client.connected();
                self.connected = true;
            }
            Step::Connect => {}
        }
        while let Some(output) = self.client.output() {
            assert!(self.connected, "nothing is said without a connection");
            self.up.push_back(std::iter::once(Bytes::from(output.header)).chain(output.payload).collect());
        }
        assert_eq!(self.client.failure(), None);
    }
}

proptest! {
    #[test]
    fn everything_arrives_once_and_in_order(steps in vec(step(), 1..200)) {
        let mut world = World {
            client: ClientSession::new(SessionId(1), "walk", 8),
            engine: Engine::default(),
            up: VecDeque::new(),
            connected: false,
            available: 0,
            queued: 0,
            got: Vec::new(),
        };
        for step in &steps {
            world.step(step);
        }
        // Then nothing breaks any more.
        for _ in 0..2000 {
            for step in [Step::Connect, Step::Up(9), Step::Accept(9), Step::Deliver(5), Step::Down(9), Step::Next(9)] {
                world.step(&step);
            }
            let all = world.client.settled() == world.queued && world.got.len() as u64 == world.available;
            if all && world.client.state() == State::Running {
                break;
            }
        }
        prop_assert_eq!(world.client.state(), State::Running);
        let contents = |count: u64| (0..count).map(content).collect::<Vec<_>>();
        prop_assert_eq!(world.got, contents(world.available));
        prop_assert_eq!(world.engine.published, contents(world.queued));
        prop_assert_eq!(world.client.unsettled(), None);
    }
}
