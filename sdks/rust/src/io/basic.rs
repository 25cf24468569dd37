//! The basic profile: one connection for events, one for publishes, so that nothing crosses (EE-SDK-16).
//!
//! What is *owed* is kept: a request for an event is never sent twice on one connection (EE-CLIENT-3), and again on the
//! next one (EE-CLIENT-8, EE-SDK-17).

use std::collections::{BTreeSet, VecDeque};
use std::os::fd::RawFd;
use std::time::{Duration, Instant};

use bytes::Bytes;
use event_engine_protocol::basic::{is_reserved, parse_publish_reply, Reply};
use event_engine_protocol::constants::{CODE_BAD_COMMAND, LINGER_MS, NEXT_MSG, QUIT};

use super::link::{Change, Dial, Link};
use super::probe::Peer;
use crate::error::Unsettled;
use crate::options::Options;
use crate::{Error, Event};

/// Publishes that may be unanswered at an engine that serves several; below what it answers with a refusal.
const PIPELINE: u64 = 256;
/// Refused publishes that are remembered until their callers ask.
const REFUSED_MAX: usize = 1024;
/// A longer pause without a call does not count as time for which an engine was looked for.
const FRESH: Duration = Duration::from_secs(5);

pub(crate) struct Basic {
    dial: Dial,
    pipeline: u64,
    gone_after: Duration,
    events: Lane,
    /// A request for an event is unanswered.
    owed: bool,
    event: Option<Bytes>,
    /// Opened by the first publish.
    publishes: Option<Lane>,
    queued: VecDeque<Bytes>,
    last: u64,
    sent: u64,
    settled: u64,
    refused: BTreeSet<u64>,
    /// Publishes whose connection broke, and whether somebody was told.
    lost: Option<(u64, u64, bool)>,
    last_step: Instant,
    /// An answer was taken in since [`Basic::take_progress`].
    progress: bool,
    end: Option<End>,
}

enum End {
    Quit,
    Closed,
    Failed { error: Error, told: bool },
}

/// A connection, and since when it is gone.
struct Lane {
    link: Link,
    broken_since: Option<Instant>,
}

impl Lane {
    fn new(dial: &Dial) -> Self {
        Lane { link: Link::new(dial.clone()), broken_since: None }
    }

    fn step(&mut self, now: Instant, idle: Duration) -> Option<Change> {
        let change = self.link.step(now);
        match (change, &mut self.broken_since) {
            (Some(Change::Broken), since) => {
                since.get_or_insert(now);
            }
            // Time counts while somebody waits.
            (_, Some(since)) if idle > FRESH => *since += idle,
            _ => {}
        }
        change
    }

    fn receive(&mut self) -> Option<Vec<Bytes>> {
        let frames = self.link.receive()?;
        self.link.worked();
        self.broken_since = None;
        Some(frames)
    }

    fn send(&mut self, body: &[u8]) {
        self.link.send(b"", Some(body));
    }
}

impl Basic {
    pub(crate) fn new(dial: Dial, options: &Options, peer: Peer) -> Self {
        Basic {
            pipeline: if peer == Peer::Router { PIPELINE } else { 1 },
            gone_after: options.timeout,
            events: Lane::new(&dial),
            dial,
            owed: false,
            event: None,
            publishes: None,
            queued: VecDeque::new(),
            last: 0,
            sent: 0,
            settled: 0,
            refused: BTreeSet::new(),
            lost: None,
            last_step: Instant::now(),
            progress: false,
            end: None,
        }
    }

    pub(crate) fn step(&mut self, now: Instant) -> bool {
        if self.end.is_some() {
            return false;
        }
        let idle = now.saturating_duration_since(self.last_step);
        self.last_step = now;
        self.step_events(now, idle) || self.step_publishes(now, idle) || self.give_up(now)
    }

    fn step_events(&mut self, now: Instant, idle: Duration) -> bool {
        if let Some(mut frames) = self.events.receive() {
            self.progress = true;
            match (frames.pop(), frames.as_slice()) {
                (Some(body), [empty]) if empty.is_empty() && self.owed => {
                    self.owed = false;
                    self.event = Some(body);
                }
                _ => self.protocol("an answer came that was not asked for, or without its envelope"),
            }
            return true;
        }
        match self.events.step(now, idle) {
            Some(Change::Opened) if self.owed => {
                self.events.send(NEXT_MSG);
                true
            }
            change => change.is_some(),
        }
    }

    fn step_publishes(&mut self, now: Instant, idle: Duration) -> bool {
        let Some(lane) = &mut self.publishes else { return false };
        if let Some(mut frames) = lane.receive() {
            match (frames.pop(), frames.as_slice()) {
                (Some(body), [empty]) if empty.is_empty() && self.settled < self.sent => self.reply(&body),
                _ => self.protocol("an answer came that was not asked for, or without its envelope"),
            }
            self.send_queued();
            return true;
        }
        match lane.step(now, idle) {
            Some(Change::Broken) => {
                self.lose();
                true
            }
            Some(Change::Opened) => {
                self.send_queued();
                true
            }
            Some(Change::Ending) => true,
            None => self.send_queued(),
        }
    }

    /// The reply to the oldest unanswered publish.
    fn reply(&mut self, body: &[u8]) {
        self.settled += 1;
        match parse_publish_reply(body) {
            Reply::Published => {}
            Reply::BadMsg => {
                self.refused.insert(self.settled);
                if self.refused.len() > REFUSED_MAX {
                    self.refused.pop_first();
                }
            }
            Reply::Other => {
                self.settled -= 1;
                self.protocol("the answer to a publish is neither `msg published` nor `bad msg`");
            }
        }
    }

    fn send_queued(&mut self) -> bool {
        let mut any = false;
        while let Some(lane) = self.publishes.as_mut().filter(|lane| lane.link.is_open()) {
            if self.sent - self.settled >= self.pipeline {
                break;
            }
            let Some(event) = self.queued.pop_front() else { break };
            lane.send(&event);
            self.sent += 1;
            any = true;
        }
        any
    }

    /// The connection for publishes broke: what was unanswered may or may not be accepted, and what was to follow it is
    /// not sent.
    fn lose(&mut self) {
        if self.sent > self.settled {
            self.lost = Some((self.settled + 1, self.last, false));
            self.queued.clear();
            (self.sent, self.settled) = (self.last, self.last);
        }
    }

    /// Ends if an engine that is wanted was not found again for too long.
    fn give_up(&mut self, now: Instant) -> bool {
        if self.gives_up_at().is_none_or(|at| at > now) {
            return false;
        }
        let reason = format!("the engine at {} is gone", self.dial.endpoint);
        self.fail(Error::Closed { reason, unsettled: self.unsettled() });
        true
    }

    fn gives_up_at(&self) -> Option<Instant> {
        let events = self.events.broken_since.filter(|_| self.owed);
        let publishes = self.publishes.as_ref().and_then(|lane| lane.broken_since);
        let publishes = publishes.filter(|_| self.settled < self.last);
        [events, publishes].into_iter().flatten().min()?.checked_add(self.gone_after)
    }

    pub(crate) fn take_progress(&mut self) -> bool {
        std::mem::take(&mut self.progress)
    }

    pub(crate) fn timer(&self) -> Option<Instant> {
        let publishes = self.publishes.as_ref().and_then(|lane| lane.link.timer());
        [self.events.link.timer(), publishes, self.gives_up_at()].into_iter().flatten().min()
    }

    pub(crate) fn fds(&self, fds: &mut Vec<RawFd>) {
        self.events.link.fds(fds);
        if let Some(lane) = &self.publishes {
            lane.link.fds(fds);
        }
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn connections(&self) -> u64 {
        self.events.link.changes() + self.publishes.as_ref().map_or(0, |lane| lane.link.changes())
    }

    pub(crate) fn has_input(&self) -> bool {
        self.events.link.has_input() || self.publishes.as_ref().is_some_and(|lane| lane.link.has_input())
    }

    pub(crate) fn next(&mut self, alive: bool) -> Option<Result<Event, Error>> {
        if self.end.is_some() {
            return Some(Err(self.ended(alive)));
        }
        if self.event.is_none() && self.owed {
            self.step_events(Instant::now(), Duration::ZERO);
        }
        if let Some(event) = self.event.take() {
            return Some(Ok(Event::new(event, 0, false)));
        }
        if !self.owed {
            self.owed = true;
            if self.events.link.is_open() {
                self.events.send(NEXT_MSG);
            }
        }
        None
    }

    pub(crate) fn publish<E: AsRef<[u8]>>(&mut self, events: &[E]) -> Result<(u64, u64), Error> {
        if self.end.is_some() {
            return Err(self.ended(false));
        }
        if events.iter().any(|event| is_reserved(event.as_ref())) {
            return Err(Error::Rejected {
                code: CODE_BAD_COMMAND.into(),
                text: "an event of the basic profile must not begin with `plugin_command: `".into(),
                unsettled: None,
            });
        }
        if let Some((first, last, told @ false)) = &mut self.lost {
            *told = true;
            return Err(outcome_unknown(*first, *last));
        }
        let first = self.last + 1;
        self.last += events.len() as u64;
        self.queued.extend(events.iter().map(|event| Bytes::copy_from_slice(event.as_ref())));
        let dial = &self.dial;
        self.publishes.get_or_insert_with(|| Lane::new(dial));
        self.send_queued();
        Ok((first, self.last))
    }

    pub(crate) fn settled(&mut self, first: u64, last: u64, alive: bool) -> Option<Result<(), Error>> {
        if let Some((from, to, told)) =
            self.lost.as_mut().filter(|(from, to, _)| *from <= last && first <= *to)
        {
            *told = true;
            return Some(Err(outcome_unknown(*from, *to)));
        }
        if self.settled >= last {
            let refused: Vec<u64> = self.refused.range(first..=last.max(first)).copied().collect();
            self.refused.retain(|id| !refused.contains(id));
            return Some(match (refused.first(), refused.last()) {
                (Some(first), Some(last)) => Err(Error::Rejected {
                    code: "bad-msg".into(),
                    text: "the engine answered `bad msg`: is the event larger than its limit?".into(),
                    unsettled: Some(*first..=*last),
                }),
                _ => Ok(()),
            });
        }
        self.end.is_some().then(|| Err(self.ended(alive)))
    }

    /// All publishes are settled, or it is too late.
    pub(crate) fn settled_all(&self) -> bool {
        self.settled == self.last || self.end.is_some()
    }

    /// Says `quit` where it crosses with nothing, and closes; it goes out while the context is terminated.
    pub(crate) fn quit(&mut self) -> Result<(), Error> {
        match &self.end {
            Some(End::Quit) => return Ok(()),
            Some(_) => return Err(self.ended(false)),
            None => {}
        }
        let dial = &self.dial;
        let lane = match self.owed {
            false => &mut self.events,
            true => self.publishes.get_or_insert_with(|| Lane::new(dial)),
        };
        // Not the time before the lane was made: it opens from then on.
        lane.step(Instant::now(), Duration::ZERO);
        lane.send(QUIT);
        let unsettled = self.unsettled();
        self.finish(End::Quit);
        match unsettled {
            None => Ok(()),
            unsettled => Err(Error::Closed { reason: "the client has quit".into(), unsettled }),
        }
    }

    pub(crate) fn close(&mut self) {
        if self.end.is_none() {
            self.finish(End::Closed);
        }
    }

    fn finish(&mut self, end: End) {
        self.end = Some(end);
        let linger = Duration::from_millis(LINGER_MS);
        self.events.link.close(linger);
        if let Some(lane) = &mut self.publishes {
            lane.link.close(linger);
        }
        self.dial.context = None;
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.end.is_some()
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.end, Some(End::Quit | End::Closed))
    }

    fn protocol(&mut self, what: &str) {
        self.fail(Error::Protocol { what: what.to_owned(), unsettled: self.unsettled() });
    }

    fn fail(&mut self, error: Error) {
        self.finish(End::Failed { error, told: false });
    }

    fn unsettled(&self) -> Unsettled {
        (self.settled < self.last).then(|| self.settled + 1..=self.last)
    }

    fn ended(&mut self, alive: bool) -> Error {
        let unsettled = self.unsettled();
        let closed = |reason: &str| Error::Closed { reason: reason.to_owned(), unsettled: unsettled.clone() };
        match &mut self.end {
            Some(End::Failed { error, told }) => {
                if !std::mem::replace(told, true) || alive {
                    error.clone()
                } else {
                    closed(&error.to_string())
                }
            }
            Some(End::Quit) => closed("the client has quit"),
            _ => closed("the client was closed"),
        }
    }
}

fn outcome_unknown(first: u64, last: u64) -> Error {
    Error::Transport {
        what: "the connection broke before the engine answered; the events may or may not be published"
            .into(),
        unsettled: Some(first..=last),
    }
}
