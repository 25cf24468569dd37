//! A testee's process and the conversation with it (`conformance/adapter.md`).

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{mpsc, Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{json, Map, Value};

use super::process::Process;
use super::transcript::Transcript;
use crate::interrupt;
use crate::mutant::Mutation;

/// The longest line that a testee may write.
const LINE_MAX_BYTES: u64 = 64 << 20;
/// So many faults of a testee are kept; one that makes more is not listened to any longer.
const FAULTS_MAX: usize = 20;
/// An op that no testee has.
pub(crate) const NO_SUCH_OP: &str = "juggle";
/// Between two looks at whether a testee that has not connected yet still lives.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What a command brought.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// `ok`.
    Ok(Map<String, Value>),
    /// `error`.
    Error(Map<String, Value>),
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// Not in time.
    Late,
    /// The testee is gone; how it ended.
    Gone(String),
}

/// A command under way.
pub(crate) struct Call {
    pub(crate) id: u64,
    pub(crate) op: String,
    answer: Receiver<Answer>,
}

/// What the reading thread and the caller share.
#[derive(Default)]
struct Shared {
    waiting: HashMap<u64, (String, Sender<Answer>)>,
    /// What the testee said that it must not say.
    faults: Vec<String>,
    /// A case plays with it, and judges its faults; before, the first one is the end.
    entered: bool,
    transcript: Option<Transcript>,
    mutation: Option<Arc<Mutation>>,
    /// Why nobody reads any longer.
    over: Option<String>,
}

impl Shared {
    /// Notes a fault; whether it is one too many.
    fn fault(&mut self, fault: String) -> bool {
        self.faults.push(fault);
        !self.entered || self.faults.len() >= FAULTS_MAX
    }
}

/// A running testee.
pub(crate) struct Testee {
    name: String,
    /// None where somebody else has started it.
    process: Option<Process>,
    stream: TcpStream,
    /// Lines for the thread that writes: who does not read must not hold up the stage.
    lines: Sender<String>,
    shared: Arc<Mutex<Shared>>,
    next_id: u64,
}

/// How to start a testee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Launch {
    /// Program and arguments.
    pub(crate) command: Vec<String>,
    /// It is started by somebody else, who is told the address: for debuggers.
    pub(crate) attach: bool,
}

impl Testee {
    /// Starts a testee and waits until it has connected.
    pub(crate) fn start(name: &str, launch: &Launch, limit: Duration) -> Result<Self, String> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| format!("no port: {error}"))?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        listener.set_nonblocking(true).map_err(|error| error.to_string())?;
        let mut process = None;
        let mut deadline = Instant::now() + limit;
        if launch.attach {
            deadline += Duration::from_secs(600);
            let how = format!("waiting for {name}: start it with CONFORMANCE_ADDRESS={address}");
            let _ = writeln!(std::io::stderr(), "{how}");
        } else {
            process = Some(Process::start(&launch.command, &address.to_string())?);
        }
        let stream = loop {
            match listener.accept() {
                Ok((stream, _)) => break stream,
                Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => return Err(error.to_string()),
                Err(_) => {}
            }
            let status = process.as_mut().and_then(Process::status);
            if let Some(status) = status {
                return Err(format!(
                    "{name} ended ({status}) before it connected{}",
                    printed(process.as_ref())
                ));
            }
            if interrupt::came().is_some() {
                return Err(interrupt::ENDED.to_owned());
            }
            if Instant::now() >= deadline {
                if let Some(process) = &mut process {
                    process.kill();
                }
                let printed = printed(process.as_ref());
                return Err(format!("{name} did not connect to CONFORMANCE_ADDRESS in time{printed}"));
            }
            std::thread::park_timeout(LOOK_EVERY);
        };
        stream
            .set_nonblocking(false)
            .and_then(|()| stream.set_nodelay(true))
            .map_err(|error| error.to_string())?;
        let shared: Arc<Mutex<Shared>> = Arc::default();
        let input = stream.try_clone().map_err(|error| error.to_string())?;
        let (named, reading) = (name.to_owned(), Arc::clone(&shared));
        std::thread::spawn(move || read(&named, input, &reading));
        let mut out = stream.try_clone().map_err(|error| error.to_string())?;
        let (lines, to_write) = mpsc::channel::<String>();
        std::thread::spawn(move || to_write.iter().try_for_each(|line| out.write_all(line.as_bytes())));
        Ok(Self { name: name.to_owned(), process, stream, lines, shared, next_id: 0 })
    }

    /// From now on what is said goes into this transcript, and through this mutation.
    pub(crate) fn enter(&self, transcript: &Transcript, mutation: Option<&Arc<Mutation>>) {
        let mut shared = self.lock();
        shared.transcript = Some(transcript.clone());
        shared.mutation = mutation.cloned();
        shared.faults.clear();
        shared.entered = true;
    }

    /// Gives a command.
    pub(crate) fn call(&mut self, op: &str, mut fields: Map<String, Value>) -> Call {
        self.next_id += 1;
        let id = self.next_id;
        let (sender, answer) = mpsc::channel();
        let call = Call { id, op: op.to_owned(), answer };
        let mut shared = self.lock();
        let shortcut = shared.mutation.as_ref().and_then(|mutation| mutation.command(op, &mut fields));
        fields.insert("id".into(), id.into());
        fields.insert("op".into(), op.into());
        let mut line = Value::Object(fields).to_string();
        if let Some(transcript) = &shared.transcript {
            transcript.add("harness", &self.name, "command", brief(&line));
        }
        if let Some(answer) = shortcut {
            let _ = sender.send(answer);
            return call;
        }
        if shared.over.is_none() {
            shared.waiting.insert(id, (op.to_owned(), sender));
        }
        drop(shared);
        line.push('\n');
        let _ = self.lines.send(line);
        call
    }

    /// Waits for a command's answer.
    pub(crate) fn wait(&mut self, call: &Call, deadline: Instant) -> Result<Answer, NoAnswer> {
        match interrupt::receive(&call.answer, deadline) {
            Ok(answer) => Ok(answer),
            Err(RecvTimeoutError::Timeout) => Err(NoAnswer::Late),
            Err(RecvTimeoutError::Disconnected) => Err(NoAnswer::Gone(self.how_it_ended())),
        }
    }

    /// A command and its answer.
    pub(crate) fn ask(
        &mut self,
        op: &str,
        fields: Map<String, Value>,
        limit: Duration,
    ) -> Result<Answer, NoAnswer> {
        let call = self.call(op, fields);
        self.wait(&call, Instant::now() + limit)
    }

    /// What the testee said though it must not.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.lock().faults.clone()
    }

    /// What it printed, the end of it.
    pub(crate) fn output(&self) -> String {
        self.process.as_ref().map(Process::output).unwrap_or_default()
    }

    /// Forgets what it printed.
    pub(crate) fn forget_output(&self) {
        if let Some(process) = &self.process {
            process.forget_output();
        }
    }

    /// The process's id.
    pub(crate) fn pid(&self) -> Option<rustix::process::Pid> {
        self.process.as_ref().and_then(Process::pid)
    }

    /// Ends the process as a crash would, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        if let Some(process) = &mut self.process {
            process.kill();
        }
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Whether nobody is there any longer.
    pub(crate) fn is_gone(&mut self) -> bool {
        self.process.as_mut().and_then(Process::status).is_some() || self.lock().over.is_some()
    }

    fn how_it_ended(&mut self) -> String {
        const CLOSED: &str = "it closed the connection to the harness";
        if let Some(fault) = self.lock().over.clone().filter(|why| !why.is_empty()) {
            return fault;
        }
        let deadline = Instant::now() + Duration::from_secs(1);
        while let Some(process) = &mut self.process {
            match process.status() {
                Some(status) => return format!("the process ended ({status})"),
                None if Instant::now() < deadline => std::thread::park_timeout(LOOK_EVERY),
                None => break,
            }
        }
        CLOSED.to_owned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Testee {
    fn drop(&mut self) {
        self.kill();
    }
}

fn printed(process: Option<&Process>) -> String {
    let output = process.map(Process::output).unwrap_or_default();
    if output.is_empty() {
        String::new()
    } else {
        format!("; it printed: {}", output.trim())
    }
}

/// Reads answers until the connection ends, or is no use any longer.
fn read(name: &str, stream: TcpStream, shared: &Mutex<Shared>) {
    let mut lines = BufReader::new(&stream);
    let why = loop {
        let mut line = Vec::new();
        let count = (&mut lines).take(LINE_MAX_BYTES).read_until(b'\n', &mut line).unwrap_or(0);
        if count == 0 {
            break String::new();
        }
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&line);
        if let Some(transcript) = &shared.transcript {
            transcript.add(name, "harness", "answer", brief(text.trim_end()));
        }
        if line.last() != Some(&b'\n') {
            let longest = LINE_MAX_BYTES >> 20;
            let fault = if count as u64 == LINE_MAX_BYTES {
                format!("it wrote a line of more than {longest} MiB: {}", brief(&text))
            } else {
                format!("it wrote a line without an end: {}", brief(&text))
            };
            shared.fault(fault.clone());
            break fault;
        }
        let fault = match answer(&line) {
            Ok((id, mut answer)) => match shared.waiting.remove(&id) {
                Some((op, sender)) => {
                    if let Some(mutation) = &shared.mutation {
                        mutation.answer(&op, &mut answer);
                    }
                    let _ = sender.send(answer);
                    continue;
                }
                None => format!("it answered {id}, which nobody asked or which is answered"),
            },
            Err(why) => format!("it wrote {}: {why}", brief(text.trim_end())),
        };
        if shared.fault(fault.clone()) {
            if !shared.entered {
                break fault;
            }
            break format!("it broke the adapter protocol {FAULTS_MAX} times, at last so: {fault}");
        }
    };
    // Who still writes hears that nobody reads.
    let _ = stream.shutdown(Shutdown::Both);
    let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
    shared.over = Some(why);
    shared.waiting.clear();
}

fn answer(line: &[u8]) -> Result<(u64, Answer), String> {
    std::str::from_utf8(line).map_err(|_| "this is not UTF-8")?;
    let Value::Object(mut object) =
        serde_json::from_slice(line).map_err(|error| format!("this is no JSON ({error})"))?
    else {
        return Err("this is no object".to_owned());
    };
    let id = object.get("id").and_then(Value::as_u64).ok_or("there is no id")?;
    let answer = match (object.remove("ok"), object.remove("error")) {
        (Some(Value::Object(ok)), None) => Answer::Ok(ok),
        (None, Some(Value::Object(error))) => Answer::Error(error),
        _ => return Err("an answer has either `ok` or `error`, an object".to_owned()),
    };
    if object.len() > 1 {
        return Err("an answer has nothing but `id` and `ok` or `error`".to_owned());
    }
    Ok((id, answer))
}

/// Long lines are cut in transcripts.
fn brief(line: &str) -> String {
    const MOST: usize = 400;
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}… ({} bytes)", line.get(..end).unwrap_or_default(), line.len()),
        None => line.to_owned(),
    }
}

/// Fields of a command.
pub(crate) fn fields<const N: usize>(pairs: [(&str, Value); N]) -> Map<String, Value> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The first command.
pub(crate) fn hello() -> Map<String, Value> {
    fields([("protocol", json!(1))])
}
