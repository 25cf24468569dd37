//! Sequences: what several connections of one plugin's port see, and a model of it.

use super::Hex;
use event_engine_protocol::basic::{body_start, parse_request, Request};
use event_engine_protocol::constants::{BAD_MSG, EVENT_MAX_BYTES, MSG_PUBLISHED};
use event_engine_protocol::filter::matches;
use serde::Deserialize;
use std::collections::VecDeque;

/// A plugin and what happens on its port, in this order.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// The plugin's filters.
    pub filters: Vec<Hex>,
    /// How many quits finish the plugin.
    pub replicas: usize,
    /// What happens.
    pub steps: Vec<Step>,
}

/// One thing that happens; the next one follows when the engine has dealt with it.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
#[allow(missing_docs)] // described in the README
pub enum Step {
    Send { client: String, frames: Vec<Hex> },
    Receive { client: String, frames: Vec<Hex> },
    Close { client: String },
    ApplicationPublishes { event: Hex },
}

/// What is left afterwards; no client has an unread reply.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// Events waiting in the plugin's queue.
    pub queued: usize,
    /// Requests for an event that wait.
    pub waiting: usize,
    /// True if the plugin has finished.
    pub finished: bool,
}

/// A request for an event: who asked, and the envelope to answer with.
struct Waiting {
    client: String,
    envelope: Vec<Hex>,
}

/// The smallest engine that a sequence needs: one plugin, no limits.
#[derive(Default)]
struct Model {
    queue: VecDeque<Hex>,
    waiting: VecDeque<Waiting>,
    unread: Vec<(String, Vec<Hex>)>,
    quits: usize,
    finished: bool,
}

/// Replays a sequence and returns the first thing that comes out otherwise.
///
/// # Errors
/// A sentence with the number of the step, from 1.
pub fn replay(given: &Given, expected: &Expected) -> Result<(), String> {
    let mut model = Model::default();
    for (index, step) in given.steps.iter().enumerate() {
        model.step(given, step).map_err(|text| format!("step {}: {text}", index + 1))?;
    }
    if let Some((client, frames)) = model.unread.first() {
        return Err(format!("at the end client {client} has not read {frames:?}"));
    }
    let left = (model.queue.len(), model.waiting.len(), model.finished);
    if left != (expected.queued, expected.waiting, expected.finished) {
        return Err(format!("at the end (queued, waiting, finished) is {left:?}"));
    }
    Ok(())
}

impl Model {
    fn step(&mut self, given: &Given, step: &Step) -> Result<(), String> {
        match step {
            Step::Send { client, frames } => self.request(given, client, frames)?,
            Step::ApplicationPublishes { event } => self.publish(given, event.clone()),
            Step::Close { client } => {
                self.waiting.retain(|waiting| waiting.client != *client);
                self.unread.retain(|(other, _)| other != client);
            }
            Step::Receive { client, frames } => {
                let position = self.unread.iter().position(|(other, _)| other == client);
                let reply = position.map(|position| self.unread.remove(position).1);
                if reply.as_ref() != Some(frames) {
                    return Err(format!("client {client} gets {reply:?}"));
                }
            }
        }
        self.hand_over();
        Ok(())
    }

    fn request(&mut self, given: &Given, client: &str, frames: &[Hex]) -> Result<(), String> {
        let start = body_start(frames).ok_or("the message has no envelope")?;
        let (envelope, body) = frames.split_at_checked(start).ok_or("the message has no body")?;
        // A newer request of a connection takes the place of its waiting one.
        self.waiting.retain(|waiting| waiting.client != client);
        match (parse_request(body, EVENT_MAX_BYTES), body) {
            (Request::NextMsg, _) => {
                self.waiting.push_back(Waiting { client: client.to_owned(), envelope: envelope.to_vec() });
            }
            (Request::Quit, _) => {
                self.quits += 1;
                if self.quits >= given.replicas {
                    self.finished = true;
                    self.queue.clear();
                    self.waiting.clear();
                }
            }
            (Request::Publish, [event]) => {
                self.reply(client, envelope, MSG_PUBLISHED);
                self.publish(given, event.clone());
            }
            _ => self.reply(client, envelope, BAD_MSG),
        }
        Ok(())
    }

    fn publish(&mut self, given: &Given, event: Hex) {
        if !self.finished && given.filters.iter().any(|filter| matches(&filter.0, &event.0)) {
            self.queue.push_back(event);
        }
    }

    fn hand_over(&mut self) {
        while !self.queue.is_empty() {
            let Some(waiting) = self.waiting.pop_front() else { break };
            if let Some(event) = self.queue.pop_front() {
                self.reply(&waiting.client, &waiting.envelope, &event.0);
            }
        }
    }

    fn reply(&mut self, client: &str, envelope: &[Hex], body: &[u8]) {
        let mut frames = envelope.to_vec();
        frames.push(Hex(body.to_vec()));
        self.unread.push((client.to_owned(), frames));
    }
}
