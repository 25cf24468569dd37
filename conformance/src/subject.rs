//! What is under test, and what it is tried against: how each is built, started and asked who it is.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::AsRawFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustix::process::Pid;
use serde_json::{Map, Value};

use crate::hello;
use crate::interrupt;
use crate::record;
use crate::stage::testee::{self, Answer, Launch, NoAnswer, Testee, NO_SUCH_OP};
use crate::stage::told;
use crate::trouble::Trouble;

/// The clients of this repository that have a testee: key, how it is built, how it is started.
const CLIENTS: [(&str, &[&str], &[&str]); 7] = [
    (
        "rust",
        &["cargo", "build", "--quiet", "--release", "-p", "event-engine-client-conformance"],
        &["{target}/release/testee-rust"],
    ),
    ("python", &["sdks/python/conformance/testee", "--prepare"], &["sdks/python/conformance/testee"]),
    (
        "go",
        &["go", "build", "-C", "sdks/go/conformance", "-o", "{target}/conformance/testee-go", "."],
        &["{target}/conformance/testee-go"],
    ),
    ("c", &["sdks/c/conformance/testee", "--prepare"], &["sdks/c/conformance/testee"]),
    ("pyevents", &["pyevents/conformance/testee", "--prepare"], &["pyevents/conformance/testee"]),
    (
        "python-asyncio",
        &["sdks/python/conformance/testee", "--prepare"],
        &["sdks/python/conformance/testee", "--asyncio"],
    ),
    (
        "pyevents-0.1.0",
        &["pyevents/conformance/testee-published", "--prepare"],
        &["pyevents/conformance/testee-published"],
    ),
];

/// What `--sdk all` means.
pub(crate) const ALL: [&str; 5] = ["rust", "python", "go", "c", "pyevents"];

/// Something with a testee.
pub(crate) struct Subject {
    pub(crate) key: String,
    /// How the command line names it.
    pub(crate) named: String,
    launch: Launch,
    about: record::Subject,
    idle: Mutex<Vec<Testee>>,
}

impl Subject {
    /// A client of this repository.
    pub(crate) fn sdk(key: &str, limit: Duration, attach: bool) -> Result<Self, Trouble> {
        let (_, build, start) = CLIENTS.iter().find(|(name, _, _)| *name == key).ok_or_else(|| {
            let names: Vec<&str> = CLIENTS.iter().map(|(name, _, _)| *name).collect();
            format!("there is no SDK `{key}`: say one of {}, all, or --adapter COMMAND", names.join(", "))
        })?;
        let root = root()?;
        let put = |words: &[&str]| -> Vec<String> {
            words
                .iter()
                .enumerate()
                .map(|(index, word)| {
                    let word = word.replace("{target}", &target(&root).display().to_string());
                    if index == 0 && word.contains('/') && !word.starts_with('/') {
                        root.join(word).display().to_string()
                    } else {
                        word
                    }
                })
                .collect()
        };
        if !attach {
            prepare(&root, &put(build)).map_err(Trouble::NotRun)?;
        }
        Self::new(key, format!("--sdk {key}"), Launch { command: put(start), attach }, limit)
    }

    /// Somebody else's client library, by a command line.
    pub(crate) fn adapter(command: &str, limit: Duration, attach: bool) -> Result<Self, Trouble> {
        let named = format!("--adapter '{command}'");
        Self::new("adapter", named, Launch { command: shell(command), attach }, limit)
    }

    /// A client library by program and arguments.
    pub(crate) fn command(key: &str, command: Vec<String>, limit: Duration) -> Result<Self, Trouble> {
        Self::new(key, format!("--adapter '{}'", command.join(" ")), Launch { command, attach: false }, limit)
    }

    fn new(key: &str, named: String, launch: Launch, limit: Duration) -> Result<Self, Trouble> {
        let (testee, about) = introduced(key, &CLIENT_ROLES, &launch, limit)?;
        Ok(Self { key: key.to_owned(), named, launch, about, idle: Mutex::new(vec![testee]) })
    }

    /// What it says of itself.
    pub(crate) fn about(&self) -> &record::Subject {
        &self.about
    }

    /// A running testee: one that another case has left, or a new one.
    pub(crate) fn take(&self, limit: Duration) -> Result<Testee, String> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            Some(testee) => Ok(testee),
            None => self.fresh(limit),
        }
    }

    /// A new testee, that no case has used.
    pub(crate) fn fresh(&self, limit: Duration) -> Result<Testee, String> {
        introduce(&self.key, &CLIENT_ROLES, &self.launch, limit).map(|(testee, _)| testee)
    }

    /// Leaves a testee to the next case.
    pub(crate) fn put_back(&self, testee: Testee) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(testee);
    }
}

/// How an engine is reached.
pub(crate) enum EngineWay {
    /// By its testee.
    Testee(Launch),
    /// It runs already, and is only an address.
    Address(SocketAddr),
}

/// An engine: under test, or to try clients against.
pub(crate) struct Engine {
    pub(crate) key: String,
    /// How the command line names it.
    pub(crate) named: String,
    pub(crate) way: EngineWay,
    about: record::Subject,
    /// Testees that cases have left, of an engine whose `start` forgets everything before at no cost.
    idle: Option<Mutex<Vec<Testee>>>,
}

impl Engine {
    /// One that this program has: `event-engine`, `ancestor`, `mini`; an address; or a testee's command line.
    pub(crate) fn named(name: &str, limit: Duration, attach: bool) -> Result<Self, Trouble> {
        let (key, command) = match name {
            "event-engine" => ("engine", own(&["engine"])?),
            "ancestor" => ("ancestor", own(&["ancestor"])?),
            "mini" => ("mini", vec!["python3".to_owned(), mini_engine()?]),
            _ => match name.strip_prefix("tcp://") {
                Some(address) => return Self::at(address),
                None => ("engine", shell(name)),
            },
        };
        Self::new(key, name, Launch { command, attach }, limit)
    }

    /// An engine by program and arguments of its testee.
    pub(crate) fn command(key: &str, command: Vec<String>, limit: Duration) -> Result<Self, Trouble> {
        let name = command.join(" ");
        Self::new(key, &name, Launch { command, attach: false }, limit)
    }

    fn new(key: &str, name: &str, launch: Launch, limit: Duration) -> Result<Self, Trouble> {
        let (_testee, about) = introduced(key, &ENGINE_ROLES, &launch, limit)?;
        let idle = (name == "mini").then(Mutex::default);
        let named = format!("--engine '{name}'");
        Ok(Self { key: key.to_owned(), named, way: EngineWay::Testee(launch), about, idle })
    }

    fn at(address: &str) -> Result<Self, Trouble> {
        let found = address.to_socket_addrs().map_err(|error| format!("{address}: {error}"))?.next();
        let socket = found.ok_or_else(|| format!("{address} has no address"))?;
        let about = record::Subject {
            key: "engine".to_owned(),
            role: "engine".to_owned(),
            name: format!("tcp://{address}"),
            profiles: vec!["basic".to_owned(), "session".to_owned()],
            ..record::Subject::default()
        };
        let named = format!("--engine tcp://{address}");
        Ok(Self { key: "engine".to_owned(), named, way: EngineWay::Address(socket), about, idle: None })
    }

    /// What it says of itself.
    pub(crate) fn about(&self) -> &record::Subject {
        &self.about
    }

    /// A new process of it, or one that another case has left.
    pub(crate) fn start(&self, limit: Duration) -> Result<Testee, String> {
        let left =
            self.idle.as_ref().and_then(|idle| idle.lock().unwrap_or_else(PoisonError::into_inner).pop());
        if let Some(testee) = left {
            return Ok(testee);
        }
        match &self.way {
            EngineWay::Testee(launch) => Testee::start("engine", launch, limit),
            EngineWay::Address(_) => Err("the engine is only an address".to_owned()),
        }
    }

    /// Takes a testee back for the next case, if this engine's may be used again.
    pub(crate) fn put_back(&self, testee: Testee) {
        if let Some(idle) = &self.idle {
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(testee);
        }
    }
}

/// Starts a testee for the first time: it must say who it is, and refuse what does not exist.
fn introduced(
    key: &str,
    roles: &[&str],
    launch: &Launch,
    limit: Duration,
) -> Result<(Testee, record::Subject), Trouble> {
    let introduce = || {
        let (mut testee, about) = introduce(key, roles, launch, limit)?;
        refuses(key, &mut testee, limit)?;
        Ok((testee, about))
    };
    introduce().map_err(Trouble::NotRun)
}

/// Starts a testee and hears who it is.
fn introduce(
    key: &str,
    roles: &[&str],
    launch: &Launch,
    limit: Duration,
) -> Result<(Testee, record::Subject), String> {
    let name = if roles == ENGINE_ROLES { "engine" } else { "client" };
    let mut testee = Testee::start(name, launch, limit)?;
    let said = match testee.ask("hello", testee::hello(), limit) {
        Ok(Answer::Ok(ok)) => {
            let about = hello::read(key, roles, &ok).map_err(|why| {
                format!("what {key} answers to `hello` is not as conformance/adapter.md says: {why}")
            })?;
            return Ok((testee, about));
        }
        Ok(answer) => told(&answer),
        Err(NoAnswer::Late) => format!("nothing within {} s", limit.as_secs_f64()),
        Err(NoAnswer::Gone(how)) => how,
    };
    let printed = testee.output();
    let printed = if printed.is_empty() { printed } else { format!("; it printed: {}", printed.trim()) };
    Err(format!("{key} does not answer `hello` as it must: {said}{printed}"))
}

/// What a testee of a client library, or of an engine, may be.
const CLIENT_ROLES: [&str; 2] = ["sdk", "client"];
const ENGINE_ROLES: [&str; 1] = ["engine"];

/// Whether a testee says of an op that does not exist that it has none: one that says yes to everything proves nothing.
fn refuses(key: &str, testee: &mut Testee, limit: Duration) -> Result<(), String> {
    let answer = testee.ask(NO_SUCH_OP, Map::new(), limit);
    let said = match &answer {
        Ok(Answer::Error(error)) if error.get("kind").and_then(Value::as_str) == Some("unsupported") => {
            match testee.faults().first() {
                None => return Ok(()),
                Some(fault) => return Err(format!("{key} breaks the adapter protocol: {fault}")),
            }
        }
        Ok(answer) => told(answer),
        Err(NoAnswer::Late) => "nothing".to_owned(),
        Err(NoAnswer::Gone(how)) => how.clone(),
    };
    Err(format!(
        "{key} is asked for the op `{NO_SUCH_OP}`, which does not exist, and must answer with an error of kind `unsupported` \
         (conformance/adapter.md); it says: {said}"
    ))
}

/// A command line of this program's own testees.
pub(crate) fn own(arguments: &[&str]) -> Result<Vec<String>, String> {
    // By this name it is found even if it was built anew meanwhile.
    let own = PathBuf::from("/proc/self/exe");
    let program =
        if own.exists() { own } else { std::env::current_exe().map_err(|error| error.to_string())? };
    let arguments = arguments.iter().map(|&argument| argument.to_owned());
    Ok([program.display().to_string(), "testee".to_owned()].into_iter().chain(arguments).collect())
}

/// The checkout of event-engine in which this runs: SDKs are built from it.
pub(crate) fn root() -> Result<PathBuf, String> {
    let here = std::env::current_dir().map_err(|error| error.to_string())?;
    here.ancestors()
        .find(|folder| folder.join("spec/protocol.toml").is_file() && folder.join("sdks").is_dir())
        .map(Path::to_path_buf)
        .ok_or_else(|| {
            "this is no checkout of event-engine, so its SDKs cannot be built: go there, or use --adapter COMMAND"
                .to_owned()
        })
}

/// Where things are built.
fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

/// Builds a testee.
fn prepare(root: &Path, command: &[String]) -> Result<(), String> {
    let (program, arguments) = command.split_first().ok_or("there is no command")?;
    let cannot = |error: std::io::Error| format!("cannot run `{}`: {error}", command.join(" "));
    let child = Command::new(program)
        .args(arguments)
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn();
    let mut child = child.map_err(cannot)?;
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let may = group.map_or(Ok(()), interrupt::started);
    let mut text = Vec::new();
    if let Some(mut errors) = child.stderr.take() {
        let _ = errors.read_to_end(&mut text);
    }
    if let Some(group) = group {
        interrupt::ended(group);
    }
    let status = child.wait().map_err(cannot)?;
    may?;
    if status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&text);
    Err(format!("`{}` failed ({status}): {}", command.join(" "), text.trim()))
}

fn shell(command: &str) -> Vec<String> {
    ["sh", "-c", &format!("exec {command}")].map(str::to_owned).to_vec()
}

/// The second engine's file: from this program, so that no checkout is needed, and in memory, so that nothing is left behind.
fn mini_engine() -> Result<String, String> {
    const TEXT: &[u8] = include_bytes!("../mini-engine/mini_engine.py");
    static FILE: OnceLock<Result<File, String>> = OnceLock::new();
    let made = FILE.get_or_init(|| {
        let file = rustix::fs::memfd_create("mini_engine.py", rustix::fs::MemfdFlags::CLOEXEC);
        let mut file = File::from(file.map_err(|error| format!("cannot make a file in memory: {error}"))?);
        file.write_all(TEXT).map_err(|error| format!("cannot write a file in memory: {error}"))?;
        Ok(file)
    });
    let file = made.as_ref().map_err(String::clone)?;
    Ok(format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()))
}
