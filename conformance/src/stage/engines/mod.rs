//! Steps of engines, by their testees.

mod watching;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use base64::engine::general_purpose::STANDARD as BASE64;
use base64::Engine as _;
use serde_json::{json, Map, Value};

use super::link::Link;
use super::outcome::{self, Knows};
use super::testee::{fields, Answer, NoAnswer, Testee};
use super::{number, Pending, Stage, Stop, START};
use crate::case::{Argument, Bytes, Judged, Step};
use crate::mutant::Mutation;
use crate::subject::{Engine, EngineWay};
use crate::zmtp::connection::{Connection, Heard, Reading};
use crate::zmtp::{self, Unit};

/// The running engine.
pub(super) enum EngineSide {
    /// By a testee.
    Testee(Testee),
    /// Only an address.
    Address(SocketAddr),
}

/// Keys of a plugin whose values are byte strings.
const BYTES_OF_PLUGIN: [&str; 2] = ["stop_event", "dead_letter"];

impl EngineSide {
    pub(super) fn faults(&self) -> Vec<String> {
        match self {
            Self::Testee(testee) => testee.faults(),
            Self::Address(_) => Vec::new(),
        }
    }

    pub(super) fn output(&self) -> String {
        match self {
            Self::Testee(testee) => testee.output(),
            Self::Address(_) => String::new(),
        }
    }

    /// An engine's process ends with its case, unless the engine says that it may serve others.
    pub(super) fn leave(self, well: bool, engine: &Engine) {
        if let (true, Self::Testee(testee)) = (well, self) {
            engine.put_back(testee);
        }
    }
}

impl Stage<'_> {
    /// Does a step of an engine.
    pub(super) fn engine(&mut self, step: &Step) -> Result<(), Stop> {
        match step.verb.as_str() {
            "plugin" => self.declare(step),
            "set" => self.set(step),
            "start" => self.start_application(step),
            "kill" => {
                self.engine = None;
                self.transcript.add("harness", "engine", "note", "the process is killed".to_owned());
                Ok(())
            }
            "restart" => self.restart(step),
            "ledger" => self.ledger(step),
            "log" => self.log(step),
            "port" => self.port_is(step),
            "memory" => self.memory(step),
            "idle" => self.idle(step),
            "threads" => self.threads(step),
            _ => self.ask_engine(step),
        }
    }

    fn declare(&mut self, step: &Step) -> Result<(), Stop> {
        let words: Vec<String> = step.words().map(str::to_owned).collect();
        let [name, kind] = words.as_slice() else {
            return Err(Stop::Mistake("engine plugin NAME external|internal key=value …".to_owned()));
        };
        let mut plugin = fields([("name", json!(name)), ("kind", json!(kind))]);
        let mut subscribe = Vec::new();
        for argument in &step.arguments {
            let Argument::Key(key, _, value) = argument else { continue };
            let key = key.replace('-', "_");
            match key.as_str() {
                "subscribe" => subscribe.push(Value::String(BASE64.encode(self.bytes(value)?))),
                key if BYTES_OF_PLUGIN.contains(&key) => {
                    plugin.insert(key.to_owned(), Value::String(BASE64.encode(self.bytes(value)?)));
                }
                _ => drop(plugin.insert(key, scalar(&self.word(value)?))),
            }
        }
        plugin.insert("subscribe".to_owned(), Value::Array(subscribe));
        let plugins = self.application.entry("plugins").or_insert_with(|| json!([]));
        if let Value::Array(plugins) = plugins {
            plugins.push(Value::Object(plugin));
        }
        Ok(())
    }

    fn set(&mut self, step: &Step) -> Result<(), Stop> {
        for argument in &step.arguments {
            let Argument::Key(key, _, value) = argument else {
                return Err(Stop::Mistake("engine set key=value …".to_owned()));
            };
            match key.strip_prefix("environment.") {
                Some(name) => {
                    let environment = self.application.entry("environment").or_insert_with(|| json!({}));
                    if let Value::Object(environment) = environment {
                        environment.insert(name.to_owned(), json!(value));
                    }
                }
                None => {
                    let value = scalar(&self.word(value)?);
                    self.application.insert(key.replace('-', "_"), value);
                }
            }
        }
        Ok(())
    }

    fn start_application(&mut self, step: &Step) -> Result<(), Stop> {
        if let EngineWay::Address(address) = &self.cast.engine.way {
            return self.start_address(*address);
        }
        if self.engine.is_none() {
            self.start_engine()?;
        }
        let application = Value::Object(self.application.clone());
        let answer = self.command(step, "start", fields([("application", application)]))?;
        let Some(answer) = answer else { return Ok(()) };
        if let Answer::Error(error) = &answer {
            if is_unsupported(error) {
                return Err(self.unsupported(error));
            }
        }
        if let Answer::Ok(ok) = &answer {
            self.ports.clear();
            for (name, port) in ok.get("ports").and_then(Value::as_object).into_iter().flatten() {
                self.keep_port(name, port);
            }
            for name in ["publish_port", "subscribe_port"] {
                if let Some(port) = ok.get(name) {
                    self.keep_port(&name.replace('_', "-"), port);
                }
            }
        }
        self.compare(step, &answer)?;
        match self.missing_port().filter(|_| matches!(answer, Answer::Ok(_))) {
            Some(name) => {
                let observed = format!("it has told no port called {name}: {}", outcome::told(&answer));
                Err(Stop::broken("the numbers of all ports", observed))
            }
            None => Ok(()),
        }
    }

    /// What it means that the engine cannot be set up so: nothing, where that takes a feature that it does not claim.
    fn unsupported(&self, error: &Map<String, Value>) -> Stop {
        let text = error.get("text").and_then(Value::as_str).unwrap_or_default();
        let claimed = &self.cast.engine.about().features;
        let missing: Vec<&str> = needs_of(&self.application)
            .into_iter()
            .filter(|feature| !claimed.iter().any(|it| it == feature))
            .collect();
        match (missing.is_empty(), self.case.judged) {
            (false, _) => Stop::NotApplicable(format!("the engine lacks {}: {text}", missing.join(", "))),
            (true, Judged::Engine) => {
                let observed = outcome::told(&Answer::Error(error.clone()));
                Stop::broken(
                    "the application starts: it takes nothing that the engine does not claim",
                    observed,
                )
            }
            (true, Judged::Client) => {
                Stop::CouldNotRun(format!("the engine cannot do what it claims: {text}"))
            }
        }
    }

    /// A port that the application has, and that the engine has not told.
    fn missing_port(&self) -> Option<String> {
        let plugins = self.application.get("plugins").and_then(Value::as_array).into_iter().flatten();
        let external = plugins.filter(|plugin| plugin.get("kind").is_some_and(|kind| kind == "external"));
        let names = external.filter_map(|plugin| plugin.get("name").and_then(Value::as_str));
        let bus = self.application.get("bus") == Some(&json!(true));
        let of_bus = ["publish-port", "subscribe-port"].into_iter().filter(|_| bus);
        names.chain(of_bus).find(|name| !self.ports.contains_key(*name)).map(str::to_owned)
    }

    fn keep_port(&mut self, name: &str, port: &Value) {
        if let Some(port) = port.as_u64().and_then(|port| u16::try_from(port).ok()) {
            self.ports.insert(name.to_owned(), port);
            self.variables.insert(format!("port.{name}"), port.to_string().into_bytes());
        }
    }

    /// An address is one plugin that takes everything, and nothing else.
    fn start_address(&mut self, address: SocketAddr) -> Result<(), Stop> {
        let plugins = self.application.get("plugins").and_then(Value::as_array).cloned().unwrap_or_default();
        let fits = match plugins.as_slice() {
            [plugin] => {
                plugin.get("kind") == Some(&json!("external"))
                    && plugin.get("subscribe") == Some(&json!([""]))
                    && plugin.as_object().is_some_and(|plugin| plugin.len() == 3)
                    && self.application.len() == 1
            }
            _ => false,
        };
        if !fits {
            return Err(Stop::NotApplicable(
                "the engine is only an address: it cannot be set up for this".to_owned(),
            ));
        }
        let says = |words: &[&str]| {
            self.case.steps.iter().any(|step| words.iter().any(|word| step.text.contains(word)))
        };
        // In a text, and in the hex of vectors.
        if says(&["quit", "71756974"]) {
            let why = "the engine is only an address: its plugin would finish with this case, and no other could follow";
            return Err(Stop::NotApplicable(why.to_owned()));
        }
        if self.case.profiles.iter().any(|profile| profile == "session") || says(&[" opens"]) {
            let why = "the engine is only an address: sessions that cases leave behind would disturb those that follow";
            return Err(Stop::NotApplicable(why.to_owned()));
        }
        empty(address).map_err(|error| {
            Stop::CouldNotRun(format!("the engine at {address} does not serve: {error}; start it again"))
        })?;
        if let Some(name) = plugins.first().and_then(|plugin| plugin.get("name")).and_then(Value::as_str) {
            self.ports.insert(name.to_owned(), address.port());
        }
        self.engine = Some(EngineSide::Address(address));
        Ok(())
    }

    fn start_engine(&mut self) -> Result<(), Stop> {
        let limit = START.mul_f64(self.cast.time_scale);
        let testee = self.cast.engine.start(limit).map_err(Stop::CouldNotRun)?;
        testee.enter(&self.transcript, self.mutation(Judged::Engine));
        self.engine = Some(EngineSide::Testee(testee));
        Ok(())
    }

    /// Another process with the same application at the same ports.
    fn restart(&mut self, step: &Step) -> Result<(), Stop> {
        self.engine = None;
        let ports = self.ports.clone();
        if let Some(Value::Array(plugins)) = self.application.get_mut("plugins") {
            for plugin in plugins.iter_mut().filter_map(Value::as_object_mut) {
                let name = plugin.get("name").and_then(Value::as_str).unwrap_or_default();
                if let Some(port) = ports.get(name) {
                    let port = json!(port);
                    plugin.insert("port".to_owned(), port);
                }
            }
        }
        self.start_application(step)?;
        for link in self.links.values() {
            link.accept()?;
        }
        Ok(())
    }

    /// Every other command.
    fn ask_engine(&mut self, step: &Step) -> Result<(), Stop> {
        if step.verb == "await" {
            let label = step.label.clone().unwrap_or_default();
            let pending =
                self.pending.remove(&label).ok_or_else(|| format!("nothing is under way as &{label}"))?;
            let deadline = self.until(step)?;
            let answer = self.wait_for(&pending.call, deadline)?;
            return self.compare(step, &answer);
        }
        let mut words = step.words().map(str::to_owned).collect::<Vec<_>>().into_iter();
        let mut command = Map::new();
        let op = match step.verb.as_str() {
            verb @ ("publish" | "next" | "started" | "return" | "fail" | "panic") => {
                let plugin = words.next().ok_or_else(|| format!("engine {verb} PLUGIN …"))?;
                command.insert("plugin".to_owned(), json!(plugin));
                verb
            }
            verb @ ("stop" | "wait" | "juggle" | "hello") => verb,
            verb => return Err(Stop::Mistake(format!("an engine cannot `{verb}`"))),
        };
        match op {
            "publish" => {
                let mut data = Vec::new();
                for word in words {
                    for bytes in Bytes::read_list(&word)? {
                        data.push(Value::String(BASE64.encode(bytes.value(&self.variables)?)));
                    }
                }
                command.insert("data".to_owned(), Value::Array(data));
            }
            "fail" | "panic" => {
                let text = self.bytes(&words.next().unwrap_or_else(|| "\"failed\"".to_owned()))?;
                command.insert("text".to_owned(), json!(String::from_utf8_lossy(&text)));
            }
            "next" | "wait" => {
                let ms = step.key("timeout").map(number).transpose()?.unwrap_or(4000);
                command.insert("timeout_ms".to_owned(), json!(ms));
            }
            _ => {}
        }
        let op = op.to_owned();
        match self.command(step, &op, command)? {
            // Only a case about that expects it.
            Some(Answer::Error(error)) if is_unsupported(&error) && step.outcomes.is_empty() => {
                Err(Stop::NotApplicable(format!("the engine cannot be told to `{op}`")))
            }
            Some(answer) => self.compare(step, &answer),
            None => Ok(()),
        }
    }

    /// Gives a command to the engine's testee; `None` if the step only begins it.
    fn command(&mut self, step: &Step, op: &str, fields: Map<String, Value>) -> Result<Option<Answer>, Stop> {
        let deadline = self.until(step)?;
        let call = match &mut self.engine {
            Some(EngineSide::Testee(testee)) => testee.call(op, fields),
            Some(EngineSide::Address(_)) => {
                return Err(Stop::NotApplicable(
                    "the engine is only an address: it cannot be asked".to_owned(),
                ))
            }
            None => return Err(Stop::Mistake("the engine is not started".to_owned())),
        };
        if let Some(label) = &step.label {
            self.pending.insert(label.clone(), Pending { client: usize::MAX, call, begun: Instant::now() });
            return Ok(None);
        }
        self.wait_for(&call, deadline).map(Some)
    }

    fn wait_for(&mut self, call: &super::testee::Call, deadline: Instant) -> Result<Answer, Stop> {
        let Some(EngineSide::Testee(testee)) = &mut self.engine else {
            return Err(Stop::Mistake("the engine is not started".to_owned()));
        };
        match testee.wait(call, deadline) {
            Ok(answer) => Ok(answer),
            Err(NoAnswer::Late) => {
                Err(Stop::broken(format!("an answer to `{}` in time", call.op), "there is none"))
            }
            Err(NoAnswer::Gone(how)) => Err(Stop::broken(format!("an answer to `{}`", call.op), how)),
        }
    }

    fn compare(&mut self, step: &Step, answer: &Answer) -> Result<(), Stop> {
        let knows = Knows { all_fields: true, features: &[] };
        outcome::check(step, answer, &knows, &mut self.variables)
            .map_err(|expected| Stop::broken(expected, outcome::told(answer)))
    }

    /// A port's number.
    pub(super) fn port(&self, name: &str) -> Result<u16, Stop> {
        let port = self.ports.get(name).copied();
        port.ok_or_else(|| Stop::Mistake(format!("the engine has told no port called {name}")))
    }

    /// The address that leads to `target`: by a link, always the same for the same name.
    pub(super) fn link_to(
        &mut self,
        name: &str,
        target: SocketAddr,
        names: (&str, &str),
        mutation: Option<&std::sync::Arc<Mutation>>,
    ) -> Result<SocketAddr, Stop> {
        if let Some(link) = self.links.get(name) {
            return Ok(link.address());
        }
        let link = Link::open(target, names, &self.transcript, mutation)?;
        let address = link.address();
        self.links.insert(name.to_owned(), link);
        Ok(address)
    }

    /// The address of an engine's port for a raw connection: by a link only where a mutant has to be between.
    pub(super) fn direct(&mut self, port: &str) -> Result<SocketAddr, Stop> {
        let target = match &self.engine {
            Some(EngineSide::Address(address)) => *address,
            _ => SocketAddr::from(([127, 0, 0, 1], self.port(port)?)),
        };
        match self.mutation(Judged::Engine).cloned() {
            Some(mutation) if mutation.is_on_the_wire() => {
                self.link_to(port, target, ("harness", "engine"), Some(&mutation))
            }
            _ => Ok(target),
        }
    }
}

/// What an engine must have for an application: features, and keys that no feature promises, alone or with others.
fn needs_of(application: &Map<String, Value>) -> Vec<&str> {
    let plugins = application.get("plugins").and_then(Value::as_array).into_iter().flatten();
    let keys = plugins.filter_map(Value::as_object).chain([application]).flatten();
    let needs = keys.filter_map(|(key, value)| {
        Some(match key.as_str() {
            "plugins" | "name" | "subscribe" => return None,
            "kind" if value == "external" => return None,
            "port" if value.as_u64().is_some_and(|port| port <= 65_535) => return None,
            "kind" => "internal",
            "bus" | "publish_port" | "subscribe_port" => "bus",
            "max_event_bytes" => "event-limit",
            "ping_ms" | "grace_ms" | "redelivery_limit" | "dead_letter" => "sessions",
            "heartbeat_ms" => "heartbeat",
            "stop_within_ms" | "source" => "stop",
            "until_done" => "until-done",
            "wait_for_external_ms" | "laggards" => "barrier",
            "queue_events" | "queue_bytes" | "overflow" => "limits",
            "replicas" => "replicas",
            "stop_event" => "stop-event",
            "api" if value == "own" => return None,
            "api" => "seed-api",
            "allow_ambiguous_filters" | "port" => "builder",
            "bind" | "environment" => "bind",
            key => key,
        })
    });
    needs.collect()
}

fn is_unsupported(error: &Map<String, Value>) -> bool {
    error.get("kind").and_then(Value::as_str) == Some("unsupported")
}

/// Takes what earlier cases have left in the queue of a plugin whose engine is only an address.
fn empty(address: SocketAddr) -> std::io::Result<()> {
    const PATIENCE: Duration = Duration::from_millis(100);
    let mut connection = Connection::dial(address, START, Reading::Units)?;
    connection.write(&zmtp::greeting())?;
    let mut deadline = Instant::now() + START;
    while let Some(heard) = connection.hear(deadline) {
        match heard {
            Heard::Unit(Unit::Greeting(_)) => {
                connection.write(&zmtp::ready(&[("Socket-Type", b"REQ")]))?;
            }
            Heard::Unit(Unit::Command(name, _)) if name != "READY" => {}
            Heard::Unit(_) => {
                connection.write(&zmtp::message(&[b"".as_slice(), b"plugin_command: next_msg"]))?;
                deadline = Instant::now() + PATIENCE;
            }
            Heard::Bytes(_) => {}
            Heard::Closed => return Err(std::io::ErrorKind::ConnectionReset.into()),
        }
    }
    Ok(())
}

/// A word as JSON: a number, true, false, or a text.
fn scalar(value: &str) -> Value {
    serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.trim_matches('"').to_owned()))
}
