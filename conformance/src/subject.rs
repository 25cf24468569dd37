//! What is under test, and what it is tried against: how each is built, started and asked who it is.

use std::fs::File;
use std::io::Write as _;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};

use crate::record;
use crate::stage::testee::{hello, Answer, Launch, NoAnswer, Testee, NO_SUCH_OP};
use crate::stage::told;

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
    pub(crate) fn sdk(key: &str, limit: Duration, attach: bool) -> Result<Self, String> {
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
            prepare(&root, &put(build))?;
        }
        Self::new(key, format!("--sdk {key}"), Launch { command: put(start), attach }, limit)
    }

    /// Somebody else's client library, by a command line.
    pub(crate) fn adapter(command: &str, limit: Duration, attach: bool) -> Result<Self, String> {
        let named = format!("--adapter '{command}'");
        Self::new("adapter", named, Launch { command: shell(command), attach }, limit)
    }

    /// A client library by program and arguments.
    pub(crate) fn command(key: &str, command: Vec<String>, limit: Duration) -> Result<Self, String> {
        Self::new(key, format!("--adapter '{}'", command.join(" ")), Launch { command, attach: false }, limit)
    }

    fn new(key: &str, named: String, launch: Launch, limit: Duration) -> Result<Self, String> {
        let (mut testee, about) = introduce(key, &launch, limit)?;
        refuses(key, &mut testee, limit)?;
        if !matches!(about.role.as_str(), "sdk" | "client") {
            return Err(format!("{key} says that its role is `{}`; a client's is sdk or client", about.role));
        }
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
        introduce(&self.key, &self.launch, limit).map(|(testee, _)| testee)
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
    pub(crate) fn named(name: &str, limit: Duration, attach: bool) -> Result<Self, String> {
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
    pub(crate) fn command(key: &str, command: Vec<String>, limit: Duration) -> Result<Self, String> {
        let name = command.join(" ");
        Self::new(key, &name, Launch { command, attach: false }, limit)
    }

    fn new(key: &str, name: &str, launch: Launch, limit: Duration) -> Result<Self, String> {
        let (mut testee, about) = introduce(key, &launch, limit)?;
        refuses(key, &mut testee, limit)?;
        if about.role != "engine" {
            return Err(format!("{key} says that its role is `{}`, not engine", about.role));
        }
        let idle = (name == "mini").then(Mutex::default);
        let named = format!("--engine '{name}'");
        Ok(Self { key: key.to_owned(), named, way: EngineWay::Testee(launch), about, idle })
    }

    fn at(address: &str) -> Result<Self, String> {
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

/// Starts a testee and hears who it is.
fn introduce(key: &str, launch: &Launch, limit: Duration) -> Result<(Testee, record::Subject), String> {
    let mut testee = Testee::start("client", launch, limit)?;
    let answer = testee.ask("hello", hello(), limit);
    let Ok(Answer::Ok(ok)) = answer else {
        return Err(format!("{key} does not answer `hello`: {answer:?} {}", testee.output()));
    };
    let text = |name: &str| short(ok.get(name));
    let list = |name: &str| -> Vec<String> {
        let list = ok.get(name).and_then(Value::as_array).into_iter().flatten();
        list.take(LISTED).map(|word| short(Some(word))).collect()
    };
    let libraries = ok.get("libraries").and_then(Value::as_object).into_iter().flatten();
    let about = record::Subject {
        key: key.to_owned(),
        role: text("role"),
        name: text("name"),
        version: text("version"),
        language: text("language"),
        profiles: list("profiles"),
        features: list("features"),
        libraries: libraries
            .take(LISTED)
            .map(|(name, version)| {
                (
                    name.chars().take(SHORT).collect(),
                    version.as_str().unwrap_or_default().chars().take(SHORT).collect(),
                )
            })
            .collect(),
        broken: None,
    };
    if about.name.is_empty() || about.profiles.is_empty() {
        return Err(format!("{key} answers `hello` without a name or without profiles"));
    }
    Ok((testee, about))
}

/// Longer words in `hello`, and more of them, are for nobody.
const SHORT: usize = 200;
const LISTED: usize = 100;

fn short(word: Option<&Value>) -> String {
    word.and_then(Value::as_str).unwrap_or_default().chars().take(SHORT).collect()
}

/// Whether a testee says of an op that does not exist that it has none: one that says yes to everything proves nothing.
fn refuses(key: &str, testee: &mut Testee, limit: Duration) -> Result<(), String> {
    let answer = testee.ask(NO_SUCH_OP, Map::new(), limit);
    let said = match &answer {
        Ok(Answer::Error(error)) if short(error.get("kind")) == "unsupported" => {
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

fn prepare(root: &Path, command: &[String]) -> Result<(), String> {
    let (program, arguments) = command.split_first().ok_or("there is no command")?;
    let output = Command::new(program).args(arguments).current_dir(root).output();
    let output = output.map_err(|error| format!("cannot run `{}`: {error}", command.join(" ")))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(format!("`{}` failed ({}): {}", command.join(" "), output.status, text.trim()))
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
