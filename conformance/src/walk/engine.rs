//! The model of an engine's session: what a client may do, and what must come of it. A client of the plugin `client` walks; the
//! session `z` reads the plugin `sink`, which has room for two events, and `g` publishes for `client` and holds the start barrier.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::machine::{machines, Atom};
use super::script::Script;
use super::{name, Model};
use crate::case::{Case, Judged};

/// The room of the plugin that publishes wait for.
const ROOM: usize = 2;
/// A session's own states: those in which it has a connection and lives.
const ALIVE: [&str; 3] = ["welcomed", "waiting", "open"];

/// One thing that the outside does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// `hello`; `fresh`: on a new connection.
    Hello {
        fresh: bool,
    },
    /// `hello` that must be refused.
    BadHello,
    Ready,
    /// All but so many are handled, and so many more may come.
    Ack {
        back: u8,
        more: u8,
    },
    /// `ack` of what was not sent.
    BadAck,
    /// Events for the sink, or for nobody; `again`: behind one that was sent before.
    Publish {
        count: u8,
        up: bool,
        again: bool,
    },
    /// `publish` with a gap before it.
    BadPublish,
    Pong,
    Quit,
    BarrierOpens,
    /// The sink reads one event, so that one publish has room.
    Accepted,
    /// Somebody publishes for the walker.
    Queued,
    /// The application is stopped.
    Drained,
    Silence,
    Gone,
    GraceOver,
}

/// An event for the walker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Event {
    number: u16,
    redelivered: bool,
}

/// What the model knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Engine {
    script: Script,
    state: String,
    /// The barrier waits for `gate`.
    gated: bool,
    barrier_open: bool,
    connections: u8,
    /// The connection in use, and whether it is the session's.
    here: Option<u8>,
    attached: bool,
    /// `hello` was answered on this connection, and `ok` not said yet.
    handshake: bool,
    /// The first `ack` of the connection came.
    credited: bool,
    /// Events unacknowledged, and how many of them went over this connection.
    in_flight: Vec<Event>,
    sent_here: usize,
    queue: VecDeque<Event>,
    made: u16,
    sent: u16,
    acked: u16,
    upto: u16,
    /// Whether each publish of the session was for the sink.
    publishes: Vec<bool>,
    accepted: usize,
    /// What the sink has got, and how much of it is handled.
    sink: Vec<String>,
    handled: usize,
    sink_is_over: bool,
    /// The sink's reader has heard `ok`.
    sink_oked: bool,
    stopping: bool,
    stop_told: bool,
    was_gone: bool,
    ends: u8,
    rivals: u8,
    over: bool,
    uses: Uses,
}

/// What the application must be able to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Uses {
    sink: bool,
    gate: bool,
    ping: bool,
    stop: bool,
    one_replica: bool,
    short_grace: bool,
}

impl Model for Engine {
    type Input = Input;
    const JUDGED: Judged = Judged::Engine;

    fn begin(gated: bool) -> Self {
        Self {
            script: Script::default(),
            state: machines().engine.initial().to_owned(),
            gated,
            barrier_open: !gated,
            connections: 0,
            here: None,
            attached: false,
            handshake: false,
            credited: false,
            in_flight: Vec::new(),
            sent_here: 0,
            queue: VecDeque::new(),
            made: 0,
            sent: 0,
            acked: 0,
            upto: 0,
            publishes: Vec::new(),
            accepted: 0,
            sink: Vec::new(),
            handled: 0,
            sink_is_over: false,
            sink_oked: !gated,
            stopping: false,
            stop_told: false,
            was_gone: false,
            ends: 0,
            rivals: 0,
            over: false,
            uses: Uses { gate: gated, ..Uses::default() },
        }
    }

    fn alphabet() -> Vec<Input> {
        vec![
            Input::Hello { fresh: true },
            Input::Hello { fresh: false },
            Input::BadHello,
            Input::Ready,
            Input::Ack { back: 0, more: 2 },
            Input::BadAck,
            Input::Publish { count: 3, up: true, again: false },
            Input::Publish { count: 1, up: false, again: false },
            Input::BadPublish,
            Input::Pong,
            Input::Quit,
            Input::BarrierOpens,
            Input::Accepted,
            Input::Queued,
            Input::Drained,
            Input::Silence,
            Input::Gone,
            Input::GraceOver,
        ]
    }

    fn strategy() -> BoxedStrategy<Input> {
        let hello = any::<bool>().prop_map(|fresh| Input::Hello { fresh });
        let ack = (0..2_u8, 0..4_u8).prop_map(|(back, more)| Input::Ack { back, more });
        let publish = (1..4_u8, any::<bool>(), any::<bool>()).prop_map(|(count, up, again)| Input::Publish {
            count,
            up,
            again,
        });
        prop_oneof![
            6 => hello,
            8 => Just(Input::Ready),
            8 => ack,
            8 => publish,
            5 => Just(Input::Queued),
            4 => Just(Input::Accepted),
            3 => Just(Input::BarrierOpens),
            3 => Just(Input::Gone),
            2 => Just(Input::GraceOver),
            2 => Just(Input::Pong),
            1 => Just(Input::Silence),
            1 => Just(Input::BadHello),
            1 => Just(Input::BadAck),
            1 => Just(Input::BadPublish),
            1 => Just(Input::Drained),
            1 => Just(Input::Quit),
        ]
        .boxed()
    }

    fn enabled(&self, input: Input) -> bool {
        if self.over {
            return false;
        }
        let alive = ALIVE.contains(&self.state.as_str());
        let (open, quitting) = (self.state == "open", self.state == "quitting");
        let parked = self.parked() > 0;
        // Who has a connection says it there; the others have no session to lose.
        let speaks = alive || matches!(self.state.as_str(), "unknown" | "detached" | "quit");
        match input {
            Input::Hello { .. } => true,
            Input::BadHello => self.state == "unknown" || (alive && !parked),
            Input::Ready => speaks || (quitting && self.attached && self.handshake && self.barrier_open),
            Input::Ack { .. } | Input::Pong => speaks || (quitting && self.attached),
            Input::BadAck | Input::BadPublish => alive && !parked,
            Input::Publish { up, .. } => (speaks && !(up && self.stopping)) || (quitting && self.attached),
            Input::Quit => (speaks && !(alive && self.uses.one_replica)) || (quitting && self.attached),
            Input::BarrierOpens => self.state == "waiting",
            Input::Accepted => parked && (alive || self.state == "detached" || (quitting && self.attached)),
            Input::Queued => alive && !self.stopping && self.queue.len() < 4,
            Input::Drained => open && self.credited && !self.stopping && !parked,
            Input::Silence => alive,
            Input::Gone => alive || (quitting && self.attached),
            Input::GraceOver if quitting => !self.attached && !self.was_gone && !self.uses.one_replica,
            Input::GraceOver => {
                self.state == "detached"
                    && self.barrier_open
                    && !self.in_flight.is_empty()
                    && !parked
                    && !self.stopping
            }
        }
    }

    fn take(&mut self, input: Input) {
        self.script.taken.clear();
        match input {
            Input::Hello { fresh } => self.hello(fresh),
            Input::BadHello => self.bad_hello(),
            Input::Ready => self.ready(),
            Input::Ack { back, more } => self.ack(u16::from(back), u16::from(more)),
            Input::BadAck => {
                self.client(&format!("say ack seq={0} upto={0}", self.sent + 100));
                self.refused("ack", "bad-param", "22");
            }
            Input::Publish { count, up, again } => self.publish(usize::from(count), up, again),
            Input::BadPublish => {
                self.client(&format!("say publish id={} | \"void:gap\"", self.publishes.len() + 5));
                self.refused("publish", "bad-param", "30");
            }
            Input::Pong => {
                self.client("say pong");
                self.heard("pong");
            }
            Input::Quit => self.quit(),
            Input::BarrierOpens => self.barrier_opens(),
            Input::Accepted => self.room(),
            Input::Queued => self.queued(),
            Input::Drained => {
                self.uses.stop = true;
                self.stopping = true;
                self.script.say("engine stop");
                self.settle(false);
            }
            Input::Silence => {
                self.uses.ping = true;
                self.step("silence", None);
                self.hear("ping", "43");
            }
            Input::Gone => {
                self.client("close");
                self.step("gone", None);
                self.was_gone |= self.state == "detached";
                (self.here, self.attached) = (None, false);
            }
            Input::GraceOver => self.grace_over(),
        }
    }

    fn script(&self) -> &Script {
        &self.script
    }

    fn finish(mut self, id: &str, title: &str) -> Result<Case, String> {
        self.fence();
        if let Some(mistake) = &self.script.mistake {
            return Err(format!("{id}: {mistake}"));
        }
        let uses = &self.uses;
        let one = uses.one_replica || uses.short_grace;
        let mut prelude = vec![format!(
            "engine plugin client external subscribe=\"down:\"{}{}{}",
            if one { "" } else { " replicas=2" },
            // So that it is told to stop as soon as its own queue is empty.
            if uses.stop { " source=true" } else { "" },
            if self.ends > 0 { " redelivery-limit=1000" } else { "" }
        )];
        let mut needs = Vec::new();
        let mut need = |feature: &str, needed: bool| {
            if needed {
                needs.push(feature.to_owned());
            }
        };
        need("replicas", !one);
        need("limits", uses.sink);
        need("sessions", uses.ping || uses.short_grace || self.ends > 0);
        need("barrier", self.gated);
        need("stop", uses.stop);
        let mut add = |needed: bool, line: &str| {
            if needed {
                prelude.push(line.to_owned());
            }
        };
        add(uses.sink, &format!("engine plugin sink external subscribe=\"up:\" queue-events={ROOM}"));
        add(uses.gate, "engine plugin gate external subscribe=\"gate:\"");
        add(self.gated, "engine set wait-for-external-ms=60000");
        add(uses.ping, "engine set ping-ms=25");
        add(uses.short_grace, "engine set grace-ms=25");
        add(true, "engine start");
        add(uses.sink, "z dial sink");
        add(uses.sink, "z opens session=$z upto=1000 waiting");
        add(uses.sink && !self.gated, "z hear ok");
        add(uses.gate, "g dial gate");
        add(uses.gate, "g say hello version=1 session=$g client=conformance/1");
        add(uses.gate, "g hear welcome resumed=0 received=0");
        super::case(Judged::Engine, id, title, needs, &self.script.text(&prelude))
    }
}

impl Engine {
    /// Takes a transition of the machine.
    fn step(&mut self, on: &str, when: Option<&str>) -> Option<&'static Atom> {
        match machines().engine.find(&self.state, on, when) {
            Ok(atom) => {
                self.state.clone_from(&atom.to);
                self.script.taken.push(atom.number);
                Some(atom)
            }
            Err(mistake) => {
                self.script.mistake.get_or_insert(mistake);
                None
            }
        }
    }

    /// The name of the connection in use; one is dialled if there is none.
    fn connection(&mut self) -> String {
        let here = match self.here {
            Some(here) => here,
            None => self.dial(),
        };
        name(here)
    }

    fn dial(&mut self) -> u8 {
        let new = self.connections;
        self.connections += 1;
        self.here = Some(new);
        self.attached = false;
        self.script.say(format!("{} dial client", name(new)));
        new
    }

    fn client(&mut self, does: &str) {
        let connection = self.connection();
        self.script.say(format!("{connection} {does}"));
    }

    fn hear(&mut self, what: &str, requirements: &str) {
        let connection = self.connection();
        self.script.check(format!("{connection} hear {what}"), requirements);
    }

    /// A message that changes nothing in a session, or that there is none for.
    fn heard(&mut self, verb: &str) {
        let none = matches!(self.state.as_str(), "unknown" | "detached" | "quit");
        self.step(verb, None);
        if none {
            self.hear("error code=no-session", if self.ends > 0 { "16 49" } else { "16" });
        }
    }

    /// A message was refused, so the session is over.
    fn refused(&mut self, verb: &str, code: &str, requirements: &str) {
        self.step(verb, Some("it is refused"));
        self.hear(&format!("error code={code}"), requirements);
        self.end();
    }

    /// The session ends without having quit: what it has not acknowledged goes back, one more attempt counted.
    fn end(&mut self) {
        for event in self.in_flight.drain(..).rev() {
            self.queue.push_front(Event { redelivered: true, ..event });
        }
        self.attached = false;
        self.ends += 1;
        self.renew();
    }

    /// Another session begins to count.
    fn renew(&mut self) {
        (self.sent, self.acked, self.upto, self.sent_here) = (0, 0, 0, 0);
        self.publishes.clear();
        self.accepted = 0;
    }

    fn parked(&self) -> usize {
        self.publishes.len() - self.accepted
    }

    fn hello(&mut self, fresh: bool) {
        let before = self.here.filter(|_| self.attached);
        let own = !fresh && self.attached;
        if fresh || self.here.is_none() {
            self.dial();
        }
        let resumed = self.state != "unknown";
        self.client("say hello version=1 session=$s client=conformance/1");
        let quit = self.state == "quit";
        self.step("hello", None);
        if quit {
            self.hear("bye", "14");
            return;
        }
        let why = match (resumed, own) {
            (false, _) => "11",
            (true, true) => "13",
            (true, false) => "12",
        };
        let (flag, received) = (u8::from(resumed), self.publishes.len());
        self.hear(&format!("welcome version=1 resumed={flag} received={received}"), why);
        if resumed {
            self.hear(&format!("published id={}", self.accepted), "12 31");
        }
        if let Some(before) = before.filter(|before| Some(*before) != self.here) {
            self.script.check(format!("{} hear error code=superseded", name(before)), "12");
        }
        (self.attached, self.handshake, self.credited) = (true, true, false);
        (self.sent_here, self.stop_told) = (0, false);
    }

    fn bad_hello(&mut self) {
        if self.state == "unknown" {
            self.client("say hello version=0 session=$s client=conformance/1");
            self.step("hello", Some("no common version, or too many sessions"));
            self.hear("error code=unsupported-version versions=*", "15");
        } else {
            self.client("say hello version=1 session=$other client=conformance/1");
            self.refused("hello", "bad-param", "13");
        }
    }

    fn ready(&mut self) {
        self.client("say ready");
        match self.state.as_str() {
            "welcomed" if self.barrier_open => {
                self.step("ready", Some("the barrier is open"));
                self.ok();
            }
            "quitting" => {
                self.step("ready", None);
                self.handshake = false;
                self.hear("ok", "19");
            }
            _ => self.heard("ready"),
        }
    }

    fn ok(&mut self) {
        self.handshake = false;
        self.hear("ok", "19");
        if self.stopping && !self.credited {
            // An engine may say `stop` before the connection's first `ack`, if nothing is to be sent again.
            self.ack(0, 0);
        } else {
            self.settle(false);
        }
    }

    fn ack(&mut self, back: u16, more: u16) {
        if !ALIVE.contains(&self.state.as_str()) {
            self.client("say ack seq=0 upto=1");
            return self.heard("ack");
        }
        let seq = self.sent.saturating_sub(back);
        self.client(&format!("say ack seq={seq} upto={}", seq + more));
        self.step("ack", None);
        let handled = usize::from(seq.saturating_sub(self.acked));
        self.acked = self.acked.max(seq);
        self.upto = self.upto.max(seq + more);
        self.in_flight.drain(..handled.min(self.in_flight.len()));
        self.sent_here = self.sent_here.saturating_sub(handled);
        self.credited = true;
        self.settle(true);
    }

    /// What flows, now that something has changed.
    fn settle(&mut self, by_ack: bool) {
        if self.state != "open" || !self.credited {
            return;
        }
        let again = self.in_flight.split_off(self.sent_here);
        let resent = again.len();
        let first = self.sent + 1 - u16::try_from(resent).unwrap_or(0);
        let mut flowing = again.clone();
        self.in_flight.extend(again);
        while let Some(event) = self.queue.front().copied().filter(|_| self.sent < self.upto) {
            let alone = event.redelivered || self.in_flight.iter().any(|other| other.redelivered);
            if alone && !self.in_flight.is_empty() {
                break;
            }
            self.queue.pop_front();
            self.in_flight.push(event);
            flowing.push(event);
            self.sent += 1;
        }
        self.sent_here = self.in_flight.len();
        if !flowing.is_empty() {
            if !by_ack {
                self.step("queued", None);
            }
            let mut requirements = "20 21".to_owned();
            if resent > 0 {
                requirements.push_str(" 23");
            }
            let redelivered = flowing.iter().any(|event| event.redelivered);
            if redelivered {
                requirements.push_str(" 40 41");
            }
            let events: Vec<String> =
                flowing.iter().map(|event| format!("\"down:{}\"", event.number)).collect();
            let line =
                format!("events seq={first} redelivered={} {}", u8::from(redelivered), events.join(" "));
            let connection = self.connection();
            self.script.check(format!("{connection} {line}"), &requirements);
        }
        if self.stopping && self.queue.is_empty() && !self.stop_told {
            if !by_ack {
                self.step("drained", None);
            }
            self.stop_told = true;
            self.hear("stop reason=*", "47");
        }
    }

    fn event(&self, index: usize) -> String {
        let to = if self.publishes.get(index) == Some(&true) { "up" } else { "void" };
        format!("{to}:{}:{}", self.ends, index + 1)
    }

    fn publish(&mut self, count: usize, up: bool, again: bool) {
        if self.state == "quitting" {
            self.client(&format!("say publish id={} | \"void:late\"", self.publishes.len() + 1));
            self.step("publish", None);
            self.hear("error code=bad-command", "45");
            self.attached = false;
            return;
        }
        if !ALIVE.contains(&self.state.as_str()) {
            self.client("say publish id=1 | \"void:early\"");
            return self.heard("publish");
        }
        self.uses.sink |= up;
        let old = self.publishes.len();
        let from = if again && old > 0 { old - 1 } else { old };
        self.publishes.extend(std::iter::repeat_n(up, count));
        let events: Vec<String> =
            (from..self.publishes.len()).map(|index| format!("\"{}\"", self.event(index))).collect();
        let (id, events) = (from + 1, events.as_slice());
        match events {
            [event] => self.client(&format!("say publish id={id} | {event}")),
            _ => self.client(&format!(
                "say publish id={id} count={} | pack {}",
                events.len(),
                events.join(" ")
            )),
        }
        self.step("publish", None);
        self.admit();
    }

    /// Publishes that have room are accepted, which is said.
    fn admit(&mut self) {
        let before = self.accepted;
        while self.accepted < self.publishes.len() {
            if self.publishes.get(self.accepted) == Some(&true) && !self.sink_is_over {
                if self.sink.len() - self.handled >= ROOM {
                    break;
                }
                self.sink.push(self.event(self.accepted));
            }
            self.accepted += 1;
        }
        if self.accepted > before && self.attached {
            self.hear(&format!("published id={}", self.accepted), "30 31");
        }
    }

    fn room(&mut self) {
        if self.barrier_open {
            let event = self.sink.get(self.handled).cloned().unwrap_or_default();
            self.handled += 1;
            if !std::mem::replace(&mut self.sink_oked, true) {
                self.script.say("z hear ok");
            }
            self.script.say(format!("z events seq={} \"{event}\" more", self.handled));
            self.script.say(format!("z say ack seq={} upto=1000", self.handled));
        } else {
            // Nobody gets events before the start; but who has finished needs none.
            self.sink_is_over = true;
            self.script.say("z say quit");
            self.script.say("z hear bye");
        }
        let quitting = self.state == "quitting";
        let waits = self.parked();
        if !quitting {
            self.step("accepted", None);
        }
        self.admit();
        debug_assert!(self.parked() < waits);
        if quitting && self.parked() > 0 {
            self.step("accepted", None);
        } else if quitting {
            self.step("accepted", Some("none waits any more"));
            self.hear("bye", "45");
            self.has_quit();
        }
    }

    fn quit(&mut self) {
        self.client("say quit");
        match self.state.as_str() {
            "quitting" => {
                self.step("quit", None);
            }
            state if !ALIVE.contains(&state) => self.heard("quit"),
            _ if self.parked() > 0 => {
                self.step("quit", Some("publishes wait for room"));
                self.handshake = false;
                self.give_back();
            }
            _ => {
                self.step("quit", None);
                self.hear("bye", "45");
                self.has_quit();
            }
        }
    }

    fn has_quit(&mut self) {
        self.give_back();
        self.attached = false;
    }

    /// Unacknowledged events go back without an attempt counted.
    fn give_back(&mut self) {
        for event in self.in_flight.drain(..).rev() {
            self.queue.push_front(event);
        }
        self.sent_here = 0;
    }

    fn barrier_opens(&mut self) {
        self.barrier_open = true;
        self.script.say("g say ready");
        self.script.say("g hear ok");
        self.step("barrier opens", None);
        self.ok();
    }

    fn queued(&mut self) {
        self.uses.gate = true;
        self.made += 1;
        self.script.say(format!("g say publish id={0} | \"down:{0}\"", self.made));
        self.script.say(format!("g hear published id={}", self.made));
        self.queue.push_back(Event { number: self.made, redelivered: false });
        self.settle(false);
    }

    /// A new session takes the place of the one that has no connection, gets what that had not acknowledged, handles one event, and
    /// ends by a fault of its own; or, where publishes wait, the grace passes, and the plugin has finished.
    fn grace_over(&mut self) {
        if self.state == "quitting" {
            self.uses.short_grace = true;
            self.step("grace over", None);
            self.script.check("engine port client closed", "38 45");
            self.over = true;
            return;
        }
        self.uses.one_replica = true;
        self.rivals += 1;
        let first = self.in_flight.first().map_or(0, |event| event.number);
        self.step("grace over", None);
        self.end();
        self.queue.pop_front();
        self.here = None;
        let rival = self.connection();
        self.here = None;
        let id = self.rivals;
        let script = &mut self.script;
        script.say(format!("{rival} say hello version=1 session=$rival{id} client=conformance/1"));
        script.check(format!("{rival} hear welcome resumed=0 received=0"), "11");
        script.say(format!("{rival} say ready"));
        script.check(format!("{rival} hear ok"), "19");
        script.say(format!("{rival} say ack seq=0 upto=1"));
        script.check(format!("{rival} events seq=1 redelivered=1 \"down:{first}\""), "39 40 41");
        script.say(format!("{rival} say ack seq=1 upto=1"));
        script.say(format!("{rival} say ack seq=9 upto=9"));
        script.check(format!("{rival} hear error code=bad-param"), "22");
    }

    /// Something that must be answered shows that nothing else comes before.
    fn fence(&mut self) {
        if self.over {
            return;
        }
        match self.state.as_str() {
            state if ALIVE.contains(&state) && self.parked() == 0 => {
                let id = self.publishes.len() + 1;
                self.client(&format!("say publish id={id} | \"void:fence\""));
                self.hear(&format!("published id={id}"), "19 20 30 31 47");
            }
            "unknown" | "detached" | "quit" => {
                self.client("say pong");
                self.hear("error code=no-session", "16 49");
            }
            _ => self.script.say(format!("{} ping", self.here.map_or_else(|| "z".to_owned(), name))),
        }
    }
}

/// Why a transition cannot be caused from outside.
pub(super) fn reason(atom: &Atom) -> Option<&'static str> {
    let _ = atom;
    None
}
