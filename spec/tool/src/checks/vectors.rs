//! Vectors have unique ids, name known requirements, and expect what the protocol crate says.

use crate::source::{Problem, Source};
use crate::vectors::{
    envelope, sequence, session, session_engine, wire, BadReason, Basic, Bus, File, Hex, Meaning, Message,
    Vector,
};
use crate::Spec;
use event_engine_protocol::basic::{
    body_start, parse_publish_reply, parse_request, BadRequest, Reply, Request,
};
use event_engine_protocol::constants::{
    BAD_MSG, BUS_SOCKET_TYPES, EVENT_MAX_BYTES, MSG_PUBLISHED, REQUEST_SOCKET_TYPES,
};
use event_engine_protocol::filter;
use std::collections::BTreeSet;

pub(super) fn check(spec: &Spec) -> Vec<Problem> {
    let mut problems = heads(spec);
    let vectors = &spec.vectors;
    problems.extend(outcomes(&vectors.basic, |vector| {
        compare(&basic(&vector.given, &vector.expect), &vector.expect)
    }));
    problems.extend(outcomes(&vectors.bus, |vector| compare(&bus(&vector.given), &vector.expect)));
    problems.extend(outcomes(&vectors.replies, |vector| {
        let meaning = match parse_publish_reply(&vector.given.reply.0) {
            Reply::Published => Meaning::Published,
            Reply::BadMsg => Meaning::BadMsg,
            Reply::Other => Meaning::Other,
        };
        compare(&meaning, &vector.expect.meaning)
    }));
    problems.extend(outcomes(&vectors.filters, |vector| {
        let event = &vector.given.event.0;
        let taken = vector.given.filters.iter().any(|filter| filter::matches(&filter.0, event));
        compare(&usize::from(taken), &vector.expect.copies)
    }));
    problems.extend(outcomes(&vectors.ambiguous, |vector| {
        let named: Vec<((), &Hex)> = vector.given.filters.iter().map(|filter| ((), filter)).collect();
        compare(&filter::ambiguous(&named), &vector.expect.pairs)
    }));
    problems.extend(outcomes(&vectors.sequences, |vector| sequence::replay(&vector.given, &vector.expect)));
    problems.extend(outcomes(&vectors.wire, |vector| wire(&vector.given, &vector.expect)));
    problems.extend(outcomes(&vectors.session_headers, |vector| {
        compare(&session::header(&spec.protocol.0, &vector.given)?, &vector.expect)
    }));
    problems.extend(outcomes(&vectors.session_batches, |vector| {
        compare(&session::unpack(&vector.given), &vector.expect)
    }));
    problems.extend(outcomes(&vectors.session_client, |vector| {
        session::client_steps(&vector.given, &vector.expect)
    }));
    problems.extend(outcomes(&vectors.session_engine, |vector| session_engine::steps(&vector.given)));
    problems.extend(outcomes(&vectors.envelope, |vector| envelope::belongs(&vector.given, &vector.expect)));
    problems
}

fn heads(spec: &Spec) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for head in spec.vectors.heads() {
        let mut report = |text: String| problems.push(problem_at(head.source, head.id, text));
        let folder = head.id.split_once('/').map(|(file, _)| format!("spec/vectors/{file}.json"));
        if folder.as_ref() != Some(&head.source.path) {
            report("the id does not begin with the name of its file and a slash".to_owned());
        }
        if !seen.insert(head.id) {
            report("the id stands twice".to_owned());
        }
        if head.requirements.is_empty() {
            report("it names no requirement".to_owned());
        }
        for id in head.requirements {
            match spec.registry.0.get(id) {
                None => report(format!("{id} is not in requirements.toml")),
                Some(requirement) => {
                    let case = format!("vector:{}", head.id);
                    if !requirement.cases.contains(&case) {
                        report(format!("{id} does not list {case} among its cases"));
                    }
                }
            }
        }
    }
    problems
}

fn problem_at(source: &Source, id: &str, text: String) -> Problem {
    source.problem_at(&format!("\"id\": \"{id}\""), format!("{id}: {text}"))
}

fn outcomes<G, E>(
    (file, source): &(File<G, E>, Source),
    outcome: impl Fn(&Vector<G, E>) -> Result<(), String>,
) -> Vec<Problem> {
    let wrong_format = (file.format != 1).then(|| source.problem_at("\"format\"", "the format is 1"));
    let failures = file
        .vectors
        .iter()
        .filter_map(|vector| outcome(vector).err().map(|text| problem_at(source, &vector.id, text)));
    wrong_format.into_iter().chain(failures).collect()
}

fn compare<T: PartialEq + std::fmt::Debug>(actual: &T, expected: &T) -> Result<(), String> {
    if actual == expected {
        Ok(())
    } else {
        Err(format!("expects {expected:?}, the protocol says {actual:?}"))
    }
}

/// What the protocol says of a message on a plugin's port; the event handed out is the vector's own.
fn basic(given: &Message, expected: &Basic) -> Basic {
    let heard = given.socket_type.as_deref().is_some_and(|kind| REQUEST_SOCKET_TYPES.contains(&kind));
    if !heard {
        return Basic::NotHeard;
    }
    let split = body_start(&given.frames).and_then(|start| given.frames.split_at_checked(start));
    let Some((envelope, body)) = split else { return Basic::NoEnvelope };
    let reply = |bytes: &[u8]| [envelope, &[Hex(bytes.to_vec())]].concat();
    match parse_request(body, given.event_max_bytes.unwrap_or(EVENT_MAX_BYTES)) {
        Request::NextMsg => {
            let event = match expected {
                Basic::NextMsg { event, .. } => event.clone(),
                _ => Hex(Vec::new()),
            };
            Basic::NextMsg { reply: reply(&event.0), event }
        }
        Request::Quit => Basic::Quit,
        Request::Publish => Basic::Publish { event: one_frame(body), reply: reply(MSG_PUBLISHED) },
        Request::Bad(bad) => {
            let reason = match bad {
                BadRequest::Reserved => BadReason::Reserved,
                BadRequest::MultiFrame { .. } => BadReason::MultiFrame,
                BadRequest::TooLarge { .. } => BadReason::TooLarge,
            };
            Basic::BadMsg { reason, reply: reply(BAD_MSG) }
        }
    }
}

/// What the protocol says of a message on the publish port.
fn bus(given: &Message) -> Bus {
    let heard = given.socket_type.as_deref().is_some_and(|kind| BUS_SOCKET_TYPES.contains(&kind));
    match given.frames.as_slice() {
        _ if !heard => Bus::NotHeard,
        [event] if event.0.len() > given.event_max_bytes.unwrap_or(EVENT_MAX_BYTES) => {
            Bus::Refused { reason: BadReason::TooLarge }
        }
        [event] => Bus::Publish { event: event.clone() },
        _ => Bus::Refused { reason: BadReason::MultiFrame },
    }
}

/// Octets decode; on a plugin's port each reply is what the request asks for.
fn wire(given: &wire::Given, expected: &wire::Expected) -> Result<(), String> {
    let requests = wire::messages(&given.client).map_err(|text| format!("client: {text}"))?;
    let replies = wire::messages(&expected.engine).map_err(|text| format!("engine: {text}"))?;
    if given.port != wire::Port::Plugin {
        return Ok(());
    }
    let mut replies = replies.into_iter();
    for frames in requests {
        let message = Message { socket_type: Some("REQ".to_owned()), frames, event_max_bytes: None };
        let wanted = match basic(&message, &Basic::Quit) {
            Basic::Publish { reply, .. } | Basic::BadMsg { reply, .. } => Some(reply),
            Basic::NextMsg { .. } => {
                replies.next().ok_or("the engine does not answer next_msg")?;
                continue;
            }
            Basic::Quit | Basic::NoEnvelope | Basic::NotHeard => None,
        };
        if let Some(wanted) = wanted {
            compare(&replies.next(), &Some(wanted))?;
        }
    }
    compare(&replies.next(), &None)
}

/// The event of a body that is published: its one frame.
fn one_frame(body: &[Hex]) -> Hex {
    body.first().cloned().unwrap_or_else(|| Hex(Vec::new()))
}
