//! Raw connections: the harness as a client, or as an engine, message by message or byte by byte.

mod hearing;
mod scripts;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use super::listener::{Listener, Manner};
use super::{decode, number, Stage, Stop};
use crate::case::{shown, Argument, Bytes, Compare, Step};
use crate::header::{packed, Header, CLIENT, ENGINE};
use crate::testees::ports;
use crate::zmtp::connection::{Connection, Heard, Reading};
use crate::zmtp::{self, Unit};

/// Whom the harness plays on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Client,
    Engine,
}

/// An event in a batch that was not asked for yet.
struct Event {
    number: u64,
    redelivered: bool,
    data: Vec<u8>,
}

/// A raw connection.
pub(super) struct Raw {
    connection: Connection,
    role: Role,
    /// Messages that were heard and put back.
    back: VecDeque<Vec<Vec<u8>>>,
    /// Commands that came.
    commands: Vec<(String, Vec<u8>)>,
    /// Events or publishes of a message whose others were asked for.
    events: VecDeque<Event>,
    /// As client: the last `published`. As engine: the last event sent.
    told: u64,
    /// As engine: the last `ack` that came.
    acked: u64,
    /// Bytes that came on a connection that reads bytes.
    bytes: Vec<u8>,
}

/// Keys of steps that are no keys of headers.
const OPTIONS: [&str; 6] = ["within", "after", "times", "but", "as", "identity"];

impl Raw {
    fn new(connection: Connection, role: Role) -> Self {
        Self {
            connection,
            role,
            back: VecDeque::new(),
            commands: Vec::new(),
            events: VecDeque::new(),
            told: 0,
            acked: 0,
            bytes: Vec::new(),
        }
    }

    /// What the harness's headers begin with, and those of the other side.
    fn prefixes(&self) -> (&'static str, &'static str) {
        match self.role {
            Role::Client => (CLIENT, ENGINE),
            Role::Engine => (ENGINE, CLIENT),
        }
    }

    /// What the transcript calls the other side.
    fn other(&self) -> &'static str {
        match self.role {
            Role::Client => "engine",
            Role::Engine => "client",
        }
    }
}

impl Stage<'_> {
    /// Does a step of the port where the harness plays the engine.
    pub(super) fn listener(&mut self, step: &Step) -> Result<(), Stop> {
        match step.verb.as_str() {
            "open" => {
                let manner = Manner {
                    socket: step.key("as").unwrap_or("ROUTER").to_owned(),
                    raw: step.has("raw"),
                    mute: step.has("mute"),
                    tells: step.key("tells").map(|word| self.bytes(word)).transpose()?.unwrap_or_default(),
                };
                let at = self
                    .variables
                    .get("listener")
                    .and_then(|text| String::from_utf8_lossy(text).parse().ok());
                let limit = self.scaled(super::STEP);
                let listener = Listener::open(at, manner, &self.transcript, limit)?;
                self.listens_at(listener.address());
                if let Some(link) = self.links.get("listener") {
                    link.accept()?;
                }
                self.listener = Some(listener);
                Ok(())
            }
            // The address stays: `open` opens the same port again.
            "close" => {
                self.listener = None;
                Ok(())
            }
            "reserve" => {
                let port = ports::of_stage().ok_or_else(|| "no port is free".to_owned())?;
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
                match step.key("name") {
                    // A port of the engine to be.
                    Some(name) => {
                        self.ports.insert(name.to_owned(), address.port());
                        self.variables
                            .insert(format!("port.{name}"), address.port().to_string().into_bytes());
                    }
                    None => self.listens_at(address),
                }
                Ok(())
            }
            "seen" => {
                let seen = self.listener.as_ref().map_or(0, Listener::seen) as u64;
                for argument in &step.arguments {
                    let Argument::Key(_, compare, value) = argument else { continue };
                    let bound = number(value)?;
                    let right = match compare {
                        Compare::AtMost => seen <= bound,
                        Compare::AtLeast => seen >= bound,
                        _ => seen == bound,
                    };
                    if !right {
                        return Err(Stop::broken(step.text.clone(), format!("{seen} connections")));
                    }
                }
                Ok(())
            }
            verb => Err(Stop::Mistake(format!("a listener cannot `{verb}`"))),
        }
    }

    fn listens_at(&mut self, address: SocketAddr) {
        self.variables.insert("listener".to_owned(), address.to_string().into_bytes());
        self.variables.insert("port.listener".to_owned(), address.port().to_string().into_bytes());
    }

    /// Does a step of a raw connection.
    pub(super) fn raw(&mut self, name: &str, step: &Step) -> Result<(), Stop> {
        match step.verb.as_str() {
            "dial" => return self.dial(name, step),
            "accept" => return self.accept(name, step),
            _ => {}
        }
        let mut raw = self.raws.remove(name).ok_or_else(|| format!("there is no connection {name}"))?;
        let result = self.on_raw(name, &mut raw, step);
        if step.verb != "reset" && step.verb != "close" {
            self.raws.insert(name.to_owned(), raw);
        }
        result
    }

    fn dial(&mut self, name: &str, step: &Step) -> Result<(), Stop> {
        let port = step.words().next().ok_or_else(|| "dial PORT".to_owned())?;
        let address = self.direct(port)?;
        let deadline = self.until(step)?;
        let reading = match (step.has("raw"), step.has("mute")) {
            (true, _) => Reading::Bytes,
            (false, true) => Reading::UnitsWithoutPong,
            (false, false) => Reading::Units,
        };
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let connection = match (Connection::dial(address, left, reading), step.has("refused")) {
            (Ok(connection), false) => connection,
            (Err(_), true) => return Ok(()),
            (Ok(_), true) => return Err(Stop::broken("a refused connection", "it is taken")),
            (Err(error), false) => {
                return Err(Stop::broken(format!("a connection to {port}"), error.to_string()))
            }
        };
        self.transcript.add(name, "engine", "link", format!("connected to {port}"));
        let mut raw = Raw::new(connection, Role::Client);
        if reading != Reading::Bytes {
            let socket = step.key("as").unwrap_or("DEALER");
            let identity = step.key("identity").map(|word| self.bytes(word)).transpose()?.unwrap_or_default();
            self.shake_hands(name, &mut raw, socket, &identity, deadline)?;
        }
        self.raws.insert(name.to_owned(), raw);
        Ok(())
    }

    fn shake_hands(
        &mut self,
        name: &str,
        raw: &mut Raw,
        socket: &str,
        identity: &[u8],
        deadline: Instant,
    ) -> Result<(), Stop> {
        self.write(name, raw, &zmtp::greeting(), String::new())?;
        loop {
            match raw.connection.hear(deadline) {
                Some(Heard::Unit(unit)) => {
                    let (kind, text) = decode::unit(&unit);
                    self.transcript.add(raw.other(), name, kind, text);
                    match unit {
                        Unit::Greeting(_) => {
                            let mut properties: Vec<(&str, &[u8])> = Vec::new();
                            if socket != "none" {
                                properties.push(("Socket-Type", socket.as_bytes()));
                            }
                            properties.push(("Identity", identity));
                            self.write(name, raw, &zmtp::ready(&properties), format!("READY as {socket}"))?;
                        }
                        Unit::Command(command, data) if command == "READY" => {
                            raw.commands.push((command, data));
                            return Ok(());
                        }
                        _ => return Err(Stop::broken("a handshake of ZMTP 3", "something else")),
                    }
                }
                Some(_) => return Err(Stop::broken("a handshake of ZMTP 3", "the connection was closed")),
                None => return Err(Stop::broken("a handshake in time", "it does not go on")),
            }
        }
    }

    fn accept(&mut self, name: &str, step: &Step) -> Result<(), Stop> {
        let deadline = self.until(step)?;
        let listener = self.listener.as_ref().ok_or_else(|| "the listener is not open".to_owned())?;
        let accepted =
            listener.accept(deadline).ok_or_else(|| Stop::broken("a connection in time", "there is none"))?;
        if let Some(wanted) = step.key("as") {
            if !wanted.split('/').any(|socket| socket == accepted.socket) {
                return Err(Stop::broken(
                    format!("a {wanted} socket"),
                    format!("a {} socket", accepted.socket),
                ));
            }
        }
        let mut raw = Raw::new(accepted.connection, Role::Engine);
        if let Some(first) = accepted.first {
            let (kind, text) = decode::unit(&first);
            self.transcript.add("client", name, kind, text);
            match first {
                Unit::Message(frames) => raw.back.push_back(frames),
                _ => return Err(Stop::broken("a message of ZMTP", "something else")),
            }
        }
        self.raws.insert(name.to_owned(), raw);
        Ok(())
    }

    fn on_raw(&mut self, name: &str, raw: &mut Raw, step: &Step) -> Result<(), Stop> {
        match step.verb.as_str() {
            "send" => {
                let frames = self.frames(&step.arguments)?;
                self.say(name, raw, step, &frames)
            }
            "request" | "reply" => {
                let mut frames = vec![Vec::new()];
                frames.extend(self.frames(&step.arguments)?);
                self.say(name, raw, step, &frames)
            }
            "say" => {
                let frames = self.header(raw, step)?;
                if let Some(Ok(header)) = frames.first().map(|first| Header::read(first, raw.prefixes().0)) {
                    if header.get("resumed") == Some(b"1") {
                        self.variables.insert("resumed".to_owned(), b"1".to_vec());
                    }
                    if header.verb == "events" {
                        let last =
                            header.number("seq").unwrap_or(0) + header.number("count").unwrap_or(1) - 1;
                        raw.told = raw.told.max(last);
                    }
                    if header.verb == "welcome" && header.get("resumed") == Some(b"1") {
                        self.variables.insert("resumed".to_owned(), b"1".to_vec());
                    }
                }
                self.say(name, raw, step, &frames)
            }
            "expect" => self.expect(name, raw, step, false),
            "answer" | "asked" => self.expect(name, raw, step, true),
            "hear" => self.hear(name, raw, step),
            "events" => self.events(name, raw, step, "events", "seq"),
            "publishes" => self.events(name, raw, step, "publish", "id"),
            "opens" => self.opens(name, raw, step),
            "welcomes" => self.welcomes(name, raw, step),
            "bytes" => {
                let bytes = self.frames(&step.arguments)?.concat();
                self.write(name, raw, &bytes, shown(&bytes))
            }
            "gets" => self.gets(name, raw, step),
            "subscribe" | "unsubscribe" => {
                let prefix = self.frames(&step.arguments)?.concat();
                let command = if step.verb == "subscribe" { "SUBSCRIBE" } else { "CANCEL" };
                let text = format!("{command} {}", shown(&prefix));
                self.write(name, raw, &zmtp::command(command, &prefix), text)
            }
            "tune" => self.tune(name, raw, step),
            "subscribed" => self.command_comes(name, raw, step, "SUBSCRIBE"),
            "ping" => {
                let context = self.frames(&step.arguments)?.concat();
                let data = [&[0, 100], context.as_slice()].concat();
                self.write(name, raw, &zmtp::command("PING", &data), format!("PING {}", shown(&context)))?;
                self.command_comes(name, raw, step, "PONG")
            }
            "pinged" => self.command_comes(name, raw, step, "PING"),
            "is" => {
                let ready = raw.commands.iter().find(|(command, _)| command == "READY");
                let socket =
                    ready.and_then(|(_, data)| zmtp::property(data, "Socket-Type")).unwrap_or_default();
                let wanted = step.words().next().unwrap_or_default();
                if socket == wanted.as_bytes() {
                    Ok(())
                } else {
                    Err(Stop::broken(format!("a {wanted} socket"), shown(socket)))
                }
            }
            "hellos" => self.hellos(step),
            "told" => {
                for argument in &step.arguments {
                    let Argument::Key(key, compare, value) = argument else { continue };
                    let (what, is) = if key == "ack" { ("ack", raw.acked) } else { ("published", raw.told) };
                    let bound = number(value)?;
                    let right = match compare {
                        Compare::AtMost => is <= bound,
                        Compare::AtLeast => is >= bound,
                        _ => is == bound,
                    };
                    if !right {
                        return Err(Stop::broken(step.text.clone(), format!("{what} up to {is}")));
                    }
                }
                Ok(())
            }
            "quiet" => self.quiet(name, raw, step),
            "closed" => self.closed(name, raw, step),
            "pause" => {
                raw.connection.pause(true);
                Ok(())
            }
            "resume" => {
                raw.connection.pause(false);
                Ok(())
            }
            "close" => {
                self.transcript.add(name, raw.other(), "link", "closed".to_owned());
                raw.connection.close();
                Ok(())
            }
            "reset" => {
                self.transcript.add(name, raw.other(), "link", "reset".to_owned());
                raw.connection.reset();
                Ok(())
            }
            verb => Err(Stop::Mistake(format!("a raw connection cannot `{verb}`"))),
        }
    }

    /// The frames that words between bars stand for; `pack` makes one of several events.
    fn frames(&mut self, arguments: &[Argument]) -> Result<Vec<Vec<u8>>, Stop> {
        let mut frames = Vec::new();
        let parts = arguments.split(|argument| *argument == Argument::Bar);
        for part in parts {
            let words: Vec<&str> = part
                .iter()
                .filter_map(|argument| match argument {
                    Argument::Word(word) => Some(word.as_str()),
                    _ => None,
                })
                .collect();
            match words.split_first() {
                None => {}
                Some((&"pack", events)) => {
                    let mut list = Vec::new();
                    for word in events {
                        for bytes in Bytes::read_list(word)? {
                            list.push(bytes.value(&self.variables)?);
                        }
                    }
                    frames.push(packed(&list));
                }
                Some(_) => {
                    for word in words {
                        frames.push(self.bytes(word)?);
                    }
                }
            }
        }
        Ok(frames)
    }

    /// A session message: a header of the step's verb and keys, and the payload behind the bar.
    fn header(&mut self, raw: &Raw, step: &Step) -> Result<Vec<Vec<u8>>, Stop> {
        let end = step.arguments.iter().position(|argument| *argument == Argument::Bar);
        let (head, payload) = match end {
            Some(end) => (step.arguments.get(..end), step.arguments.get(end + 1..)),
            None => (Some(step.arguments.as_slice()), None),
        };
        let mut header = Header { verb: String::new(), keys: Vec::new() };
        for argument in head.unwrap_or_default() {
            match argument {
                Argument::Word(verb) => header.verb.clone_from(verb),
                Argument::Key(key, _, _) if OPTIONS.contains(&key.as_str()) => {}
                Argument::Key(key, _, value) => {
                    let value = self.bytes(value)?;
                    header.keys.push((key.clone(), value));
                }
                Argument::Bar => {}
            }
        }
        let mut frames = vec![header.write(raw.prefixes().0)];
        frames.extend(self.frames(payload.unwrap_or_default())?);
        Ok(frames)
    }

    fn say(&mut self, name: &str, raw: &mut Raw, step: &Step, frames: &[Vec<u8>]) -> Result<(), Stop> {
        let times = step.key("times").map(number).transpose()?.unwrap_or(1);
        let bytes = zmtp::message(frames);
        for _ in 0..times {
            self.write(name, raw, &bytes, decode::message(frames))?;
        }
        Ok(())
    }

    fn write(&mut self, name: &str, raw: &mut Raw, bytes: &[u8], text: String) -> Result<(), Stop> {
        if !text.is_empty() {
            self.transcript.add(name, raw.other(), "message", text);
        }
        // Whether the other side still listens is seen by what comes, or does not come, from it.
        let _ = raw.connection.write(bytes);
        Ok(())
    }
}
