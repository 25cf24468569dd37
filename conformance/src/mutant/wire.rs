//! Rules about messages on the wire.

use crate::case::{Argument, Bytes, Compare, Pattern, Variables};
use crate::header::{packed, unpacked, Header, CLIENT, ENGINE};
use crate::zmtp;

use super::rule::{Action, Place, Rule};
use super::Mutation;

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From client to engine.
    Up,
    /// From engine to client.
    Down,
}

impl Direction {
    fn prefix(self) -> &'static str {
        match self {
            Self::Up => CLIENT,
            Self::Down => ENGINE,
        }
    }
}

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Out {
    /// It goes on, perhaps changed.
    Forward(Vec<Vec<u8>>),
    /// This goes to its sender.
    Back(Vec<Vec<u8>>),
    /// This goes on before the next message of the direction does.
    Hold(Vec<Vec<u8>>),
    /// Nothing goes on for so many milliseconds.
    Pause(u64),
    /// The connection is closed on both sides.
    Close,
}

impl Mutation {
    /// Changes a message.
    pub(crate) fn message(&self, direction: Direction, frames: Vec<Vec<u8>>) -> Vec<Out> {
        let mut outs = vec![Out::Forward(frames)];
        for (index, rule) in self.rules.iter().enumerate() {
            if rule.place != Place::Wire(direction) {
                continue;
            }
            outs = outs
                .into_iter()
                .flat_map(|out| match out {
                    Out::Forward(frames) if holds(rule, direction, &frames) && self.count(index, rule) => {
                        changed(rule, direction, frames)
                    }
                    out => vec![out],
                })
                .collect();
        }
        outs
    }

    /// Changes the data of READY.
    pub(crate) fn ready(&self, direction: Direction, data: &[u8]) -> Vec<u8> {
        let mut properties: Vec<(String, Vec<u8>)> = ["Socket-Type", "Identity"]
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), zmtp::property(data, name)?.to_vec())))
            .collect();
        for (index, rule) in self.rules.iter().enumerate() {
            if rule.place != Place::Ready(direction) || !self.count(index, rule) {
                continue;
            }
            for argument in rule.actions.iter().flat_map(|action| &action.arguments) {
                match argument {
                    Argument::Key(name, _, value) => {
                        properties.retain(|(other, _)| other != name);
                        properties.push((name.clone(), value.clone().into_bytes()));
                    }
                    Argument::Word(name) => properties.retain(|(other, _)| other != name),
                    Argument::Bar => {}
                }
            }
        }
        let properties: Vec<(&str, &[u8])> =
            properties.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        zmtp::ready(&properties)
    }

    /// Whether a command such as PONG goes on.
    pub(crate) fn lets_through(&self, direction: Direction, name: &str) -> bool {
        !self.rules.iter().enumerate().any(|(index, rule)| {
            rule.place == Place::Command(direction)
                && rule
                    .conditions
                    .iter()
                    .all(|condition| matches!(condition, Argument::Word(word) if word == name))
                && self.count(index, rule)
        })
    }

    /// Whether the end of a connection is passed on to the other side.
    pub(crate) fn ends(&self, direction: Direction) -> bool {
        !self
            .rules
            .iter()
            .enumerate()
            .any(|(index, rule)| rule.place == Place::End(direction) && self.count(index, rule))
    }
}

/// Whether all conditions of a rule hold.
fn holds(rule: &Rule, direction: Direction, frames: &[Vec<u8>]) -> bool {
    let is_basic = frames.len() > 1 && frames.iter().take(frames.len() - 1).any(|frame| frame.is_empty());
    let header = (!is_basic).then(|| Header::read(frames.first()?, direction.prefix()).ok()).flatten();
    let last = frames.last().map(Vec::as_slice).unwrap_or_default();
    rule.conditions.iter().all(|condition| match condition {
        Argument::Word(word) => match word.as_str() {
            "basic" => is_basic,
            "session" => header.is_some(),
            "bus" => frames.len() == 1 && header.is_none(),
            key => key
                .strip_prefix("key.")
                .is_some_and(|key| header.as_ref().is_some_and(|header| header.get(key).is_some())),
        },
        Argument::Key(key, compare, value) => match key.as_str() {
            "verb" => header.as_ref().is_some_and(|header| value.split('/').any(|verb| header.verb == verb)),
            "frames" => value.parse() == Ok(frames.len()),
            "body" => Pattern::read(value)
                .and_then(|pattern| pattern.matches(last, &mut Variables::new()))
                .unwrap_or(false),
            key => {
                let Some(header) = &header else { return false };
                let key = key.strip_prefix("key.").unwrap_or(key);
                match compare {
                    Compare::Equal | Compare::Holds => header.get(key) == Some(value.as_bytes()),
                    Compare::AtMost => {
                        header.number(key).zip(value.parse().ok()).is_some_and(|(is, most)| is <= most)
                    }
                    Compare::AtLeast => {
                        header.number(key).zip(value.parse().ok()).is_some_and(|(is, least)| is >= least)
                    }
                }
            }
        },
        Argument::Bar => false,
    })
}

/// What a rule's actions make of a message.
fn changed(rule: &Rule, direction: Direction, frames: Vec<Vec<u8>>) -> Vec<Out> {
    let mut outs = vec![Out::Forward(frames)];
    for action in &rule.actions {
        if action.verb == "drop" {
            outs.retain(|out| !matches!(out, Out::Forward(_)));
            continue;
        }
        let mut more = Vec::new();
        outs = outs
            .into_iter()
            .flat_map(|out| match out {
                Out::Forward(frames) => act(action, direction, frames, &mut more),
                out => vec![out],
            })
            .collect();
        outs.extend(more);
    }
    outs
}

fn act(action: &Action, direction: Direction, mut frames: Vec<Vec<u8>>, more: &mut Vec<Out>) -> Vec<Out> {
    match action.verb.as_str() {
        "twice" => return vec![Out::Forward(frames.clone()), Out::Forward(frames)],
        "hold" => return vec![Out::Hold(frames)],
        "pause" => return vec![Out::Pause(number(action)), Out::Forward(frames)],
        "close" => return vec![Out::Close],
        "before" => return vec![Out::Forward(listed(action)), Out::Forward(frames)],
        "also" => more.push(Out::Forward(listed(action))),
        // First, for what goes on may end the connection.
        "back" => return vec![Out::Back(listed(action)), Out::Forward(frames)],
        "frames" => frames = listed(action),
        "frame" => frames.extend(listed(action)),
        "shift" => drop(frames.drain(..1.min(frames.len()))),
        "prepend" => drop(frames.splice(0..0, listed(action))),
        "body" => {
            frames.pop();
            frames.extend(listed(action));
        }
        "append" => {
            if let (Some(last), Some(more)) = (frames.last_mut(), listed(action).first()) {
                last.extend_from_slice(more);
            }
        }
        "cut" => {
            if let Some(last) = frames.last_mut() {
                last.pop();
            }
        }
        "upper" => {
            if let Some(last) = frames.last_mut() {
                last.make_ascii_uppercase();
            }
        }
        _ => session(action, direction, &mut frames),
    }
    vec![Out::Forward(frames)]
}

/// Actions on a header, and on the events behind it.
fn session(action: &Action, direction: Direction, frames: &mut [Vec<u8>]) {
    let Some((first, rest)) = frames.split_first_mut() else { return };
    let Ok(mut header) = Header::read(first, direction.prefix()) else { return };
    for argument in &action.arguments {
        match (action.verb.as_str(), argument) {
            ("set", Argument::Key(key, _, value)) => header.set(key, Some(value.clone().into_bytes())),
            ("unset", Argument::Word(key)) => header.set(key, None),
            ("add", Argument::Key(key, _, value)) => {
                let is = header.number(key).unwrap_or(0);
                let sum = is.saturating_add_signed(value.parse().unwrap_or(0));
                header.set(key, Some(sum.to_string().into_bytes()));
            }
            ("verb", Argument::Word(verb)) => header.verb.clone_from(verb),
            ("events", Argument::Word(how)) => {
                let Some(payload) = rest.first_mut() else { continue };
                let Ok(mut events) = unpacked(payload, header.number("count")) else { continue };
                match how.as_str() {
                    "reverse" => events.reverse(),
                    "first" => events.truncate(1),
                    "upper" => events.iter_mut().for_each(|event| event.make_ascii_uppercase()),
                    "cut" => {
                        events.iter_mut().for_each(|event| event.truncate(event.len().saturating_sub(1)))
                    }
                    _ => {}
                }
                if header.get("count").is_some() {
                    header.set("count", Some(events.len().to_string().into_bytes()));
                    *payload = packed(&events);
                } else if let Some(event) = events.pop() {
                    *payload = event;
                }
            }
            _ => {}
        }
    }
    *first = header.write(direction.prefix());
}

/// The frames that an action lists, between bars.
fn listed(action: &Action) -> Vec<Vec<u8>> {
    action
        .arguments
        .iter()
        .filter_map(|argument| match argument {
            Argument::Word(word) => Bytes::read(word).ok()?.value(&Variables::new()).ok(),
            _ => None,
        })
        .collect()
}

fn number(action: &Action) -> u64 {
    action
        .arguments
        .iter()
        .find_map(|argument| match argument {
            Argument::Word(word) => word.parse().ok(),
            _ => None,
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn what_goes_back_is_written_before_the_message_can_end_the_connection() -> Result<(), String> {
        let [quit, no] = [b"quit", &b"no"[..]].map(|body| vec![Vec::new(), body.to_vec()]);
        for (end, last) in [("", Out::Forward(quit.clone())), (" ; close", Out::Close)] {
            let rules = vec![Rule::read(&format!(r#"up body="quit" : back "" | "no"{end}"#))?];
            let mutation = Mutation { rules, counts: Mutex::new(vec![0]) };
            assert_eq!(mutation.message(Direction::Up, quit.clone()), [Out::Back(no.clone()), last]);
        }
        Ok(())
    }
}
