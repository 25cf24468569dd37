//! Testees that lie: `conformance testee fraud`. They introduce themselves as well as anybody could and claim everything; from
//! then on each cheats in its own way. `conformance selftest` shows that no case lets one through, and that none can hold up the
//! harness or outlive it.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::{json, Map, Value};

use super::adapter::base64;
use crate::hello;

/// How a fraud cheats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// Answers every command with an empty `ok`, and does nothing
    Null,
    /// Answers every command with an `ok` that looks right; its ports are open, and nobody serves them
    AlwaysOk,
    /// Fails every command in a documented way that is not the command's
    WrongReason,
    /// Ends by a signal when it is to do something; a child of it sleeps on
    Crash,
    /// Ends well when it is to do something; a child of it sleeps on
    Exit,
    /// Answers nothing; a child of it sleeps on
    Hang,
    /// Writes what is no answer, answers twice, and lines without an end
    Garbage,
    /// Is one answer behind: each comes after the next command
    Late,
    /// Writes a line that never ends, and prints without end
    Flood,
    /// Answers without end what nobody asked
    FloodAnswers,
    /// Claims everything and supports nothing
    Liar,
    /// Says of every op that it has it, also of one that does not exist
    YesMan,
}

/// What it claims to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Role {
    Client,
    Engine,
}

/// Which fraud.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// How it cheats; without, it only sleeps
    #[arg(long)]
    kind: Option<Kind>,
    /// What it claims to be
    #[arg(long, default_value = "client")]
    role: Role,
    /// Means nothing: a word by which the process and its child are found among all others
    #[arg(long, default_value = "")]
    mark: String,
}

/// Long enough to be found, and not for ever.
const NAP: Duration = Duration::from_secs(120);

const OPS: [(&str, &str); 25] = [
    ("hello", ""),
    ("connect", "closed"),
    ("next", "rejected"),
    ("events", "rejected"),
    ("publish", "invalid"),
    ("publish_batch", "closed"),
    ("quit", "invalid"),
    ("close", "timeout"),
    ("drop", "timeout"),
    ("stopping", "closed"),
    ("cancel", "rejected"),
    ("flood", "invalid"),
    ("drain", "rejected"),
    ("round_trips", "rejected"),
    ("seal", "transport"),
    ("open", "transport"),
    ("start", "closed"),
    ("started", "rejected"),
    ("return", "rejected"),
    ("fail", "rejected"),
    ("panic", "rejected"),
    ("ledger", "closed"),
    ("logs", "closed"),
    ("stop", "rejected"),
    ("wait", "rejected"),
];

/// Cheats until the harness ends the connection.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let Some(kind) = arguments.kind else {
        thread::sleep(NAP);
        return ExitCode::SUCCESS;
    };
    let address = std::env::var("CONFORMANCE_ADDRESS").unwrap_or_default();
    let cheated = TcpStream::connect(address).and_then(|stream| {
        stream.set_nodelay(true)?;
        let out = stream.try_clone()?;
        let (role, mark) = (arguments.role, arguments.mark.clone());
        let mut fraud =
            Fraud { kind, role, mark, out, told: 0, behind: None, ports: Vec::new(), said: VecDeque::new() };
        BufReader::new(stream).lines().try_for_each(|line| fraud.hear(&serde_json::from_str(&line?)?))
    });
    ExitCode::from(u8::from(cheated.is_err()))
}

struct Fraud {
    kind: Kind,
    role: Role,
    mark: String,
    out: TcpStream,
    /// Commands that it was to carry out.
    told: u64,
    behind: Option<Value>,
    /// Ports that it keeps open.
    ports: Vec<TcpListener>,
    /// Events that it was to publish: where it makes one up, it takes one of these.
    said: VecDeque<Value>,
}

impl Fraud {
    fn hear(&mut self, command: &Value) -> std::io::Result<()> {
        let op = command["op"].as_str().unwrap_or_default();
        let known = OPS.iter().find(|(known, _)| *known == op);
        match (op, known, self.kind) {
            ("hello", ..) => return self.ok(command, self.hello()),
            (_, None, kind) if kind != Kind::YesMan => return self.fails(command, "unsupported"),
            _ => self.told += 1,
        }
        let reason = known.map_or("protocol", |(_, reason)| *reason);
        match self.kind {
            Kind::Null | Kind::YesMan => self.ok(command, json!({})),
            Kind::AlwaysOk => {
                let plausible = self.plausible(op, command);
                self.ok(command, plausible)
            }
            Kind::WrongReason => self.fails(command, reason),
            Kind::Liar => self.fails(command, "unsupported"),
            Kind::Crash => {
                self.have_a_child();
                std::process::abort();
            }
            Kind::Exit => {
                self.have_a_child();
                std::process::exit(0);
            }
            Kind::Hang => {
                if self.told == 1 {
                    self.have_a_child();
                }
                Ok(())
            }
            Kind::Garbage => self.garbage(op, command),
            Kind::Late => {
                let plausible = self.plausible(op, command);
                let answer = json!({ "id": command["id"], "ok": plausible });
                match self.behind.replace(answer) {
                    Some(answer) => self.line(&answer),
                    None => Ok(()),
                }
            }
            Kind::Flood => {
                thread::spawn(|| while std::io::stdout().write_all(&[b'.'; 4096]).is_ok() {});
                loop {
                    self.out.write_all(&[b'x'; 64 << 10])?;
                }
            }
            Kind::FloodAnswers => {
                for id in 1_000_000_u64.. {
                    self.line(&json!({ "id": id, "ok": {} }))?;
                }
                Ok(())
            }
        }
    }

    fn hello(&self) -> Value {
        // Whatever there is, it claims.
        let (role, features) = match self.role {
            Role::Client => ("sdk", hello::OF_CLIENTS.as_slice()),
            Role::Engine => ("engine", hello::OF_ENGINES.as_slice()),
        };
        json!({
            "name": "fraud", "version": "1", "role": role, "language": "lies", "profiles": ["basic", "session"],
            "features": features,
        })
    }

    fn ok(&mut self, command: &Value, ok: Value) -> std::io::Result<()> {
        self.line(&json!({ "id": command["id"], "ok": ok }))
    }

    fn fails(&mut self, command: &Value, kind: &str) -> std::io::Result<()> {
        self.line(
            &json!({ "id": command["id"], "error": { "kind": kind, "text": format!("{kind}, it says") } }),
        )
    }

    fn line(&mut self, answer: &Value) -> std::io::Result<()> {
        self.out.write_all(format!("{answer}\n").as_bytes())
    }

    /// All that must not be on the connection, and what would be right besides.
    fn garbage(&mut self, op: &str, command: &Value) -> std::io::Result<()> {
        let plausible = self.plausible(op, command);
        let id = &command["id"];
        self.out.write_all(b"this is no JSON\n[]\n\xff\xfe\0\n\n")?;
        self.line(&json!({ "id": 999_999_999, "ok": {} }))?;
        self.line(&json!({ "id": "1", "ok": {} }))?;
        self.line(&json!({ "id": id, "ok": {}, "error": { "kind": "timeout" } }))?;
        self.ok(command, plausible.clone())?;
        self.ok(command, plausible)?;
        if self.told == 4 {
            self.out.write_all(b"{\"id\": ")?;
            self.out.shutdown(std::net::Shutdown::Write)?;
        }
        Ok(())
    }

    /// What somebody would answer who does the work.
    fn plausible(&mut self, op: &str, command: &Value) -> Value {
        match command.get("data") {
            Some(Value::Array(events)) => self.said.extend(events.iter().cloned()),
            Some(event) => self.said.push_back(event.clone()),
            None => {}
        }
        let count = command["count"].as_u64().unwrap_or(1);
        match op {
            "connect" => {
                json!({ "profile": command.get("profile").filter(|it| *it != "auto").unwrap_or(&json!("session")) })
            }
            "next" => self.event(),
            "events" => {
                let max = command["max"].as_u64().unwrap_or(1).min(1000);
                json!({ "events": (0..max).map(|_| self.event()).collect::<Vec<_>>(), "ended": true })
            }
            "publish" if self.role == Role::Engine => json!({ "positions": [self.told] }),
            "publish" | "publish_batch" => json!({ "id": self.said.len() }),
            "flood" => json!({ "id": count, "us": count }),
            "drain" => json!({
                "count": count, "distinct": count, "in_order": true, "first": 0, "last": count.saturating_sub(1),
                "redelivered": 0, "us": count,
            }),
            "stopping" => json!({ "stopping": false }),
            "round_trips" => json!({ "us": vec![100; usize::try_from(count.min(10_000)).unwrap_or(1)] }),
            "seal" => json!({ "event": command["filter"] }),
            "open" => json!({ "envelope": {} }),
            "start" => self.ports_of(&command["application"]),
            "started" => json!({ "started": true }),
            "ledger" => {
                json!({ "plugins": {}, "accepted": 0, "unmatched": 0, "parked": 0, "balances": true })
            }
            "logs" => json!({ "lines": [] }),
            "wait" => json!({ "ended": true, "success": true, "outcomes": {} }),
            _ => json!({}),
        }
    }

    fn event(&mut self) -> Value {
        let data = self.said.pop_front().unwrap_or_else(|| base64(b"evt.hello"));
        json!({ "data": data, "sequence": self.told, "position": self.told, "redelivered": false })
    }

    fn ports_of(&mut self, application: &Value) -> Value {
        self.ports.clear();
        let names =
            application["plugins"].as_array().into_iter().flatten().filter_map(|it| it["name"].as_str());
        let mut ports = Map::new();
        for name in names.chain(["publish_port", "subscribe_port"]) {
            let Ok(listener) = TcpListener::bind("127.0.0.1:0") else { continue };
            ports.insert(name.to_owned(), json!(listener.local_addr().map_or(0, |address| address.port())));
            self.ports.push(listener);
        }
        let (publish, subscribe) = (ports.remove("publish_port"), ports.remove("subscribe_port"));
        json!({ "ports": ports, "publish_port": publish, "subscribe_port": subscribe })
    }

    /// A process that outlives this one, unless somebody ends the whole group.
    fn have_a_child(&self) {
        let Ok(program) = std::env::current_exe() else { return };
        let mut child = Command::new(program);
        child.args(["testee", "fraud", "--mark", &self.mark]).stdin(Stdio::null());
        // Its pipes are this process's own: they stay open.
        let _ = child.spawn();
    }
}
