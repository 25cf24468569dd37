//! The model of a client: what an engine and the client's caller may do, and what must come of it. The harness plays the engine. One
//! call at a time is under way, since not every library takes more; what the engine says is heard while there is one.

use proptest::prelude::*;

use super::machine::{machines, Atom};
use super::script::Script;
use super::{name, Model};
use crate::case::{Case, Judged};

/// The publish window that the engine tells.
const WINDOW: u16 = 2;
/// The states in which a session is open on a connection.
const OPEN: [&str; 3] = ["syncing", "running", "stopping"];
/// What an engine may say.
const VERBS: [&str; 8] = ["welcome", "ok", "events", "published", "ping", "stop", "bye", "error"];

/// One thing that the outside does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// The client's next connection is taken.
    Connected,
    Disconnected,
    /// The connection breaks, and the port is closed.
    Lost,
    GraceOver,
    /// `all`: the engine has taken all publishes that were sent, not only those that it has accepted.
    Welcome {
        all: bool,
    },
    /// The engine does not know the session any more.
    Forgotten,
    /// `welcome` that cannot be true.
    BadWelcome,
    Ok,
    Stop,
    Events {
        count: u8,
        redelivered: bool,
    },
    /// Events with a gap before them.
    BadEvents,
    /// One more publish is accepted.
    Published,
    /// `published` of what was not sent.
    BadPublished,
    Ping,
    Bye,
    Error {
        superseded: bool,
    },
    /// What cannot come now.
    Wrong(&'static str),
    CallNext,
    /// `next` with a time so short that it ends while the client connects.
    Glance,
    /// `brief`: the call's time is over before the engine has accepted anything.
    CallPublish {
        count: u8,
        brief: bool,
    },
    CallQuit,
    CallClose,
}

/// The call under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Call {
    None,
    Connect,
    Next,
    Publish,
    Quit,
}

/// What the model knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Client {
    script: Script,
    state: String,
    call: Call,
    connections: u8,
    here: Option<u8>,
    /// The client may have connected, which was not looked at yet.
    unseen: bool,
    /// `welcome`, `ok` came on this connection; `welcome` came at all.
    greeted: bool,
    oked: bool,
    welcomed: bool,
    breaks: u8,
    port_closed: bool,
    /// Whether each event that was said is a redelivered one; how many were returned, are handled, acknowledged.
    events: Vec<bool>,
    returned: usize,
    handled: usize,
    acked: usize,
    made: u16,
    sent: u16,
    settled: u16,
    stop_came: bool,
    quit_said: bool,
    /// `connect` has succeeded, so that other calls are possible.
    exists: bool,
}

impl Model for Client {
    type Input = Input;
    const JUDGED: Judged = Judged::Client;

    fn begin(_: bool) -> Self {
        let mut script = Script::default();
        script.say("listener open");
        script.say("client &call connect");
        Self {
            script,
            state: machines().client.initial().to_owned(),
            call: Call::Connect,
            connections: 0,
            here: None,
            unseen: false,
            greeted: false,
            oked: false,
            welcomed: false,
            breaks: 0,
            port_closed: false,
            events: Vec::new(),
            returned: 0,
            handled: 0,
            acked: 0,
            made: 0,
            sent: 0,
            settled: 0,
            stop_came: false,
            quit_said: false,
            exists: false,
        }
    }

    fn alphabet() -> Vec<Input> {
        let mut all = vec![
            Input::Connected,
            Input::Disconnected,
            Input::Lost,
            Input::GraceOver,
            Input::Welcome { all: false },
            Input::Forgotten,
            Input::BadWelcome,
            Input::Ok,
            Input::Stop,
            Input::Events { count: 2, redelivered: false },
            Input::BadEvents,
            Input::Published,
            Input::BadPublished,
            Input::Ping,
            Input::Bye,
            Input::Error { superseded: true },
            Input::CallNext,
            Input::CallPublish { count: 1, brief: false },
            Input::CallPublish { count: 3, brief: false },
            Input::CallPublish { count: 3, brief: true },
            Input::CallQuit,
            Input::CallClose,
            Input::Glance,
        ];
        all.extend(VERBS.map(Input::Wrong));
        all
    }

    fn strategy() -> BoxedStrategy<Input> {
        let welcome = any::<bool>().prop_map(|all| Input::Welcome { all });
        let events = (1..4_u8, prop::bool::weighted(0.3))
            .prop_map(|(count, redelivered)| Input::Events { count, redelivered });
        let publish = (1..4_u8).prop_map(|count| Input::CallPublish { count, brief: false });
        let error = any::<bool>().prop_map(|superseded| Input::Error { superseded });
        prop_oneof![
            12 => Just(Input::Connected),
            12 => welcome,
            12 => Just(Input::Ok),
            10 => events,
            10 => Just(Input::CallNext),
            6 => publish,
            8 => Just(Input::Published),
            4 => Just(Input::Ping),
            4 => Just(Input::Disconnected),
            1 => Just(Input::Stop),
            1 => Just(Input::CallQuit),
            1 => Just(Input::Bye),
            1 => error,
            1 => Just(Input::Forgotten),
            1 => prop::sample::select(VERBS.as_slice()).prop_map(Input::Wrong),
            1 => Just(Input::BadEvents),
            1 => Just(Input::BadPublished),
            1 => Just(Input::CallClose),
        ]
        .boxed()
    }

    fn enabled(&self, input: Input) -> bool {
        let state = self.state.as_str();
        let open = OPEN.contains(&state);
        let (greeting, quitting, ended) = (state == "greeting", state == "quitting", state == "ended");
        let met = self.here.is_some() && !self.greeted && self.call != Call::None && (greeting || quitting);
        let idle = self.call == Call::None && self.exists;
        let at_work = (open || (quitting && self.greeted)) && self.reads();
        match input {
            Input::Connected => {
                self.here.is_none()
                    && !self.port_closed
                    && self.call != Call::None
                    && (state == "connecting" || quitting)
            }
            Input::Disconnected => self.here.is_some() && (open || greeting || quitting || ended),
            Input::Lost => {
                let in_vain = quitting && self.greeted && self.sent < self.made;
                self.here.is_some() && self.welcomed && self.breaks == 0 && (open || greeting || in_vain)
            }
            // A closed port means that the plugin has finished, once `quit` was sent; only the window can withhold that for sure.
            Input::GraceOver => {
                self.port_closed
                    && (state == "connecting" || (quitting && self.here.is_none() && self.sent < self.made))
            }
            Input::Welcome { .. } | Input::BadWelcome => met,
            Input::Forgotten => met && self.welcomed,
            Input::Ok => self.reads() && (state == "syncing" || (quitting && self.greeted && !self.oked)),
            // A `connect` that meets `stop` may end with it or wait for `ok`; both are right.
            Input::Stop => {
                at_work
                    && self.call != Call::Connect
                    && !(state == "syncing" && self.call == Call::Next)
                    && self.events_are_settled()
            }
            Input::Events { redelivered, .. } => {
                at_work
                    && state != "syncing"
                    && (!quitting || self.oked)
                    && !(redelivered && !(state == "running" && self.call != Call::Publish))
            }
            Input::BadEvents => self.reads() && matches!(state, "running" | "stopping"),
            Input::Published => at_work && self.settled < self.sent,
            Input::BadPublished | Input::Ping => at_work,
            // Where it cannot be withheld by the window, it may have gone into a connection that was broken already.
            Input::Bye => {
                quitting && self.here.is_some() && (self.quit_said || (self.greeted && self.sent < self.made))
            }
            Input::Error { .. } => met || at_work,
            Input::Wrong(verb) => {
                let fault = machines().client.find(state, verb, None).is_ok_and(|atom| atom.fault);
                (ended && self.here.is_some()) || (fault && (greeting && met || open && self.reads()))
            }
            Input::CallNext => idle && !(self.stop_came && state != "stopping" && !ended),
            Input::Glance => {
                idle && state == "connecting" && !self.port_closed && !self.stop_came && self.is_empty()
            }
            Input::CallPublish { brief, .. } => idle && (!brief || (open && self.settled == self.made)),
            Input::CallQuit | Input::CallClose => idle,
        }
    }

    fn take(&mut self, input: Input) {
        self.script.taken.clear();
        // What an engine says is heard in a call.
        let caller = matches!(
            input,
            Input::CallNext
                | Input::Glance
                | Input::CallPublish { .. }
                | Input::CallQuit
                | Input::CallClose
                | Input::Connected
                | Input::Disconnected
                | Input::Lost
                | Input::GraceOver
        );
        if !caller && self.call == Call::None && self.state != "ended" {
            self.call_next();
        }
        match input {
            Input::Connected => {
                self.accept();
                self.step("connected", None);
            }
            Input::Disconnected => self.disconnected(),
            Input::Lost => {
                self.script.say("listener close");
                self.port_closed = true;
                self.disconnected();
            }
            Input::GraceOver => self.grace_over(),
            Input::Welcome { all } => self.welcome(all),
            Input::Forgotten => {
                self.say_welcome(0, 0);
                self.step("welcome", Some("resumed=0 after an earlier welcome"));
                self.fails("closed", "50");
            }
            Input::BadWelcome => {
                self.say_welcome(u8::from(self.welcomed), self.made + 5);
                self.step("welcome", Some("it cannot be true"));
                self.fails("protocol", "51");
            }
            Input::Ok => self.ok(),
            Input::Stop => self.stop(),
            Input::Events { count, redelivered } => {
                self.new_events(if redelivered { 1 } else { usize::from(count) }, redelivered);
            }
            Input::BadEvents => {
                self.engine(&format!("say events seq={} | \"gap\"", self.events.len() + 2));
                self.step("events", Some("they cannot be next, or exceed the credit"));
                self.fails("protocol", "24 51");
            }
            Input::Published => self.published(),
            Input::BadPublished => {
                self.engine(&format!("say published id={}", self.made + 3));
                self.step("published", Some("it was not sent"));
                self.fails("protocol", "51");
            }
            Input::Ping => {
                self.engine("say ping");
                self.step("ping", None);
                self.hears("hear pong", "44");
            }
            Input::Bye => self.bye(),
            Input::Error { superseded } => self.error(superseded),
            Input::Wrong(verb) => self.wrong(verb),
            Input::CallNext => self.call_next(),
            Input::Glance => {
                self.handled = self.returned;
                self.script.check("client next timeout=60 -> fails timeout", "EE-SDK-10");
                self.step("call next", None);
                self.step("connected", None);
                self.unseen = true;
            }
            Input::CallPublish { count, brief } => self.call_publish(u16::from(count), brief),
            Input::CallQuit => self.call_quit(),
            Input::CallClose => self.call_close(),
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
        // A connection that breaks once, and for good, needs no patience.
        let grace = if self.port_closed { "60" } else { "60000" };
        let text = self.script.text(&[]).replace("GRACE", grace);
        super::case(Judged::Client, id, title, vec!["timeouts".to_owned(), "batch".to_owned()], &text)
    }
}

impl Client {
    /// Takes a transition of the machine.
    fn step(&mut self, on: &str, when: Option<&str>) {
        match machines().client.find(&self.state, on, when) {
            Ok(atom) => {
                self.state.clone_from(&atom.to);
                self.script.taken.push(atom.number);
            }
            Err(mistake) => drop(self.script.mistake.get_or_insert(mistake)),
        }
    }

    /// Whether the client hears what comes: in a call, or in the one that begins for it.
    fn reads(&self) -> bool {
        let could =
            matches!(self.state.as_str(), "syncing" | "running") && self.is_empty() && !self.stop_came;
        self.here.is_some() && (self.call != Call::None || could)
    }

    /// Whether everything received was returned.
    fn is_empty(&self) -> bool {
        self.returned == self.events.len()
    }

    /// `stop` comes behind the last event; whether a client may then still say that there is one depends on nothing else.
    fn events_are_settled(&self) -> bool {
        self.is_empty() || self.call == Call::Publish || self.state == "quitting"
    }

    fn engine(&mut self, says: &str) {
        let here = name(self.here.unwrap_or(0));
        self.script.say(format!("{here} {says}"));
    }

    fn hears(&mut self, what: &str, requirements: &str) {
        let here = name(self.here.unwrap_or(0));
        self.script.check(format!("{here} {what}"), requirements);
    }

    /// The call under way ends.
    fn ends(&mut self, outcome: &str, requirements: &str) {
        self.call = Call::None;
        self.script.check(format!("client await &call{outcome}"), requirements);
    }

    fn fails(&mut self, kind: &str, requirements: &str) {
        self.ends(&format!(" -> fails {kind}"), requirements);
    }

    fn accept(&mut self) {
        self.here = Some(self.connections);
        self.connections += 1;
        (self.greeted, self.oked, self.unseen) = (false, false, false);
        self.engine("accept as=DEALER");
        self.hears("hear hello version=1 session=$s client=*", "10");
    }

    fn disconnected(&mut self) {
        if self.state != "ended" {
            // Its answer says that the client has got what came before the end.
            self.engine("ping");
        }
        self.engine("close");
        self.here = None;
        self.breaks = self.breaks.saturating_add(1);
        self.step("disconnected", None);
    }

    fn grace_over(&mut self) {
        self.step("grace over", None);
        match self.call {
            Call::None => self.script.check("client next -> fails closed", "EE-SDK-15"),
            Call::Quit => self.ends(" -> fails closed/timeout/transport", "EE-SDK-15 EE-SDK-23"),
            _ => self.fails("closed", "EE-SDK-15"),
        }
    }

    fn say_welcome(&mut self, resumed: u8, received: u16) {
        self.engine(&format!(
            "say welcome version=1 engine=conformance/1 plugin=client resumed={resumed} received={received} \
             max-event-bytes=1000000 publish-window={WINDOW} publish-window-bytes=16777216 ping-ms=30000 grace-ms=GRACE"
        ));
    }

    fn welcome(&mut self, all: bool) {
        let received = if all { self.sent } else { self.settled };
        self.say_welcome(u8::from(self.welcomed), received);
        if self.welcomed {
            self.engine(&format!("say published id={}", self.settled));
        }
        (self.welcomed, self.greeted) = (true, true);
        self.step("welcome", None);
        self.hears("hear ready", "18");
        self.hears(&format!("hear ack seq={}", self.handled), "18");
        self.acked = self.handled;
        self.sends(received, if received < self.sent { "18 35" } else { "18 29" });
        self.says_quit();
    }

    /// What is published, and not yet sent on this connection, goes out as far as the window allows.
    fn sends(&mut self, behind: u16, requirements: &str) {
        let last = self.made.min(self.settled + WINDOW).max(self.sent);
        if last > behind {
            let events: Vec<String> = (behind + 1..=last).map(|id| format!("\"p:{id}\"")).collect();
            self.hears(&format!("publishes id={} {}", behind + 1, events.join(" ")), requirements);
            self.sent = last;
        }
    }

    /// A client that quits says so behind its last publish.
    fn says_quit(&mut self) {
        if self.state == "quitting" && self.sent == self.made {
            self.hears("hear quit", "46");
            self.quit_said = true;
        }
    }

    fn ok(&mut self) {
        self.oked = true;
        self.engine("say ok");
        if self.state == "quitting" {
            return self.step("ok", None);
        }
        self.step("ok", self.stop_came.then_some("stop came before"));
        match self.call {
            Call::Connect => {
                self.exists = true;
                self.ends("", "EE-SDK-3");
            }
            Call::Next if self.stop_came => self.fails("closed", "48 EE-SDK-22"),
            _ => {}
        }
        // An engine sends again what is not acknowledged; the client has it.
        for index in self.acked..self.events.len() {
            let mark = if self.events.get(index) == Some(&true) { " redelivered=1" } else { "" };
            self.engine(&format!("say events seq={0}{mark} | \"e:{0}\"", index + 1));
        }
    }

    fn stop(&mut self) {
        self.engine("say stop reason=stopped");
        let waits = self.state == "running" && self.call == Call::Next;
        self.step("stop", None);
        self.stop_came = true;
        if waits {
            self.fails("closed", "48 EE-SDK-22");
        }
    }

    fn new_events(&mut self, count: usize, redelivered: bool) {
        let first = self.events.len() + 1;
        self.events.extend(std::iter::repeat_n(redelivered, count));
        let texts: Vec<String> = (first..first + count).map(|seq| format!("\"e:{seq}\"")).collect();
        let mark = if redelivered { " redelivered=1" } else { "" };
        match texts.as_slice() {
            [text] => self.engine(&format!("say events seq={first}{mark} | {text}")),
            _ => self.engine(&format!("say events seq={first} count={count} | pack {}", texts.join(" "))),
        }
        self.step("events", None);
        if self.call == Call::Next {
            self.returned += 1;
            let outcome = format!(" -> \"e:{first}\" sequence={first} redelivered={redelivered}");
            self.ends(&outcome, "EE-SDK-8");
        }
    }

    fn published(&mut self) {
        self.settled += 1;
        self.engine(&format!("say published id={}", self.settled));
        self.step("published", None);
        let held = self.sent < self.made;
        self.sends(self.sent, "29");
        if held {
            self.says_quit();
        }
        if self.call == Call::Publish && self.settled == self.made {
            self.ends(&format!(" -> id={}", self.made), "EE-SDK-11");
        }
    }

    fn bye(&mut self) {
        self.engine("say bye");
        if self.quit_said {
            self.step("bye", None);
            self.ends("", "46 EE-SDK-23");
        } else {
            self.step("bye", Some("quit was not sent yet"));
            self.fails("protocol", "51");
        }
    }

    fn error(&mut self, superseded: bool) {
        self.step("error", None);
        if superseded {
            self.engine("say error code=superseded | \"another connection has the session\"");
            self.fails("closed", "49 50");
        } else {
            self.engine("say error code=internal | \"the engine failed\"");
            self.fails("rejected code=internal", "49");
        }
    }

    fn wrong(&mut self, verb: &str) {
        match verb {
            "welcome" => self.say_welcome(1, self.settled),
            "events" => self.engine(&format!("say events seq={} | \"late\"", self.events.len() + 1)),
            "published" => self.engine(&format!("say published id={}", self.settled)),
            "stop" => self.engine("say stop reason=stopped"),
            "error" => self.engine("say error code=internal | \"the engine failed\""),
            other => self.engine(&format!("say {other}")),
        }
        self.step(verb, None);
        if self.call != Call::None {
            self.fails("protocol", "51");
        }
    }

    fn begins(&mut self, call: Call, does: &str) {
        self.call = call;
        self.script.say(format!("client &call {does}"));
        if self.unseen {
            self.accept();
        }
    }

    fn call_next(&mut self) {
        let before = self.handled;
        self.handled = self.returned;
        let redelivered = self.events.get(before..self.handled).is_some_and(|events| events.contains(&true));
        if self.state == "ended" {
            self.step("call next", None);
            return self.script.check("client next -> fails closed", "49 50");
        }
        if !self.is_empty() {
            self.returned += 1;
            let seq = self.returned;
            let mark = self.events.get(seq - 1) == Some(&true);
            self.script
                .check(format!("client next -> \"e:{seq}\" sequence={seq} redelivered={mark}"), "EE-SDK-8");
            if redelivered && self.greeted && self.here.is_some() {
                self.acks("27");
            }
        } else if self.state == "stopping" {
            self.script.check("client next -> fails closed", "48 EE-SDK-22");
            // It may have said so; nothing is waited for any more.
            self.acked = self.handled;
        } else {
            self.begins(Call::Next, "next");
            if OPEN.contains(&self.state.as_str()) {
                self.acks(if redelivered { "26 27" } else { "26" });
            }
        }
        self.step("call next", None);
    }

    /// What is handled is acknowledged.
    fn acks(&mut self, requirements: &str) {
        if self.handled > self.acked {
            self.hears(&format!("hear ack seq={}", self.handled), requirements);
            self.acked = self.handled;
        }
    }

    fn call_publish(&mut self, count: u16, brief: bool) {
        if self.state == "ended" {
            self.step("call publish", None);
            return self.script.check("client publish \"late\" -> fails closed", "49 50");
        }
        let events: Vec<String> =
            (self.made + 1..=self.made + count).map(|id| format!("\"p:{id}\"")).collect();
        self.made += count;
        let verb = if count == 1 { "publish" } else { "batch" };
        let timeout = if brief { " timeout=40" } else { "" };
        self.begins(Call::Publish, &format!("{verb} {}{timeout}", events.join(" ")));
        self.step("call publish", None);
        if OPEN.contains(&self.state.as_str()) {
            self.sends(self.sent, "29");
        }
        if brief {
            self.fails("timeout", "EE-SDK-10");
        }
    }

    fn call_quit(&mut self) {
        if self.state == "ended" {
            self.step("call quit", None);
            return self.script.check("client quit -> ok or fails closed", "EE-SDK-23");
        }
        self.handled = self.returned;
        // What was received and not returned is nobody's any more.
        self.begins(Call::Quit, "quit");
        let open = OPEN.contains(&self.state.as_str());
        self.step("call quit", None);
        if open {
            self.acks("46");
            self.says_quit();
        }
    }

    fn call_close(&mut self) {
        self.step("call close", None);
        self.script.check("client close", "EE-SDK-24");
        if self.here.is_some() {
            self.hears("closed", "EE-SDK-24");
        }
        self.here = None;
        // A client that is closed may be freed: there is no other call.
        self.exists = false;
    }

    /// Ends the walk so that nothing stays behind: the client hears that nothing goes on, or is closed.
    fn fence(&mut self) {
        for input in [Input::Connected, Input::Ping, Input::Error { superseded: false }, Input::CallNext] {
            if (input != Input::CallNext || self.state == "ended") && self.enabled(input) {
                self.take(input);
            }
        }
        if self.state != "ended" && self.enabled(Input::CallClose) {
            self.take(Input::CallClose);
        }
    }
}

/// Why a transition cannot be caused from outside.
pub(super) fn reason(atom: &Atom) -> Option<&'static str> {
    match (atom.from.as_str(), atom.on.as_str()) {
        ("connecting", on) if VERBS.contains(&on) => {
            Some("a library may let go of a connection before or after it reads what came last; nobody can tell from outside")
        }
        ("ended", "connected") => Some("a client that has ended does not connect"),
        ("quitting", "call next" | "call publish" | "call quit" | "call close") => {
            Some("`quit` is under way, and not every library takes two calls at a time")
        }
        _ => None,
    }
}
