//! Both sides of a session, with a network between them that breaks at any moment: within one session every event arrives
//! exactly once and in order, each way; when the client is replaced, at least once, and what comes again is marked.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use event_engine_protocol::session::batch;
use event_engine_protocol::session::client::{ClientSession, State};
use event_engine_protocol::session::engine::{
    Body, Config, Heard, InFlight, Life, Outgoing, Returned, Sessions,
};
use event_engine_protocol::session::message::SessionId;
use proptest::prelude::*;

type Event = Vec<u8>;
type Message = Vec<Bytes>;

#[derive(Debug, Clone)]
enum Step {
    /// The client publishes so many events, of about this size.
    Publish(usize, usize),
    /// So many events are queued for it.
    Queue(usize, usize),
    /// The engine reads so many messages.
    Up(usize),
    /// The client reads so many messages.
    Down(usize),
    /// The client asks for so many events.
    Next(usize),
    /// The connection breaks; what is under way is lost.
    Cut,
    /// The client connects again.
    Connect,
    /// From now on publishes wait for room, or not any more.
    Park(bool),
    /// The client's process is replaced by another one.
    Replace,
}

fn steps(replaced: bool) -> impl Strategy<Value = Vec<Step>> {
    let sizes = prop_oneof![4 => 0..200usize, 1 => 30_000..70_000usize];
    let step = prop_oneof![
        4 => (1..40usize, sizes.clone()).prop_map(|(count, size)| Step::Publish(count, size)),
        4 => (1..40usize, sizes).prop_map(|(count, size)| Step::Queue(count, size)),
        8 => (1..6usize).prop_map(Step::Up),
        8 => (1..6usize).prop_map(Step::Down),
        8 => (1..30usize).prop_map(Step::Next),
        2 => Just(Step::Cut),
        4 => Just(Step::Connect),
        1 => any::<bool>().prop_map(Step::Park),
        u32::from(replaced) => Just(Step::Replace),
    ];
    prop::collection::vec(step, 1..120)
}

/// Engine, client and what is under way between them.
struct Pair {
    client: ClientSession,
    engine: Sessions<u32, Event>,
    /// The number of the connection, if there is one.
    connection: Option<u32>,
    connections: u32,
    clients: u32,
    up: VecDeque<Message>,
    down: VecDeque<Message>,
    queued: VecDeque<InFlight<Event>>,
    redelivered: VecDeque<InFlight<Event>>,
    order: u64,
    parking: bool,
    parked: VecDeque<Life>,
    /// What the engine was given to publish.
    published: Vec<Event>,
    /// What the client's caller got.
    received: Vec<(Event, bool)>,
    sent: usize,
}

impl Pair {
    fn new() -> Self {
        let mut engine = Sessions::new(Config {
            plugin: "x".into(),
            engine: "test/1".into(),
            max_event_bytes: 1 << 20,
            replicas: 1,
            ping: Duration::from_secs(3600),
            grace: Duration::from_secs(3600),
        });
        engine.open();
        Pair {
            client: ClientSession::new(SessionId(1), "test/1", 64),
            engine,
            connection: None,
            connections: 0,
            clients: 1,
            up: VecDeque::new(),
            down: VecDeque::new(),
            queued: VecDeque::new(),
            redelivered: VecDeque::new(),
            order: 0,
            parking: false,
            parked: VecDeque::new(),
            published: Vec::new(),
            received: Vec::new(),
            sent: 0,
        }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Publish(count, size) => {
                for _ in 0..count {
                    self.client.queue(&numbered(self.sent, size));
                    self.sent += 1;
                }
                self.client.emit();
            }
            Step::Queue(count, size) => {
                for _ in 0..count {
                    let event = numbered(self.order as usize, size);
                    self.order += 1;
                    self.queued.push_back(InFlight { order: self.order, event, attempts: 0 });
                }
            }
            Step::Up(count) => (0..count).for_each(|_| self.up()),
            Step::Down(count) => {
                for _ in 0..count {
                    let Some(frames) = self.down.pop_front() else { break };
                    self.client.received(&frames);
                }
            }
            Step::Next(count) => {
                for _ in 0..count {
                    let Ok(Some(event)) = self.client.next() else { break };
                    self.received.push((event.data.to_vec(), event.redelivered));
                }
            }
            Step::Cut => self.cut(),
            Step::Connect => self.connect(),
            Step::Park(parking) => {
                self.parking = parking;
                if !parking {
                    while let Some(session) = self.parked.pop_front() {
                        self.engine.accepted(session);
                    }
                }
            }
            Step::Replace => {
                self.cut();
                self.clients += 1;
                self.client = ClientSession::new(SessionId(self.clients.into()), "test/1", 64);
                // What the dead one published and nobody took is its own loss.
                self.sent = self.published.len();
            }
        }
        self.settle();
    }

    fn cut(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.client.disconnected();
            self.engine.gone(&connection, Duration::ZERO);
            self.up.clear();
            self.down.clear();
        }
    }

    fn connect(&mut self) {
        if self.connection.is_none() {
            self.connections += 1;
            self.connection = Some(self.connections);
            self.client.connected();
        }
    }

    /// The engine reads one message.
    fn up(&mut self) {
        let (Some(frames), Some(connection)) = (self.up.pop_front(), self.connection) else { return };
        match self.engine.receive(&connection, &frames, Duration::ZERO) {
            Heard::Refused { code, text } => panic!("refused: {code} {text}"),
            Heard::Publish { session, skip, count } => {
                let payload = &frames[1];
                let events: Vec<Event> = match count {
                    None => vec![payload.to_vec()],
                    Some(count) => batch::unpack(payload, count).unwrap().map(<[u8]>::to_vec).collect(),
                };
                let events = &events[skip..];
                self.published.extend_from_slice(events);
                if self.parking {
                    self.parked.extend(events.iter().map(|_| session));
                    self.engine.offered(session, 0, events.iter().map(Vec::len));
                } else {
                    self.engine.offered(session, events.len(), []);
                }
            }
            Heard::Nothing | Heard::Ready | Heard::Settled { .. } => {}
        }
    }

    /// Both sides put what they have to say on its way.
    fn settle(&mut self) {
        for Returned { events, attempted } in self.engine.take_returned() {
            for mut event in events {
                event.attempts += u32::from(attempted);
                self.redelivered.push_back(event);
            }
        }
        while let Some(wish) = self.engine.wish() {
            let events: Vec<_> = match self.redelivered.pop_front() {
                Some(event) if wish.empty_handed => vec![event],
                Some(event) => {
                    self.redelivered.push_front(event);
                    break;
                }
                None => {
                    let count = wish.max_events.min(self.queued.len()).min(17);
                    self.queued.drain(..count).collect()
                }
            };
            if events.is_empty() {
                break;
            }
            self.engine.deliver(wish.session, events);
        }
        self.engine.flush();
        while let Some(Outgoing { to, header, body }) = self.engine.outgoing() {
            let mut frames = vec![Bytes::from(header)];
            match body {
                Body::None => {}
                Body::Bytes(bytes) | Body::Event(bytes) => frames.push(Bytes::from(bytes)),
            }
            if Some(to) == self.connection {
                self.down.push_back(frames);
            }
        }
        while let Some(output) = self.client.output() {
            let frames = [Bytes::from(output.header)].into_iter().chain(output.payload).collect();
            if self.connection.is_some() {
                self.up.push_back(frames);
            }
        }
    }

    /// The network heals, and everything runs until nothing moves.
    fn finish(&mut self) {
        self.take(&Step::Park(false));
        self.take(&Step::Connect);
        for _ in 0..20_000 {
            let before = (self.received.len(), self.published.len(), self.client.settled());
            self.take(&Step::Up(5));
            self.take(&Step::Down(5));
            self.take(&Step::Next(20));
            let idle = self.up.is_empty() && self.down.is_empty() && self.queued.is_empty();
            if idle && before == (self.received.len(), self.published.len(), self.client.settled()) {
                break;
            }
        }
        self.client.quit().unwrap();
        for _ in 0..10 {
            self.take(&Step::Up(100));
            self.take(&Step::Down(100));
        }
        assert_eq!(self.client.state(), State::Ended);
        assert_eq!(self.client.failure(), None);
        assert_eq!(self.engine.quits(), 1);
    }
}

fn numbered(number: usize, size: usize) -> Event {
    let mut event = number.to_be_bytes().to_vec();
    event.resize(event.len() + size, b'.');
    event
}

fn number(event: &[u8]) -> usize {
    usize::from_be_bytes(*event.first_chunk().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn one_session_gets_and_gives_everything_exactly_once(steps in steps(false)) {
        let mut pair = Pair::new();
        steps.iter().for_each(|step| pair.take(step));
        pair.finish();
        let received: Vec<usize> = pair.received.iter().map(|(event, _)| number(event)).collect();
        prop_assert_eq!(received, (0..pair.order as usize).collect::<Vec<_>>());
        prop_assert!(pair.received.iter().all(|(_, redelivered)| !redelivered));
        let published: Vec<usize> = pair.published.iter().map(|event| number(event)).collect();
        prop_assert_eq!(published, (0..pair.sent).collect::<Vec<_>>());
        prop_assert_eq!(pair.client.settled(), pair.sent as u64);
    }

    #[test]
    fn a_row_of_clients_gets_everything_at_least_once(steps in steps(true)) {
        let mut pair = Pair::new();
        steps.iter().for_each(|step| pair.take(step));
        pair.finish();
        let mut seen = vec![false; pair.order as usize];
        let mut last = None;
        for (event, redelivered) in &pair.received {
            let number = number(event);
            prop_assert!(*redelivered || !seen[number], "{} came again unmarked", number);
            prop_assert!(*redelivered || last < Some(number), "{} after {:?}", number, last);
            seen[number] = true;
            last = last.max(Some(number));
        }
        prop_assert!(seen.iter().all(|seen| *seen), "something is missing");
        let published: Vec<usize> = pair.published.iter().map(|event| number(event)).collect();
        prop_assert_eq!(published, (0..pair.sent).collect::<Vec<_>>());
    }
}
