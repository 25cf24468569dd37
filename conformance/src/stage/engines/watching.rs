//! What is seen of an engine besides its answers: its ledger, its log, its ports, its process.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use base64::engine::general_purpose::STANDARD as BASE64;
use base64::Engine as _;
use serde_json::{json, Map, Value};

use super::EngineSide;
use crate::case::{shown, Argument, Step};
use crate::stage::outcome;
use crate::stage::raw::Raw;
use crate::stage::testee::{fields, Answer};
use crate::stage::{decode, number, Stage, Stop, LOOK_EVERY};

/// Between two events that are published to see whether a subscription has taken effect.
const TUNE_EVERY: Duration = Duration::from_millis(10);

impl Stage<'_> {
    /// Asks for the ledger until it is as the step says, or time is up.
    pub(super) fn ledger(&mut self, step: &Step) -> Result<(), Stop> {
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
    pub(super) fn log(&mut self, step: &Step) -> Result<(), Stop> {
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
    pub(super) fn port_is(&mut self, step: &Step) -> Result<(), Stop> {
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
    pub(super) fn memory(&mut self, step: &Step) -> Result<(), Stop> {
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
    pub(super) fn threads(&mut self, step: &Step) -> Result<(), Stop> {
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
    pub(super) fn idle(&mut self, step: &Step) -> Result<(), Stop> {
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
    pub(in crate::stage) fn tune(&mut self, name: &str, raw: &mut Raw, step: &Step) -> Result<(), Stop> {
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
            next = Some(number.ok_or_else(|| Stop::broken(wanted, decode::message(&frames)))? + 1);
        }
        Ok(())
    }
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
