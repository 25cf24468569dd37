//! Raw connections: the harness as a client, or as an engine, message by message or byte by byte.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::listener::{Listener, Manner};
use super::{decode, number, Stage, Stop, LOOK_EVERY};
use crate::case::{shown, Argument, Bytes, Compare, Pattern, Step};
use crate::header::{packed, unpacked, Header, BATCH_MAX_BYTES, CLIENT, ENGINE};
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
                let manner = Manner { socket: "ROUTER".to_owned(), raw: true, mute: true, tells: Vec::new() };
                let listener = Listener::open(None, manner, &self.transcript, self.scaled(super::STEP))?;
                let address = listener.address();
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

    /// The next message.
    fn message(&mut self, name: &str, raw: &mut Raw, deadline: Instant) -> Result<Vec<Vec<u8>>, Stop> {
        let message = self.message_until(name, raw, deadline)?;
        message.ok_or_else(|| Stop::broken("a message in time", "nothing came"))
    }

    /// The next message, or nothing until `deadline`.
    pub(super) fn message_until(
        &mut self,
        name: &str,
        raw: &mut Raw,
        deadline: Instant,
    ) -> Result<Option<Vec<Vec<u8>>>, Stop> {
        if let Some(frames) = raw.back.pop_front() {
            return Ok(Some(frames));
        }
        loop {
            match raw.connection.hear(deadline) {
                Some(Heard::Unit(unit)) => {
                    let (kind, text) = decode::unit(&unit);
                    self.transcript.add(raw.other(), name, kind, text.clone());
                    match unit {
                        Unit::Message(frames) => return Ok(Some(frames)),
                        Unit::Command(command, data) => raw.commands.push((command, data)),
                        Unit::Greeting(_) => {}
                        Unit::Nonsense(why) => return Err(Stop::broken("ZMTP", why)),
                    }
                }
                Some(Heard::Bytes(bytes)) => {
                    return Err(Stop::Mistake(format!("raw bytes {}", shown(&bytes))))
                }
                Some(Heard::Closed) => {
                    self.transcript.add(raw.other(), name, "link", "closed".to_owned());
                    return Err(Stop::broken("a message", "the connection was closed"));
                }
                None => return Ok(None),
            }
        }
    }

    /// The next message that is not one of those that may come at any time, unless its verb is wanted.
    fn message_but(
        &mut self,
        name: &str,
        raw: &mut Raw,
        deadline: Instant,
        wanted: &[&str],
    ) -> Result<Vec<Vec<u8>>, Stop> {
        loop {
            let frames = self.message(name, raw, deadline)?;
            let header = frames.first().and_then(|first| Header::read(first, raw.prefixes().1).ok());
            let Some(header) = header else { return Ok(frames) };
            self.follow(raw, &header)?;
            let at_any_time = match raw.role {
                Role::Client => matches!(header.verb.as_str(), "ping" | "published"),
                Role::Engine => matches!(header.verb.as_str(), "pong" | "ack"),
            };
            if !at_any_time || wanted.contains(&header.verb.as_str()) {
                return Ok(frames);
            }
        }
    }

    /// Notes what a message tells, and what it must not.
    fn follow(&mut self, raw: &mut Raw, header: &Header) -> Result<(), Stop> {
        match (raw.role, header.verb.as_str()) {
            // Another session counts from the beginning.
            (Role::Client, "welcome") if header.get("resumed") == Some(b"0") => raw.told = 0,
            (Role::Client, "published") => {
                let id = header.number("id").unwrap_or(0);
                if id < raw.told {
                    return Err(Stop::broken(
                        format!("published with at least {}", raw.told),
                        format!("{id}"),
                    ));
                }
                raw.told = id;
            }
            (Role::Engine, "ack") => {
                let seq = header.number("seq").unwrap_or(0);
                raw.acked = raw.acked.max(seq);
                if seq > raw.told {
                    let wanted =
                        format!("an ack of at most {}, the last event sent on this connection", raw.told);
                    // A session that was resumed may acknowledge what an earlier connection brought.
                    if !self.variables.contains_key("resumed") {
                        return Err(Stop::broken(wanted, format!("ack seq={seq}")));
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn expect(&mut self, name: &str, raw: &mut Raw, step: &Step, enveloped: bool) -> Result<(), Stop> {
        let deadline = self.until(step)?;
        let frames = self.message_but(name, raw, deadline, &[])?;
        let mut patterns: Vec<Pattern> = Vec::new();
        if enveloped {
            patterns.push(Pattern::Exactly(Bytes::read("\"\"")?));
        }
        for word in step.words() {
            patterns.push(Pattern::read(word)?);
        }
        let mut fits = frames.len() == patterns.len();
        for (frame, pattern) in frames.iter().zip(&patterns) {
            fits = fits && pattern.matches(frame, &mut self.variables)?;
        }
        if fits {
            return Ok(());
        }
        let head = if enveloped { "\"\" | " } else { "" };
        let wanted = step.words().collect::<Vec<_>>().join(" | ");
        Err(Stop::broken(format!("{head}{wanted}"), decode::message(&frames)))
    }

    /// `hear VERB key=pattern … [| PATTERN]`.
    fn hear(&mut self, name: &str, raw: &mut Raw, step: &Step) -> Result<(), Stop> {
        let deadline = self.until(step)?;
        let verb = step.words().next().ok_or_else(|| "hear VERB".to_owned())?.to_owned();
        let payload = step.arguments.iter().position(|argument| *argument == Argument::Bar);
        loop {
            if verb == "published"
                && step.key("id").and_then(|id| id.parse().ok()) == Some(raw.told)
                && raw.told > 0
            {
                return Ok(());
            }
            let frames = self.message_but(name, raw, deadline, &[&verb])?;
            let first = frames.first().map(Vec::as_slice).unwrap_or_default();
            let header = Header::read(first, raw.prefixes().1).map_err(|why| {
                Stop::broken(format!("`{verb}`"), format!("{}: {why}", decode::message(&frames)))
            })?;
            let mut wrong = (header.verb != verb).then(|| format!("`{verb}`"));
            if step.has("written") && wrong.is_none() {
                wrong = Header::unwritten(first).map(|word| format!("`{word}` as a writer must write it"));
            }
            for argument in step.arguments.get(..payload.unwrap_or(step.arguments.len())).unwrap_or_default()
            {
                let Argument::Key(key, compare, value) = argument else { continue };
                if OPTIONS.contains(&key.as_str()) || wrong.is_some() {
                    continue;
                }
                if !self.key_fits(&header, key, *compare, value)? {
                    wrong = Some(format!("`{verb}` with {key} {value}"));
                }
            }
            if let (None, Some(bar)) = (&wrong, payload) {
                let tail = step.arguments.get(bar + 1..).unwrap_or_default();
                for (index, argument) in tail.iter().enumerate() {
                    let Argument::Word(word) = argument else { continue };
                    let frame = frames.get(index + 1).map(Vec::as_slice).unwrap_or_default();
                    if !Pattern::read(word)?.matches(frame, &mut self.variables)? {
                        wrong = Some(format!("`{verb}` with the payload {word}"));
                    }
                }
            } else if wrong.is_none()
                && frames.len() != 1
                && !matches!(verb.as_str(), "error" | "events" | "publish")
            {
                wrong = Some(format!("`{verb}` without a payload"));
            }
            match wrong {
                None => return Ok(()),
                // Acknowledgements and accepted ids only grow: an earlier one may come first.
                Some(_) if header.verb == verb && matches!(verb.as_str(), "ack" | "published") => {}
                Some(wanted) => return Err(Stop::broken(wanted, decode::message(&frames))),
            }
        }
    }

    fn key_fits(&mut self, header: &Header, key: &str, compare: Compare, value: &str) -> Result<bool, Stop> {
        let Some(found) = header.get(key) else { return Ok(value == "-") };
        if matches!(compare, Compare::AtMost | Compare::AtLeast) {
            let bound = number(value)?;
            let is = header.number(key);
            return Ok(
                is.is_some_and(|is| if compare == Compare::AtMost { is <= bound } else { is >= bound })
            );
        }
        let pattern = if compare == Compare::Holds {
            Pattern::Holds(Bytes::read(value)?)
        } else {
            Pattern::read(value)?
        };
        Ok(pattern.matches(found, &mut self.variables)?)
    }

    /// `events seq=N [redelivered=1] EVENT …`, `publishes id=N EVENT …`: over as many messages as the other side likes.
    fn events(&mut self, name: &str, raw: &mut Raw, step: &Step, verb: &str, key: &str) -> Result<(), Stop> {
        let deadline = self.until(step)?;
        let mut wanted = Vec::new();
        for word in step.words().filter(|word| *word != "more") {
            if word.starts_with("many(") {
                wanted.extend(Bytes::read_list(word)?.into_iter().map(Pattern::Exactly));
            } else {
                wanted.push(Pattern::read(word)?);
            }
        }
        let mut next = step.key(key).map(number).transpose()?;
        let redelivered = step.key("redelivered").map(|value| value == "1");
        for (index, pattern) in wanted.iter().enumerate() {
            if raw.events.is_empty() {
                self.gather(name, raw, deadline, verb, key)?;
            }
            let Some(event) = raw.events.pop_front() else { continue };
            let said = format!("{key}={} {}", event.number, shown(&event.data));
            if next.is_some_and(|next| next != event.number) {
                return Err(Stop::broken(format!("{key}={}", next.unwrap_or(0)), said));
            }
            next = Some(event.number + 1);
            if redelivered.is_some_and(|wanted| wanted != event.redelivered) {
                return Err(Stop::broken(
                    step.text.clone(),
                    format!("{said} redelivered={}", event.redelivered),
                ));
            }
            if !pattern.matches(&event.data, &mut self.variables)? {
                let word = step.words().nth(index).or_else(|| step.words().next()).unwrap_or_default();
                return Err(Stop::broken(format!("{word} (number {} of these)", index + 1), said));
            }
        }
        if !raw.events.is_empty() && !step.has("more") {
            let more = raw.events.len();
            return Err(Stop::broken(format!("{} and no more", wanted.len()), format!("{more} more")));
        }
        Ok(())
    }

    fn gather(
        &mut self,
        name: &str,
        raw: &mut Raw,
        deadline: Instant,
        verb: &str,
        key: &str,
    ) -> Result<(), Stop> {
        let frames = self.message_but(name, raw, deadline, &[verb])?;
        let first = frames.first().map(Vec::as_slice).unwrap_or_default();
        let header = Header::read(first, raw.prefixes().1).map_err(|why| {
            Stop::broken(format!("`{verb}`"), format!("{}: {why}", decode::message(&frames)))
        })?;
        let (true, [_, payload]) = (header.verb == verb, frames.as_slice()) else {
            return Err(Stop::broken(format!("`{verb}` with a payload"), decode::message(&frames)));
        };
        let first = header
            .number(key)
            .ok_or_else(|| Stop::broken(format!("a number {key}"), decode::message(&frames)))?;
        let events = unpacked(payload, header.get("count").map(|_| header.number("count").unwrap_or(0)))
            .map_err(|why| Stop::broken(format!("a well-formed `{verb}`"), why))?;
        if header.get("count").is_some() && payload.len() > BATCH_MAX_BYTES {
            let wanted = format!("a packed payload of at most {BATCH_MAX_BYTES} bytes");
            return Err(Stop::broken(wanted, format!("{} bytes", payload.len())));
        }
        let redelivered = header.get("redelivered") == Some(b"1");
        raw.events.extend(events.into_iter().zip(first..).map(|(data, number)| Event {
            number,
            redelivered,
            data,
        }));
        Ok(())
    }

    /// As a client: the whole handshake of a new session, until `ok`.
    fn opens(&mut self, name: &str, raw: &mut Raw, step: &Step) -> Result<(), Stop> {
        let session = step.key("session").unwrap_or("$s").to_owned();
        let upto = step.key("upto").unwrap_or("8192");
        let wait = if step.has("waiting") { "" } else { "{n} hear ok" };
        let script = format!(
            "{{n}} say hello version=1 session={session} client=conformance/1\n{{n}} hear welcome resumed=0 received=0\n\
             {{n}} say ready\n{{n}} say ack seq=0 upto={upto}\n{wait}"
        );
        self.script(name, raw, step, &script)
    }

    /// `hellos PORT times=N`: so many connections one after the other, each of which opens a session, hears `welcome` and goes.
    fn hellos(&mut self, step: &Step) -> Result<(), Stop> {
        let port = step.words().next().ok_or_else(|| "hellos PORT times=N".to_owned())?.to_owned();
        let address = self.direct(&port)?;
        let deadline = self.until(step)?;
        let times = step.key("times").map(number).transpose()?.unwrap_or(1);
        for index in 1..=times {
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            let connection = Connection::dial(address, left, Reading::Units)
                .map_err(|error| Stop::broken(format!("connection {index}"), error.to_string()))?;
            let mut raw = Raw::new(connection, Role::Client);
            let name = "hellos";
            self.shake_hands(name, &mut raw, "DEALER", &[], deadline)?;
            let id = format!("{:016x}{:016x}", self.random.next(), self.random.next());
            let hello = format!("{CLIENT}hello version=1 session={id} client=conformance/1");
            self.write(name, &mut raw, &zmtp::message(&[hello.as_bytes().to_vec()]), hello)?;
            let frames = self.message_but(name, &mut raw, deadline, &[])?;
            if !frames
                .first()
                .is_some_and(|first| Header::read(first, ENGINE).is_ok_and(|it| it.verb == "welcome"))
            {
                return Err(Stop::broken(format!("`welcome` for session {index}"), decode::message(&frames)));
            }
        }
        Ok(())
    }

    /// As an engine: hears `hello`, says `welcome`, hears `ready` and `ack`; with `ok` says that, too.
    fn welcomes(&mut self, name: &str, raw: &mut Raw, step: &Step) -> Result<(), Stop> {
        let mut keys = vec![
            ("version", "1".to_owned()),
            ("engine", "conformance/1".to_owned()),
            ("plugin", "client".to_owned()),
            ("resumed", "0".to_owned()),
            ("received", "0".to_owned()),
            ("max-event-bytes", "134217728".to_owned()),
            ("publish-window", "16384".to_owned()),
            ("publish-window-bytes", "16777216".to_owned()),
            ("ping-ms", "30000".to_owned()),
            ("grace-ms", "60000".to_owned()),
        ];
        for argument in &step.arguments {
            let Argument::Key(key, _, value) = argument else { continue };
            if let Some((_, old)) = keys.iter_mut().find(|(name, _)| name == key) {
                old.clone_from(value);
            }
        }
        if keys.iter().any(|(key, value)| *key == "resumed" && value == "1") {
            self.variables.insert("resumed".to_owned(), b"1".to_vec());
        }
        let keys: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let session = step.key("session").unwrap_or("*");
        let mut script = format!(
            "{{n}} hear hello version=1 session={session} client=*\n{{n}} say welcome {}\n",
            keys.join(" ")
        );
        if !step.has("only") {
            script.push_str("{n} hear ready\n{n} hear ack\n");
        }
        if step.has("ok") {
            script.push_str("{n} say ok\n");
        }
        self.script(name, raw, step, &script)
    }

    /// Several steps that stand for one.
    fn script(&mut self, name: &str, raw: &mut Raw, step: &Step, script: &str) -> Result<(), Stop> {
        for mut part in Step::read(&script.replace("{n}", name))? {
            part.line = step.line;
            self.on_raw(name, raw, &part)?;
        }
        Ok(())
    }

    /// `gets BYTES`: exactly these bytes come next, on a connection that was dialled `raw`.
    fn gets(&mut self, name: &str, raw: &mut Raw, step: &Step) -> Result<(), Stop> {
        let wanted = self.frames(&step.arguments)?.concat();
        let deadline = self.until(step)?;
        while raw.bytes.len() < wanted.len() {
            match raw.connection.hear(deadline) {
                Some(Heard::Bytes(bytes)) => {
                    self.transcript.add(raw.other(), name, "bytes", shown(&bytes));
                    raw.bytes.extend(bytes);
                }
                Some(Heard::Unit(_)) => {}
                Some(Heard::Closed) | None => break,
            }
        }
        let rest = raw.bytes.split_off(wanted.len().min(raw.bytes.len()));
        let got = std::mem::replace(&mut raw.bytes, rest);
        if got == wanted {
            Ok(())
        } else {
            Err(Stop::broken(shown(&wanted), shown(&got)))
        }
    }

    fn command_comes(&mut self, name: &str, raw: &mut Raw, step: &Step, wanted: &str) -> Result<(), Stop> {
        let deadline = self.until(step)?;
        let data = self.frames(&step.arguments)?;
        loop {
            let found = raw.commands.iter().position(|(command, found)| {
                command == wanted && data.first().is_none_or(|data| data == found)
            });
            if let Some(found) = found {
                raw.commands.remove(found);
                return Ok(());
            }
            match raw.connection.hear(deadline) {
                Some(Heard::Unit(unit)) => {
                    let (kind, text) = decode::unit(&unit);
                    self.transcript.add(raw.other(), name, kind, text);
                    match unit {
                        Unit::Command(command, data) => raw.commands.push((command, data)),
                        Unit::Message(frames) => raw.back.push_back(frames),
                        _ => {}
                    }
                }
                Some(Heard::Bytes(_)) => {}
                Some(Heard::Closed) => return Err(Stop::broken(wanted, "the connection was closed")),
                None => return Err(Stop::broken(format!("{wanted} in time"), "it did not come")),
            }
        }
    }

    /// `quiet MS [but=VERB/VERB]`: nothing comes for so long. The only wait that nothing can shorten; fences are better.
    fn quiet(&mut self, name: &str, raw: &mut Raw, step: &Step) -> Result<(), Stop> {
        let ms = number(step.words().next().unwrap_or("100"))?;
        let until = Instant::now() + self.scaled(Duration::from_millis(ms));
        let but: Vec<&str> = step.key("but").unwrap_or_default().split('/').collect();
        if let Some(event) = raw.events.front() {
            return Err(Stop::broken("nothing", shown(&event.data)));
        }
        loop {
            match self.message_but(name, raw, until, &["published"]) {
                Ok(frames) => {
                    let header = frames.first().and_then(|first| Header::read(first, raw.prefixes().1).ok());
                    if !header.is_some_and(|header| but.contains(&header.verb.as_str())) {
                        return Err(Stop::broken(format!("nothing for {ms} ms"), decode::message(&frames)));
                    }
                }
                Err(_) if Instant::now() >= until => return Ok(()),
                Err(stop) => return Err(stop),
            }
        }
    }

    fn closed(&mut self, name: &str, raw: &mut Raw, step: &Step) -> Result<(), Stop> {
        let deadline = self.until(step)?;
        let anyhow = step.has("anyhow");
        loop {
            // What came while the case looked for a command was put back.
            let heard = match raw.back.pop_front() {
                Some(frames) => Some(Heard::Unit(Unit::Message(frames))),
                None => raw.connection.hear(deadline),
            };
            match heard {
                Some(Heard::Closed) => {
                    self.transcript.add(raw.other(), name, "link", "closed".to_owned());
                    return Ok(());
                }
                Some(Heard::Unit(Unit::Message(frames))) if !anyhow => {
                    let text = decode::message(&frames);
                    self.transcript.add(raw.other(), name, "message", text.clone());
                    let header = frames.first().and_then(|first| Header::read(first, raw.prefixes().1).ok());
                    if let Some(header) = &header {
                        self.follow(raw, header)?;
                    }
                    let skipped = header.is_some_and(|header| {
                        matches!(header.verb.as_str(), "ack" | "pong" | "ping" | "published")
                    });
                    if !skipped {
                        return Err(Stop::broken("the end of the connection", text));
                    }
                }
                Some(_) => std::thread::park_timeout(LOOK_EVERY / 5),
                None => return Err(Stop::broken("the end of the connection", "it is still open")),
            }
        }
    }
}
