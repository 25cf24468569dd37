//! Steps of engines, by their testees.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use base64::engine::general_purpose::STANDARD as BASE64;
use base64::Engine as _;
use serde_json::{json, Map, Value};

use super::link::Link;
use super::outcome::{self, Knows};
use super::raw::Raw;
use super::testee::{fields, Answer, NoAnswer, Testee};
use super::{number, Pending, Stage, Stop, LOOK_EVERY, START};
use crate::case::{shown, Argument, Bytes, Judged, Step};
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

/// Between two events that are published to see whether a subscription has taken effect.
const TUNE_EVERY: Duration = Duration::from_millis(10);

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

    /// Asks for the ledger until it is as the step says, or time is up.
    fn ledger(&mut self, step: &Step) -> Result<(), Stop> {
        let plugin = step.words().next().map(str::to_owned);
        let deadline = self.until(step)?;
        loop {
            let answer = self.command(step, "ledger", Map::new())?;
            let Some(Answer::Ok(ledger)) = answer else {
                return Err(Stop::broken(
                    "a ledger",
                    answer.map_or_else(String::new, |it| outcome::told(&it)),
                ));
            };
            let mut wrong = None;
            for argument in &step.arguments {
                let Argument::Key(key, compare, value) = argument else { continue };
                if matches!(key.as_str(), "within" | "after") {
                    continue;
                }
                let key = key.replace('-', "_");
                let path = match plugin.as_deref() {
                    None | Some("total") => key.clone(),
                    Some(plugin) => format!("plugins.{plugin}.{key}"),
                };
                if !outcome::field(&ledger, &path, *compare, value, &mut self.variables)? {
                    wrong = Some(format!("{path} {value}"));
                }
            }
            let balances = ledger.get("balances").is_none_or(|balances| balances == true);
            match wrong {
                None if balances => return Ok(()),
                _ if Instant::now() < deadline => std::thread::park_timeout(LOOK_EVERY * 2),
                None => {
                    return Err(Stop::broken("a ledger that balances", Value::Object(ledger).to_string()))
                }
                Some(wrong) => return Err(Stop::broken(wrong, Value::Object(ledger).to_string())),
            }
        }
    }

    /// Looks for a line of the log that holds all of the texts, or, after `no`, that there is none.
    fn log(&mut self, step: &Step) -> Result<(), Stop> {
        let deadline = self.until(step)?;
        let absent = step.has("no");
        let level = step.key("level").map(str::to_owned);
        let count = step.arguments.iter().find_map(|argument| match argument {
            Argument::Key(key, compare, value) if key == "count" => Some((*compare, value.clone())),
            _ => None,
        });
        let mut wanted = Vec::new();
        for word in step.words().filter(|word| *word != "no") {
            let text = self.bytes(word.trim_start_matches('~'))?;
            wanted.push(String::from_utf8_lossy(&text).to_lowercase());
        }
        loop {
            let answer = self.command(step, "logs", Map::new())?;
            let Some(Answer::Ok(logs)) = answer else {
                let claims = self.cast.engine.about().features.iter().any(|feature| feature == "logs");
                let Some(answer) = answer.filter(|_| claims) else {
                    return Err(Stop::NotApplicable("the engine shows no log".to_owned()));
                };
                return Err(Stop::broken("the log", outcome::told(&answer)));
            };
            let lines = logs.get("lines").and_then(Value::as_array).cloned().unwrap_or_default();
            let fitting = lines.iter().filter(|line| {
                let text = line.get("text").and_then(Value::as_str).unwrap_or_default().to_lowercase();
                let fits = level.as_deref().is_none_or(|level| line.get("level") == Some(&json!(level)));
                fits && wanted.iter().all(|part| text.contains(part))
            });
            let fitting = fitting.count();
            let found = match &count {
                None => fitting > 0,
                Some((compare, value)) => {
                    let counted = fields([("count", json!(fitting))]);
                    outcome::field(&counted, "count", *compare, value, &mut self.variables)?
                }
            };
            if found != absent {
                return Ok(());
            }
            if absent || Instant::now() >= deadline {
                let often = count.map(|(_, value)| format!(", {value} times")).unwrap_or_default();
                let wanted = format!(
                    "{} line of the log with {}{often}",
                    if absent { "no" } else { "a" },
                    wanted.join(", ")
                );
                return Err(Stop::broken(wanted, Value::Array(lines).to_string()));
            }
            std::thread::park_timeout(LOOK_EVERY * 2);
        }
    }

    /// Waits until a port is open or closed; or looks where it is open.
    fn port_is(&mut self, step: &Step) -> Result<(), Stop> {
        let words: Vec<String> = step.words().map(str::to_owned).collect();
        if let ([name], Some(wanted)) = (words.as_slice(), step.key("at")) {
            let found = listeners(self.port(name)?).ok_or_else(|| {
                Stop::NotApplicable("the system does not show who listens where".to_owned())
            })?;
            return if !found.is_empty() && found.iter().all(|address| address == wanted) {
                Ok(())
            } else {
                Err(Stop::broken(format!("port {name} at {wanted} and nowhere else"), found.join(", ")))
            };
        }
        let [name, wanted] = words.as_slice() else {
            return Err(Stop::Mistake("engine port NAME open|closed, or at=ADDRESS".to_owned()));
        };
        let address = SocketAddr::from(([127, 0, 0, 1], self.port(name)?));
        let deadline = self.until(step)?;
        loop {
            let open = TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok();
            if open == (wanted == "open") {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(Stop::broken(
                    format!("port {name} {wanted}"),
                    if open { "open" } else { "closed" },
                ));
            }
            std::thread::park_timeout(LOOK_EVERY);
        }
    }

    /// `memory mark`, then `memory within MIB`: what the process's memory has grown by since.
    fn memory(&mut self, step: &Step) -> Result<(), Stop> {
        let Some(EngineSide::Testee(testee)) = &self.engine else {
            return Err(Stop::NotApplicable("the engine's process is not known".to_owned()));
        };
        let pid = testee.pid().ok_or_else(|| Stop::NotApplicable("the process is not ours".to_owned()))?;
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", pid.as_raw_nonzero()));
        let pages = statm.ok().and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
        let mib =
            pages.ok_or_else(|| Stop::NotApplicable("the system shows no memory".to_owned()))? * 4 / 1024;
        let words: Vec<&str> = step.words().collect();
        match words.as_slice() {
            ["mark"] => drop(self.variables.insert("memory".to_owned(), mib.to_string().into_bytes())),
            ["within", most] => {
                let before =
                    self.variables.get("memory").map(|mib| String::from_utf8_lossy(mib).into_owned());
                let grown = mib.saturating_sub(before.and_then(|mib| mib.parse().ok()).unwrap_or(0));
                if grown > number(most)? {
                    return Err(Stop::broken(
                        format!("at most {most} MiB more"),
                        format!("{grown} MiB more"),
                    ));
                }
            }
            _ => return Err(Stop::Mistake("engine memory mark|within MIB".to_owned())),
        }
        Ok(())
    }

    /// `threads mark`, then `threads as-marked`: no more of the process's threads are left than there were at the mark.
    fn threads(&mut self, step: &Step) -> Result<(), Stop> {
        let deadline = self.until(step)?;
        let Some(EngineSide::Testee(testee)) = &self.engine else {
            return Err(Stop::NotApplicable("the engine's process is not known".to_owned()));
        };
        let pid = testee.pid().ok_or_else(|| Stop::NotApplicable("the process is not ours".to_owned()))?;
        let count = || {
            let threads = std::fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero())).ok()?;
            u64::try_from(threads.count()).ok()
        };
        let unknown = || Stop::NotApplicable("the system shows no threads".to_owned());
        if step.has("mark") {
            let now = count().ok_or_else(unknown)?;
            self.variables.insert("threads".to_owned(), now.to_string().into_bytes());
            return Ok(());
        }
        let before = self.variables.get("threads").map(|count| String::from_utf8_lossy(count).into_owned());
        let most = number(&before.ok_or_else(|| "threads mark comes first".to_owned())?)?;
        loop {
            let now = count().ok_or_else(unknown)?;
            if now <= most {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(Stop::broken(format!("at most {most} threads"), format!("{now} threads")));
            }
            std::thread::park_timeout(LOOK_EVERY);
        }
    }

    /// `idle MS most=MS`: the process uses at most so much processor time meanwhile.
    fn idle(&mut self, step: &Step) -> Result<(), Stop> {
        let rest = Duration::from_millis(number(step.words().next().unwrap_or_default())?);
        let most = number(step.key("most").unwrap_or_default())?;
        let Some(EngineSide::Testee(testee)) = &self.engine else {
            return Err(Stop::NotApplicable("the engine's process is not known".to_owned()));
        };
        let pid = testee.pid().ok_or_else(|| Stop::NotApplicable("the process is not ours".to_owned()))?;
        // The system counts in hundredths of a second.
        let used = || processor_ms(pid.as_raw_nonzero().get());
        let unknown = || Stop::NotApplicable("the system shows no processor time".to_owned());
        let before = used().ok_or_else(unknown)?;
        let until = Instant::now() + rest;
        while Instant::now() < until {
            std::thread::park_timeout(until.saturating_duration_since(Instant::now()));
        }
        let spent = used().ok_or_else(unknown)?.saturating_sub(before);
        if spent > most {
            let wanted = format!("at most {most} ms of processor time in {} ms", rest.as_millis());
            return Err(Stop::broken(wanted, format!("{spent} ms")));
        }
        Ok(())
    }

    /// `tune PLUGIN PREFIX`: the internal plugin publishes numbered events until one comes on the connection, then all behind it must
    /// come, too, and nothing else. So a subscription, whose arrival nobody tells, is known to have taken effect.
    pub(super) fn tune(&mut self, name: &str, raw: &mut Raw, step: &Step) -> Result<(), Stop> {
        let words: Vec<String> = step.words().map(str::to_owned).collect();
        let [plugin, prefix] = words.as_slice() else {
            return Err(Stop::Mistake("tune PLUGIN PREFIX".to_owned()));
        };
        let prefix = self.bytes(prefix)?;
        let deadline = self.until(step)?;
        let probe = |number: u64| [prefix.as_slice(), format!("{number:08}").as_bytes()].concat();
        let (mut sent, mut next) = (0, None);
        while next.is_none_or(|next| next < sent) {
            if next.is_none() {
                if Instant::now() >= deadline {
                    return Err(Stop::broken(
                        "an event that it subscribed to",
                        format!("none of {sent} came"),
                    ));
                }
                let data = json!([BASE64.encode(probe(sent))]);
                let command = fields([("plugin", json!(plugin)), ("data", data)]);
                if let Some(Answer::Error(error)) = self.command(step, "publish", command)? {
                    return Err(Stop::broken("success", outcome::told(&Answer::Error(error))));
                }
                sent += 1;
            }
            let until = if next.is_none() { Instant::now() + TUNE_EVERY } else { deadline };
            let Some(frames) = self.message_until(name, raw, until)? else {
                match next {
                    None => continue,
                    Some(next) => return Err(Stop::broken(shown(&probe(next)), "it did not come")),
                }
            };
            let number = match (next, frames.as_slice()) {
                (None, [one]) => (0..sent).find(|number| probe(*number) == *one),
                (Some(next), [one]) if probe(next) == *one => Some(next),
                _ => None,
            };
            let wanted = next.map_or_else(|| format!("{}…", shown(&prefix)), |next| shown(&probe(next)));
            next = Some(number.ok_or_else(|| Stop::broken(wanted, super::decode::message(&frames)))? + 1);
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
            "stop_within_ms" => "stop",
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

/// The addresses at which somebody on this machine listens at a port.
fn listeners(port: u16) -> Option<Vec<String>> {
    const LISTEN: &str = "0A";
    let mut found = Vec::new();
    let tables: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .collect();
    for line in tables.iter().flat_map(|table| table.lines().skip(1)) {
        let mut parts = line.split_whitespace().skip(1);
        let (Some(local), Some(LISTEN)) = (parts.next(), parts.nth(1)) else { continue };
        let Some((address, number)) = local.split_once(':') else { continue };
        if u16::from_str_radix(number, 16) == Ok(port) {
            found.push(address_of(address)?);
        }
    }
    (!tables.is_empty()).then_some(found)
}

/// An address as Linux lists it: words of 32 bits as the machine keeps them.
fn address_of(hex: &str) -> Option<String> {
    let words: Option<Vec<[u8; 4]>> = (0..hex.len())
        .step_by(8)
        .map(|at| Some(u32::from_str_radix(hex.get(at..at + 8)?, 16).ok()?.to_ne_bytes()))
        .collect();
    let bytes = words?.concat();
    match bytes.len() {
        4 => Some(IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?).to_string()),
        16 => Some(IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?).to_string()),
        _ => None,
    }
}

/// The processor time that a process has used.
fn processor_ms(pid: i32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let numbers: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks = |index: usize| numbers.get(index)?.parse::<u64>().ok();
    Some((ticks(11)? + ticks(12)?) * 10)
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
