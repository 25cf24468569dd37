//! Steps of client libraries, by their testees.

use std::time::{Duration, Instant};

use base64::engine::general_purpose::STANDARD as BASE64;
use base64::Engine as _;
use serde_json::{json, Map, Value};

use super::outcome::{self, Knows};
use super::testee::{fields, Answer, Call, NoAnswer, Testee, NO_SUCH_OP};
use super::{number, Pending, Stage, Stop, Transcript, LOOK_EVERY, START};
use crate::case::{Argument, Bytes, Judged, Step};
use crate::subject::Subject;

/// How long tidying up a client may take.
const TIDY: Duration = Duration::from_secs(3);

impl Stage<'_> {
    /// Does a step of a client library.
    pub(super) fn client(&mut self, index: usize, step: &Step) -> Result<(), Stop> {
        match step.verb.as_str() {
            "await" => return self.client_await(step),
            "kill" => {
                self.testee(index)?.kill();
                self.transcript.add("harness", name(index), "note", "the process is killed".to_owned());
                self.forget(index);
                return Ok(());
            }
            "suspend" | "continue" => {
                let signal = if step.verb == "suspend" {
                    rustix::process::Signal::STOP
                } else {
                    rustix::process::Signal::CONT
                };
                let pid = self.testee(index)?.pid().ok_or_else(|| "the process is not ours".to_owned())?;
                rustix::process::kill_process(pid, signal).map_err(|error| error.to_string())?;
                return Ok(());
            }
            "fresh" => {
                self.forget(index);
                return self.start(index, true);
            }
            "prints" => {
                let output = self.printed(index)?;
                return if output.is_empty() {
                    Ok(())
                } else {
                    Err(Stop::broken("nothing is printed", output))
                };
            }
            "stopping" if step.words().any(|word| word == "until") => return self.client_until(index, step),
            _ => {}
        }
        let (op, fields) = self.client_command(index, step)?;
        let begun = Instant::now();
        let call = self.testee(index)?.call(&op, fields);
        if let Some(label) = &step.label {
            self.pending.insert(label.clone(), Pending { client: index, call, begun });
            return Ok(());
        }
        let deadline = self.until(step)?;
        self.answered(index, step, &call, deadline)
    }

    /// What the process has printed; a mutant may say something else.
    fn printed(&mut self, index: usize) -> Result<String, Stop> {
        let output = self.testee(index)?.output();
        let mut answer = Answer::Ok(fields([("output", json!(output))]));
        if let Some(mutation) = self.mutation(Judged::Client) {
            mutation.answer("prints", &mut answer);
        }
        let (Answer::Ok(fields) | Answer::Error(fields)) = answer;
        Ok(fields.get("output").and_then(Value::as_str).unwrap_or_default().to_owned())
    }

    /// The next step of the client begins with another process.
    fn forget(&mut self, index: usize) {
        if let Some(place) = self.clients.get_mut(index) {
            *place = None;
        }
    }

    fn client_await(&mut self, step: &Step) -> Result<(), Stop> {
        let label = step.label.clone().ok_or_else(|| "await takes a &label".to_owned())?;
        let pending =
            self.pending.remove(&label).ok_or_else(|| format!("nothing is under way as &{label}"))?;
        let deadline = self.until(step)?;
        self.answered(pending.client, step, &pending.call, deadline)?;
        let took = pending.begun.elapsed();
        match step.key("after").map(number).transpose()? {
            Some(least) if took < Duration::from_millis(least) => {
                Err(Stop::broken(format!("at least {least} ms"), format!("{} ms", took.as_millis())))
            }
            _ => Ok(()),
        }
    }

    /// Asks until the answer is as the step says, or time is up.
    fn client_until(&mut self, index: usize, step: &Step) -> Result<(), Stop> {
        let deadline = self.until(step)?;
        loop {
            let (op, fields) = self.client_command(index, step)?;
            let call = self.testee(index)?.call(&op, fields);
            match self.answered(index, step, &call, deadline) {
                Err(Stop::Broken { .. }) if Instant::now() < deadline => {
                    std::thread::park_timeout(LOOK_EVERY * 2);
                }
                answered => return answered,
            }
        }
    }

    fn answered(&mut self, index: usize, step: &Step, call: &Call, deadline: Instant) -> Result<(), Stop> {
        let limit = deadline.saturating_duration_since(Instant::now()).as_millis();
        let subject = self.subject(index)?;
        let about = subject.about();
        let (all_fields, features) = (about.role == "sdk", about.features.clone());
        let answer = self.testee(index)?.wait(call, deadline);
        match answer {
            Ok(answer) => {
                let knows = Knows { all_fields, features: &features };
                outcome::check(step, &answer, &knows, &mut self.variables)
                    .map_err(|expected| Stop::broken(expected, outcome::told(&answer)))
            }
            Err(NoAnswer::Late) => {
                Err(Stop::broken(format!("an answer to `{}` within {limit} ms", call.op), "there is none"))
            }
            Err(NoAnswer::Gone(how)) => Err(Stop::broken(format!("an answer to `{}`", call.op), how)),
        }
    }

    /// The command of a step.
    fn client_command(&mut self, index: usize, step: &Step) -> Result<(String, Map<String, Value>), Stop> {
        let mut command = fields([("client", json!(step.key("as").unwrap_or("c")))]);
        for argument in &step.arguments {
            if let Argument::Key(key, _, value) = argument {
                match key.as_str() {
                    "timeout" => drop(command.insert("timeout_ms".to_owned(), json!(number(value)?))),
                    "heartbeat" => drop(command.insert("heartbeat_ms".to_owned(), json!(number(value)?))),
                    "window" => drop(command.insert("receive_window".to_owned(), json!(number(value)?))),
                    "profile" => drop(command.insert(key.clone(), json!(self.word(value)?))),
                    "count" | "first" | "size" | "max" => {
                        drop(command.insert(key.clone(), json!(number(value)?)))
                    }
                    "as" | "to" | "within" | "after" | "endpoint" | "environment" => {}
                    _ => drop(command.insert(key.clone(), Value::String(BASE64.encode(self.bytes(value)?)))),
                }
            }
        }
        let words: Vec<&str> = step.words().collect();
        let op = match step.verb.as_str() {
            "connect" => {
                self.endpoint(index, step, &mut command)?;
                "connect"
            }
            "publish" => {
                let data = self.list(&words)?;
                command.insert("data".to_owned(), data.into_iter().next().unwrap_or(Value::Null));
                "publish"
            }
            "batch" => {
                command.insert("data".to_owned(), Value::Array(self.list(&words)?));
                "publish_batch"
            }
            "cancel" => {
                let label = words.first().copied().unwrap_or_default().trim_start_matches('&').to_owned();
                let pending =
                    self.pending.get(&label).ok_or_else(|| format!("nothing is under way as {label}"))?;
                command.insert("call".to_owned(), json!(pending.call.id));
                "cancel"
            }
            "seal" => {
                let text = self.bytes(words.first().copied().unwrap_or_default())?;
                let envelope: Value = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
                command.insert("envelope".to_owned(), envelope);
                "seal"
            }
            "juggle" => NO_SUCH_OP,
            verb @ ("next" | "events" | "quit" | "close" | "drop" | "stopping" | "flood" | "drain"
            | "round_trips" | "open") => verb,
            verb => return Err(Stop::Mistake(format!("a client cannot `{verb}`"))),
        };
        if matches!(op, "drain" | "round_trips") && !command.contains_key("timeout_ms") {
            command.insert("timeout_ms".to_owned(), json!(5000));
        }
        Ok((op.to_owned(), command))
    }

    /// Where a client connects to: the listener, or a plugin's port by way of a link.
    fn endpoint(&mut self, index: usize, step: &Step, command: &mut Map<String, Value>) -> Result<(), Stop> {
        if let Some(endpoint) = step.key("endpoint") {
            if endpoint != "-" {
                let endpoint = self.bytes(endpoint)?;
                command.insert("endpoint".to_owned(), json!(String::from_utf8_lossy(&endpoint)));
            }
            return Ok(());
        }
        let address = match (&self.listener, step.key("to")) {
            (Some(listener), None) => {
                let address = listener.address();
                match self.mutation(Judged::Client).cloned() {
                    Some(mutation) if mutation.is_on_the_wire() => {
                        self.link_to("listener", address, ("client", "harness"), Some(&mutation))?
                    }
                    _ => address,
                }
            }
            (None, None) if index == 1 && self.ports.contains_key("client2") => {
                self.plugin("client2", name(index))?
            }
            (None, to) => self.plugin(to.unwrap_or("client"), name(index))?,
            (Some(_), Some(_)) => return Err(Stop::Mistake("`to` is for engines".to_owned())),
        };
        let endpoint = format!("tcp://{address}");
        if step.key("environment").is_some() {
            command.insert("environment".to_owned(), json!({ "EVENT_ENGINE_ENDPOINT": endpoint }));
        } else {
            command.insert("endpoint".to_owned(), json!(endpoint));
        }
        Ok(())
    }

    /// The address of a plugin's port, by way of a link.
    fn plugin(&mut self, plugin: &str, from: &str) -> Result<std::net::SocketAddr, Stop> {
        let port = self.port(plugin)?;
        let mutation = self.cast.mutation.clone();
        self.link_to(
            plugin,
            std::net::SocketAddr::from(([127, 0, 0, 1], port)),
            (from, "engine"),
            mutation.as_ref(),
        )
    }

    /// Byte strings of words, in Base64.
    fn list(&mut self, words: &[&str]) -> Result<Vec<Value>, Stop> {
        let mut list = Vec::new();
        for word in words {
            for bytes in Bytes::read_list(word)? {
                list.push(Value::String(BASE64.encode(bytes.value(&self.variables)?)));
            }
        }
        Ok(list)
    }

    /// The bytes that a word stands for.
    pub(super) fn bytes(&mut self, word: &str) -> Result<Vec<u8>, Stop> {
        if let Some(name) = word.strip_prefix('$').filter(|name| !name.contains('+')) {
            return Ok(self.variable(name));
        }
        Ok(Bytes::read(word)?.value(&self.variables)?)
    }

    /// The testee of a client, started when it is needed first.
    fn testee(&mut self, index: usize) -> Result<&mut Testee, Stop> {
        if self.clients.get(index).is_none_or(Option::is_none) {
            self.start(index, false)?;
        }
        let testee = self.clients.get_mut(index).and_then(Option::as_mut);
        testee.ok_or_else(|| Stop::Mistake("there is no testee".to_owned()))
    }

    fn start(&mut self, index: usize, fresh: bool) -> Result<(), Stop> {
        let subject = self.subject(index)?;
        let limit = START.mul_f64(self.cast.time_scale);
        // A process that other cases have used may have their environment.
        let testee = if fresh { subject.fresh(limit) } else { subject.take(limit) };
        let testee = testee.map_err(Stop::CouldNotRun)?;
        testee.forget_output();
        testee.enter(&self.transcript, self.mutation(Judged::Client));
        if let Some(place) = self.clients.get_mut(index) {
            *place = Some(testee);
        }
        Ok(())
    }

    fn subject(&self, index: usize) -> Result<&Subject, Stop> {
        let subject = self.cast.clients.get(index).copied().flatten();
        subject.ok_or_else(|| Stop::Mistake("the case needs a client, and there is none".to_owned()))
    }
}

/// What the transcript calls a client.
fn name(index: usize) -> &'static str {
    if index == 0 {
        "client"
    } else {
        "client2"
    }
}

/// Closes what a case left open in a testee; whether that went well, so that another case may use it.
pub(super) fn tidy(testee: &mut Testee, time_scale: f64) -> bool {
    testee.enter(&Transcript::new(), None);
    let deadline = Instant::now() + TIDY.mul_f64(time_scale);
    let calls = ["c", "d"].map(|client| testee.call("close", fields([("client", json!(client))])));
    calls.iter().all(|call| testee.wait(call, deadline).is_ok()) && testee.faults().is_empty()
}
