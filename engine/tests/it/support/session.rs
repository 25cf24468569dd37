//! A client of the session profile that says exactly what a test tells it to.

use std::collections::BTreeMap;

use event_engine::zmq;

use super::client::Client;

/// One message of the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) verb: String,
    pub(crate) keys: BTreeMap<String, String>,
    /// The events of an `events`, unpacked.
    pub(crate) events: Vec<Vec<u8>>,
}

impl Said {
    pub(crate) fn number(&self, key: &str) -> u64 {
        self.keys[key].parse().unwrap()
    }
}

/// One connection.
pub(crate) struct Session {
    pub(crate) client: Client,
    id: u32,
}

impl Session {
    /// A connection that has said nothing.
    pub(crate) fn connect(port: u16, id: u32) -> Session {
        Session { client: Client::connect(zmq::DEALER, port), id }
    }

    /// A connection that has said `hello`; and what `welcome` says.
    pub(crate) fn hello(port: u16, id: u32) -> (Session, Said) {
        let session = Session::connect(port, id);
        session.say_hello();
        let welcome = session.read_verb("welcome");
        (session, welcome)
    }

    /// A new session that may get events `upto` a number.
    pub(crate) fn open(port: u16, id: u32, upto: u64) -> Session {
        let (session, welcome) = Session::hello(port, id);
        assert_eq!(welcome.keys["resumed"], "0");
        session.say("ready");
        session.say(&format!("ack seq=0 upto={upto}"));
        session.read_verb("ok");
        session
    }

    pub(crate) fn say_hello(&self) {
        self.say(&format!("hello version=1 session={:032x} client=test/1", self.id));
    }

    /// Sends a header without payload.
    pub(crate) fn say(&self, command: &str) {
        self.client.send(format!("plugin_command: {command}"));
    }

    /// Publishes one event.
    pub(crate) fn publish(&self, id: u64, event: impl AsRef<[u8]>) {
        let header = format!("plugin_command: publish id={id}");
        self.client.socket.send_multipart([header.as_bytes(), event.as_ref()], 0).unwrap();
    }

    /// Publishes events as one packed batch.
    pub(crate) fn publish_packed(&self, id: u64, events: &[impl AsRef<[u8]>]) {
        let header = format!("plugin_command: publish id={id} count={}", events.len());
        let mut packed = Vec::new();
        for event in events {
            packed.extend_from_slice(&u32::try_from(event.as_ref().len()).unwrap().to_be_bytes());
            packed.extend_from_slice(event.as_ref());
        }
        self.client.socket.send_multipart([header.as_bytes(), &packed], 0).unwrap();
    }

    /// The engine's next message.
    pub(crate) fn read(&self) -> Said {
        let mut frames = self.client.socket.recv_multipart(0).expect("no message in time").into_iter();
        let header = String::from_utf8(frames.next().unwrap()).unwrap();
        let payload = frames.next();
        assert_eq!(frames.next(), None, "a message has at most two frames");
        let mut words = header.strip_prefix("event-engine: ").expect("the engine's prefix").split(' ');
        let verb = words.next().unwrap().to_string();
        let pair = |word: &str| word.split_once('=').map(|(key, value)| (key.to_string(), value.to_string()));
        let keys: BTreeMap<String, String> = words.map(|word| pair(word).unwrap()).collect();
        let events = match (&*verb, payload, keys.get("count")) {
            ("events", Some(payload), None) => vec![payload],
            ("events", Some(payload), Some(count)) => unpack(&payload, count.parse().unwrap()),
            ("error", Some(text), None) => vec![text],
            (_, None, None) => Vec::new(),
            message => panic!("{message:?}"),
        };
        Said { verb, keys, events }
    }

    /// The engine's next message, which has this verb.
    pub(crate) fn read_verb(&self, verb: &str) -> Said {
        let said = self.read();
        assert_eq!(said.verb, verb, "{said:?}");
        said
    }

    /// The next `count` events with their sequence numbers and whether they are redelivered.
    pub(crate) fn read_events(&self, count: usize) -> Vec<(u64, Vec<u8>, bool)> {
        let mut events = Vec::new();
        while events.len() < count {
            let said = self.read_verb("events");
            let first = said.number("seq");
            let redelivered = said.keys.contains_key("redelivered");
            events.extend((first..).zip(said.events).map(|(seq, event)| (seq, event, redelivered)));
        }
        events
    }

    /// The next message is this error.
    pub(crate) fn read_error(&self, code: &str) {
        assert_eq!(self.read_verb("error").keys["code"], code);
    }

    /// Quits when the engine has said this.
    pub(crate) fn quit_after(self, verb: &str) {
        self.read_verb(verb);
        self.quit();
    }

    pub(crate) fn quit(self) {
        self.say("quit");
        self.read_verb("bye");
    }
}

fn unpack(mut packed: &[u8], count: usize) -> Vec<Vec<u8>> {
    let mut events = Vec::new();
    while let Some((length, rest)) = packed.split_first_chunk::<4>() {
        let (event, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        events.push(event.to_vec());
        packed = rest;
    }
    assert_eq!(events.len(), count);
    events
}
