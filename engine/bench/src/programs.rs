//! Programs beside this one: a client in each language, and NATS. They are built before anything is measured.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use serde::Deserialize;

use crate::Failure;

/// Whatever a program does, it has done it by then.
const WITHIN: Duration = Duration::from_secs(25);

/// A program that takes part in a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Program {
    Rust,
    C,
    Go,
    Python,
    Nats,
}

/// What a program prints at its end. Times are nanoseconds since 1970.
#[derive(Deserialize)]
pub(crate) struct Answer {
    /// How many events were received or published.
    pub(crate) events: u64,
    /// When a publisher began.
    #[serde(default)]
    pub(crate) first_ns: u64,
    /// When the last event was received, or the last publish was settled.
    pub(crate) last_ns: u64,
    #[serde(default)]
    pub(crate) latencies_ns: Vec<i64>,
}

impl Program {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Program::Rust => "Rust",
            Program::C => "C",
            Program::Go => "Go",
            Program::Python => "Python",
            Program::Nats => "NATS",
        }
    }

    fn sources(self) -> PathBuf {
        let folder = match self {
            Program::Rust => "rust",
            Program::C => "c",
            Program::Go => "go",
            Program::Python => "python",
            Program::Nats => "nats",
        };
        Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(folder)
    }

    /// Its command, without arguments.
    fn command(self) -> Result<Command, Failure> {
        let built = built()?;
        Ok(match self {
            Program::Rust => Command::new(env::current_exe()?.with_file_name("bench-client")),
            Program::C => Command::new(built.join("c-client")),
            Program::Go => Command::new(built.join("go-client")),
            Program::Nats => Command::new(built.join("nats")),
            Program::Python => {
                let mut command = Command::new(built.join("venv/bin/python"));
                command.arg(self.sources().join("client.py"));
                command.env("PYTHONPATH", sdk("python/src"));
                command.env("PYTHONPYCACHEPREFIX", built.join("pycache"));
                command
            }
        })
    }

    /// Starts it.
    pub(crate) fn start<S: AsRef<std::ffi::OsStr>>(self, arguments: &[S]) -> Result<Running, Failure> {
        let mut command = self.command()?;
        let mut child = command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("the {} program: {error}", self.name()))?;
        let (send, lines) = mpsc::channel();
        let stdin = child.stdin.take();
        if let Some(stdout) = child.stdout.take() {
            thread::spawn(move || {
                BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| send.send(line))
            });
        }
        Ok(Running { program: self, child, lines, _stdin: stdin })
    }

    fn build(self) -> Result<(), Failure> {
        let (sources, built) = (self.sources(), built()?);
        fs::create_dir_all(&built)?;
        let go = |name: &str| {
            let mut build = Command::new("go");
            build
                .args(["build", "-buildvcs=false", "-o"])
                .arg(built.join(name))
                .arg(".")
                .current_dir(&sources);
            run(build)
        };
        match self {
            Program::Nats => go("nats"),
            Program::Go => go("go-client"),
            Program::C => {
                let mut build = Command::new("cc");
                build
                    .args(["-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-I"])
                    .arg(sdk("c/include"));
                build.arg("-o").arg(built.join("c-client")).arg(sources.join("client.c"));
                for entry in fs::read_dir(sdk("c/src"))? {
                    let path = entry?.path();
                    if path.extension().is_some_and(|extension| extension == "c") {
                        build.arg(path);
                    }
                }
                build.args(["-lzmq", "-pthread"]);
                run(build)
            }
            Program::Python => {
                let venv = built.join("venv");
                if !venv.join("bin/python").exists() {
                    let mut make = Command::new("python3");
                    make.args(["-m", "venv"]).arg(&venv);
                    run(make)?;
                }
                let mut install = Command::new(venv.join("bin/python"));
                install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "pyzmq>=25"]);
                run(install)
            }
            Program::Rust => {
                let mut build = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
                build.args([
                    "build",
                    "--quiet",
                    "--release",
                    "-p",
                    "event-engine-bench",
                    "--bin",
                    "bench-client",
                ]);
                build.arg("--target-dir").arg(target()?).current_dir(sources);
                run(build)
            }
        }
    }
}

/// Builds the programs; returns those that cannot take part, and why.
pub(crate) fn build(programs: impl IntoIterator<Item = Program>) -> BTreeMap<Program, String> {
    let mut missing = BTreeMap::new();
    for program in programs {
        if let Err(why) = program.build() {
            missing.insert(program, why.to_string());
        }
    }
    missing
}

/// Cargo's target folder: this program is in its `release`.
fn target() -> Result<PathBuf, Failure> {
    let program = env::current_exe()?;
    Ok(program.ancestors().nth(2).ok_or("this program is in no target folder")?.to_path_buf())
}

fn built() -> Result<PathBuf, Failure> {
    Ok(target()?.join("bench-programs"))
}

fn sdk(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdks").join(path)
}

fn run(mut command: Command) -> Result<(), Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let first =
            text.lines().find(|line| line.contains("error")).or(text.lines().next()).unwrap_or_default();
        return Err(format!("{name}: {}: {first}", output.status).into());
    }
    Ok(())
}

/// A running program. Dropping it ends it.
pub(crate) struct Running {
    program: Program,
    child: Child,
    lines: Receiver<String>,
    /// Some end when it is closed.
    _stdin: Option<ChildStdin>,
}

impl Running {
    /// Its next line.
    pub(crate) fn line(&self) -> Result<String, Failure> {
        self.lines
            .recv_timeout(WITHIN)
            .map_err(|error| format!("the {} program: {error}", self.program.name()).into())
    }

    /// Its last line.
    pub(crate) fn answer(self) -> Result<Answer, Failure> {
        Ok(serde_json::from_str(&self.line()?)?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail where it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
