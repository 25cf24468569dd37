//! What the other side says, and whether it is what a step wants.

use std::time::{Duration, Instant};

use super::{Event, Raw, Role, OPTIONS};
use crate::case::{shown, Argument, Bytes, Compare, Pattern, Step};
use crate::header::{unpacked, Header, BATCH_MAX_BYTES};
use crate::stage::{decode, number, Stage, Stop, LOOK_EVERY};
use crate::zmtp::connection::Heard;
use crate::zmtp::Unit;

impl Stage<'_> {
    /// The next message.
    pub(super) fn message(
        &mut self,
        name: &str,
        raw: &mut Raw,
        deadline: Instant,
    ) -> Result<Vec<Vec<u8>>, Stop> {
        let message = self.message_until(name, raw, deadline)?;
        message.ok_or_else(|| Stop::broken("a message in time", "nothing came"))
    }

    /// The next message, or nothing until `deadline`.
    pub(in crate::stage) fn message_until(
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
    pub(super) fn message_but(
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
    pub(super) fn follow(&mut self, raw: &mut Raw, header: &Header) -> Result<(), Stop> {
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

    pub(super) fn expect(
        &mut self,
        name: &str,
        raw: &mut Raw,
        step: &Step,
        enveloped: bool,
    ) -> Result<(), Stop> {
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
    pub(super) fn hear(&mut self, name: &str, raw: &mut Raw, step: &Step) -> Result<(), Stop> {
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

    pub(super) fn key_fits(
        &mut self,
        header: &Header,
        key: &str,
        compare: Compare,
        value: &str,
    ) -> Result<bool, Stop> {
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
    pub(super) fn events(
        &mut self,
        name: &str,
        raw: &mut Raw,
        step: &Step,
        verb: &str,
        key: &str,
    ) -> Result<(), Stop> {
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

    pub(super) fn gather(
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

    /// `gets BYTES`: exactly these bytes come next, on a connection that was dialled `raw`.
    pub(super) fn gets(&mut self, name: &str, raw: &mut Raw, step: &Step) -> Result<(), Stop> {
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

    pub(super) fn command_comes(
        &mut self,
        name: &str,
        raw: &mut Raw,
        step: &Step,
        wanted: &str,
    ) -> Result<(), Stop> {
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
    pub(super) fn quiet(&mut self, name: &str, raw: &mut Raw, step: &Step) -> Result<(), Stop> {
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

    pub(super) fn closed(&mut self, name: &str, raw: &mut Raw, step: &Step) -> Result<(), Stop> {
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
