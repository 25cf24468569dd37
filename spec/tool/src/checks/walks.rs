//! The steps of a client's vectors walk along `machine.toml`, and along all of it.

use crate::machine::{Machine, Transition};
use crate::source::Problem;
use crate::vectors::session::{ClientDo, ClientError, ClientGiven, ClientStep};
use crate::vectors::Hex;
use crate::Spec;
use event_engine_protocol::constants::{COMMAND_PREFIX, REPLY_PREFIX};
use event_engine_protocol::session::header::Header;
use event_engine_protocol::session::message::ToClient;
use std::collections::BTreeSet;

/// One place where a walk can come along: the number of a transition, one of its states, one of its causes.
type Edge<'a> = (usize, &'a str, &'a str);

pub(super) fn check(spec: &Spec) -> Vec<Problem> {
    let (machines, source) = &spec.machines;
    let (file, vectors) = &spec.vectors.session_client;
    let machine = &machines.client;
    let mut walked = BTreeSet::new();
    let mut problems = Vec::new();
    for vector in &file.vectors {
        if let Err(text) = walk(machine, &vector.given, &mut walked) {
            let place = format!("\"id\": \"{}\"", vector.id);
            problems.push(vectors.problem_at(&place, format!("{}: {text}", vector.id)));
        }
    }
    for (number, transition) in machine.transitions.iter().enumerate().filter(|(_, other)| !other.late) {
        for state in transition.from.get_ref() {
            // Time is no step of a vector.
            for cause in transition.on.iter().filter(|cause| *cause != "grace over") {
                if !walked.contains(&(number, state.as_str(), cause.as_str())) {
                    let when = transition.when.as_ref().map(|when| format!(" ({when})")).unwrap_or_default();
                    let text =
                        format!("no vector of session-client.json goes along {cause}{when} in {state}");
                    problems.push(source.problem(transition.from.span().start, text));
                }
            }
        }
    }
    problems
}

/// Follows the steps through the states in which the client may be; those that a step excludes are left.
fn walk<'a>(
    machine: &'a Machine,
    given: &ClientGiven,
    walked: &mut BTreeSet<Edge<'a>>,
) -> Result<(), String> {
    let mut states = BTreeSet::from([machine.initial.get_ref().as_str()]);
    for (index, step) in given.steps.iter().enumerate() {
        let said: Vec<String> = step.sends.iter().filter_map(|frames| verb(COMMAND_PREFIX, frames)).collect();
        let Some(cause) = cause(step) else {
            // What is malformed ends the session, whatever it is.
            states = BTreeSet::from(["ended"]);
            continue;
        };
        let mut edges = Vec::new();
        for (number, transition) in machine.transitions.iter().enumerate() {
            for state in transition.from.get_ref().iter().filter(|state| states.contains(state.as_str())) {
                if let Some(cause) = transition.on.iter().find(|other| **other == cause) {
                    if fits(transition, step, &said) {
                        edges.push(((number, state.as_str(), cause.as_str()), transition.to.as_str()));
                    }
                }
            }
        }
        if edges.is_empty() {
            return Err(format!(
                "step {}: machine.toml has no such outcome of {cause} in {states:?}",
                index + 1
            ));
        }
        states = edges.iter().map(|(_, to)| *to).collect();
        walked.extend(edges.into_iter().map(|(edge, _)| edge));
    }
    Ok(())
}

/// Whether a transition is what a step expects.
fn fits(transition: &Transition, step: &ClientStep, said: &[String]) -> bool {
    let mut allowed = transition.sends.iter();
    let mut said: Vec<&String> = said.iter().collect();
    said.dedup();
    let sends = said.iter().all(|verb| allowed.any(|other| other == *verb));
    let state = step.state.is_none_or(|state| state.name() == transition.to);
    let fault = transition.fault == matches!(step.error, Some(ClientError::Protocol));
    sends && state && fault
}

/// What a step is called in `machine.toml`; none for a message that is malformed.
fn cause(step: &ClientStep) -> Option<String> {
    Some(match step.what {
        ClientDo::Connected => "connected".to_owned(),
        ClientDo::Disconnected => "disconnected".to_owned(),
        ClientDo::Publish => "call publish".to_owned(),
        ClientDo::Next => "call next".to_owned(),
        ClientDo::Quit => "call quit".to_owned(),
        ClientDo::Close => "call close".to_owned(),
        ClientDo::Receive => {
            let frames = step.frames.as_deref().unwrap_or_default();
            ToClient::parse(frames).ok()?;
            verb(REPLY_PREFIX, frames)?
        }
    })
}

fn verb(prefix: &[u8], frames: &[Hex]) -> Option<String> {
    Some(Header::parse(prefix, frames.first()?.as_ref()).ok()?.verb().to_owned())
}
