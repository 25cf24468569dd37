//! A testee's process and the conversation with it (`conformance/adapter.md`).

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{mpsc, Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{json, Map, Value};

use super::transcript::Transcript;
use crate::mutant::Mutation;

/// The longest line that a testee may write.
const LINE_MAX_BYTES: u64 = 64 << 20;
/// So much of what a testee prints is kept.
const OUTPUT_MAX_BYTES: usize = 4 << 10;
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
    transcript: Option<Transcript>,
    mutation: Option<Arc<Mutation>>,
    over: bool,
}

/// A running testee.
pub(crate) struct Testee {
    name: String,
    child: Option<Child>,
    stream: TcpStream,
    shared: Arc<Mutex<Shared>>,
    output: Arc<Mutex<Vec<u8>>>,
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
        let output = Arc::default();
        let mut child = None;
        let mut deadline = Instant::now() + limit;
        if launch.attach {
            deadline += Duration::from_secs(600);
            eprintln!("waiting for {name}: start it with CONFORMANCE_ADDRESS={address}");
        } else {
            child = Some(spawn(launch, &address.to_string(), &output)?);
        }
        let stream = loop {
            match listener.accept() {
                Ok((stream, _)) => break stream,
                Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => return Err(error.to_string()),
                Err(_) => {}
            }
            if let Some(status) = child.as_mut().and_then(|child| child.try_wait().ok().flatten()) {
                return Err(format!("{name} ended ({status}) before it connected{}", printed(&output)));
            }
            if Instant::now() >= deadline {
                end(child.as_mut());
                return Err(format!("{name} did not connect to CONFORMANCE_ADDRESS in time{}", printed(&output)));
            }
            std::thread::park_timeout(LOOK_EVERY);
        };
        stream.set_nonblocking(false).and_then(|()| stream.set_nodelay(true)).map_err(|error| error.to_string())?;
        let _ = stream.set_write_timeout(Some(Duration::from_secs(20)));
        let shared: Arc<Mutex<Shared>> = Arc::default();
        let input = stream.try_clone().map_err(|error| error.to_string())?;
        let (named, reading) = (name.to_owned(), Arc::clone(&shared));
        std::thread::spawn(move || read(&named, input, &reading));
        Ok(Self { name: name.to_owned(), child, stream, shared, output, next_id: 0 })
    }

    /// From now on what is said goes into this transcript, and through this mutation.
    pub(crate) fn enter(&self, transcript: &Transcript, mutation: Option<&Arc<Mutation>>) {
        let mut shared = self.lock();
        shared.transcript = Some(transcript.clone());
        shared.mutation = mutation.cloned();
        shared.faults.clear();
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
        let line = Value::Object(fields).to_string();
        if let Some(transcript) = &shared.transcript {
            transcript.add("harness", &self.name, "command", brief(&line));
        }
        if let Some(answer) = shortcut {
            let _ = sender.send(answer);
            return call;
        }
        if !shared.over {
            shared.waiting.insert(id, (op.to_owned(), sender));
        }
        drop(shared);
        let _ = self.stream.write_all(format!("{line}\n").as_bytes());
        call
    }

    /// Waits for a command's answer.
    pub(crate) fn wait(&mut self, call: &Call, deadline: Instant) -> Result<Answer, NoAnswer> {
        match call.answer.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(answer) => Ok(answer),
            Err(RecvTimeoutError::Timeout) => Err(NoAnswer::Late),
            Err(RecvTimeoutError::Disconnected) => Err(NoAnswer::Gone(self.how_it_ended())),
        }
    }

    /// A command and its answer.
    pub(crate) fn ask(&mut self, op: &str, fields: Map<String, Value>, limit: Duration) -> Result<Answer, NoAnswer> {
        let call = self.call(op, fields);
        self.wait(&call, Instant::now() + limit)
    }

    /// What the testee said though it must not.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.lock().faults.clone()
    }

    /// What it printed, the end of it.
    pub(crate) fn output(&self) -> String {
        let output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&output).into_owned()
    }

    /// Forgets what it printed.
    pub(crate) fn forget_output(&self) {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The process's id.
    pub(crate) fn pid(&self) -> Option<rustix::process::Pid> {
        self.child.as_ref().and_then(|child| rustix::process::Pid::from_raw(i32::try_from(child.id()).ok()?))
    }

    /// Ends the process as a crash would, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        end(self.child.as_mut());
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }

    /// Whether the process has ended.
    pub(crate) fn is_gone(&mut self) -> bool {
        match &mut self.child {
            Some(child) => !matches!(child.try_wait(), Ok(None)),
            None => self.lock().over,
        }
    }

    fn how_it_ended(&mut self) -> String {
        let deadline = Instant::now() + Duration::from_secs(1);
        while let Some(child) = &mut self.child {
            match child.try_wait() {
                Ok(Some(status)) => return format!("the process ended ({status})"),
                Ok(None) if Instant::now() < deadline => std::thread::park_timeout(LOOK_EVERY),
                _ => break,
            }
        }
        "it closed the connection to the harness".to_owned()
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

fn spawn(launch: &Launch, address: &str, output: &Arc<Mutex<Vec<u8>>>) -> Result<Child, String> {
    let (program, arguments) = launch.command.split_first().ok_or("there is no command")?;
    let mut child = Command::new(program)
        .args(arguments)
        .env("CONFORMANCE_ADDRESS", address)
        .env_remove("EVENT_ENGINE_ENDPOINT")
        .env_remove("EVENT_ENGINE_BIND")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| format!("cannot start `{}`: {error}", launch.command.join(" ")))?;
    for pipe in [
        child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
        child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
    ] {
        let (pipe, output) = (pipe, Arc::clone(output));
        std::thread::spawn(move || keep(pipe, &output));
    }
    Ok(child)
}

/// Keeps the end of what comes from a pipe.
fn keep(pipe: Option<Box<dyn Read + Send>>, output: &Mutex<Vec<u8>>) {
    let Some(mut pipe) = pipe else { return };
    let mut piece = [0; 4096];
    while let Ok(count @ 1..) = pipe.read(&mut piece) {
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        output.extend_from_slice(piece.get(..count).unwrap_or_default());
        let excess = output.len().saturating_sub(OUTPUT_MAX_BYTES);
        output.drain(..excess);
    }
}

fn printed(output: &Mutex<Vec<u8>>) -> String {
    let output = output.lock().unwrap_or_else(PoisonError::into_inner);
    if output.is_empty() {
        return String::new();
    }
    format!("; it printed: {}", String::from_utf8_lossy(&output).trim())
}

/// Ends a process with everything that it started.
fn end(child: Option<&mut Child>) {
    let Some(child) = child else { return };
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        // The group outlives its first process as long as there are others in it.
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// Reads answers until the connection ends.
fn read(name: &str, stream: TcpStream, shared: &Mutex<Shared>) {
    let mut lines = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        let count = (&mut lines).take(LINE_MAX_BYTES).read_until(b'\n', &mut line).unwrap_or(0);
        if count == 0 {
            break;
        }
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&line);
        if let Some(transcript) = &shared.transcript {
            transcript.add(name, "harness", "answer", brief(text.trim_end()));
        }
        if line.last() != Some(&b'\n') {
            shared.faults.push("it wrote a line without an end".to_owned());
            break;
        }
        match answer(&line) {
            Ok((id, mut answer)) => match shared.waiting.remove(&id) {
                Some((op, sender)) => {
                    if let Some(mutation) = &shared.mutation {
                        mutation.answer(&op, &mut answer);
                    }
                    let _ = sender.send(answer);
                }
                None => shared.faults.push(format!("it answered {id}, which nobody asked or which is answered")),
            },
            Err(why) => shared.faults.push(format!("it wrote {}: {why}", brief(text.trim_end()))),
        }
    }
    let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
    shared.over = true;
    shared.waiting.clear();
}

fn answer(line: &[u8]) -> Result<(u64, Answer), String> {
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
