//! Vectors of the session profile, as an engine keeps it.

use serde_json::Value;

use super::ports::{connection, FENCE};
use super::{frames, hex, items, Vector};
use crate::case::{Judged, Made};

const PUBLISHED: &str = r#""event-engine: msg published""#;

/// What an engine does at the port of one plugin, step by step. Those that stop the clock or the queues are left to cases of their own.
pub(super) fn engine(vector: &Vector) -> Option<Made> {
    let given = &vector.given;
    let dos: Vec<&str> = items(&given["steps"]).filter_map(|step| step["do"].as_str()).collect();
    if dos.iter().any(|what| matches!(*what, "park" | "accept" | "advance")) {
        return None;
    }
    let queued: Vec<&Value> = items(&given["steps"]).flat_map(|step| items(&step["events"])).collect();
    let published: Vec<&Value> = items(&given["steps"]).flat_map(|step| items(&step["publishes"])).collect();
    // What a session publishes must not come back to it.
    let clashes = |event: &&Value| published.iter().any(|other| starts(other, event));
    if queued.iter().any(clashes) {
        return None;
    }
    let closed = given.get("open") == Some(&Value::Bool(false));
    let mut steps =
        vec![plugin(given, &queued, dos.contains(&"drain")), "engine plugin source external".to_owned()];
    steps.push("engine plugin seen external subscribe=\"\"".to_owned());
    if closed {
        steps.push("engine plugin gate external\nengine set wait-for-external-ms=60000".to_owned());
    }
    for (option, key) in
        [("event_max_bytes", "max-event-bytes"), ("ping_ms", "ping-ms"), ("grace_ms", "grace-ms")]
    {
        if let Some(value) = given.get(option) {
            steps.push(format!("engine set {key}={value}"));
        }
    }
    steps.push("engine set allow-ambiguous-filters=true\nengine start".to_owned());
    steps.push("s dial source as=REQ\nt dial seen as=REQ\nz dial client as=REQ".to_owned());
    if closed {
        // The first request of any kind says that a process is ready.
        for name in ["s", "t"] {
            steps.push(format!(
                "{name} request \"plugin_command: ready\"\n{name} answer \"event-engine: bad msg\""
            ));
        }
    }
    let mut known: Vec<String> = Vec::new();
    for step in items(&given["steps"]) {
        let peer = step["peer"].as_str().map(connection).unwrap_or_default();
        match step["do"].as_str()? {
            "receive" => {
                if !known.contains(&peer) {
                    steps.push(format!("{peer} dial client as=DEALER"));
                    known.push(peer.clone());
                }
                let zeros = step.get("zeros").and_then(Value::as_u64).unwrap_or(0);
                let more = if zeros > 0 { format!("+zeros:{zeros}") } else { String::new() };
                steps.push(format!("{peer} send {}{more}", frames(&step["frames"])));
            }
            "gone" => {
                steps.push(format!("{peer} close\n{FENCE}"));
                known.retain(|other| *other != peer);
            }
            "queue" => {
                for event in items(&step["events"]) {
                    steps.push(format!("s request {}\ns answer {PUBLISHED}", hex(event)));
                    steps.push(format!("{NEXT_SEEN}\nt answer {}", hex(event)));
                }
            }
            "open" => steps.push(
                "g dial gate as=REQ\ng request \"plugin_command: ready\"\ng answer \"event-engine: bad msg\""
                    .to_owned(),
            ),
            "drain" => steps.push("engine stop".to_owned()),
            _ => return None,
        }
        sends(&step["sends"], &mut steps)?;
        if step.get("zeros").is_none() {
            for event in items(&step["publishes"]) {
                steps.push(format!("{NEXT_SEEN}\nt answer {}", hex(event)));
            }
        }
    }
    if vector.expect["finished"] == true {
        steps.push("engine port client closed".to_owned());
    }
    let counts = ["queued", "in_flight", "delivered", "discarded", "dead_lettered"];
    let counts: Vec<String> = counts.iter().map(|name| format!("{name}={}", vector.expect[*name])).collect();
    steps.push(format!("engine ledger client {}", counts.join(" ")));
    let mut case = vector.case(Judged::Engine, steps);
    case.profiles = vec!["session".to_owned()];
    case.needs = vec!["ledger".to_owned()];
    if closed {
        case.needs.push("barrier".to_owned());
    }
    if dos.contains(&"drain") {
        case.needs.push("stop".to_owned());
    }
    Some(case)
}

const NEXT_SEEN: &str = "t request \"plugin_command: next_msg\"";

fn starts(text: &Value, begin: &Value) -> bool {
    text.as_str().zip(begin.as_str()).is_some_and(|(text, begin)| text.starts_with(begin))
}

fn plugin(given: &Value, queued: &[&Value], stopped: bool) -> String {
    let mut plugin = "engine plugin client external".to_owned();
    for (option, key) in [("replicas", "replicas"), ("redelivery_limit", "redelivery-limit")] {
        if let Some(value) = given.get(option) {
            plugin.push_str(&format!(" {key}={value}"));
        }
    }
    if stopped {
        // So that it is told to stop as soon as its own queue is empty.
        plugin.push_str(" source=true");
    }
    let mut filters: Vec<String> = queued.iter().map(|event| hex(event)).collect();
    filters.sort();
    filters.dedup();
    for filter in filters {
        plugin.push_str(&format!(" subscribe={filter}"));
    }
    plugin
}

/// What must come of a step.
fn sends(sends: &Value, steps: &mut Vec<String>) -> Option<()> {
    for send in items(sends) {
        let to = connection(send["to"].as_str()?);
        let verb = send["verb"].as_str()?;
        let keys = send["keys"].as_object()?;
        if verb == "events" {
            let events: Vec<String> = items(&send["events"]).map(hex).collect();
            let redelivered = if keys.get("redelivered") == Some(&Value::from(1)) { "1" } else { "0" };
            steps.push(format!(
                "{to} events seq={} redelivered={redelivered} {} more",
                keys["seq"],
                events.join(" ")
            ));
            continue;
        }
        let keys: Vec<String> = keys
            .iter()
            .map(|(key, value)| {
                format!("{key}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            })
            .collect();
        // An engine need not say again what it has told.
        if verb == "published" && keys == ["id=0"] {
            continue;
        }
        steps.push(format!("{to} hear {verb} {}", keys.join(" ")));
    }
    Some(())
}

/// A header that an engine reads.
pub(super) fn header(vector: &Vector) -> Option<Made> {
    let code = vector.expect.get("error")?.as_str()?;
    if vector.given["from"] != "client" {
        return None;
    }
    let header = hex(&vector.given["header"]);
    // `plugin_command: publish `: with the payload that it must have.
    let payload = if header.contains("3a207075626c697368") { " | \"x\"" } else { "" };
    let steps = vec![
        "engine plugin client external subscribe=\"\"\nengine start".to_owned(),
        format!("a dial client as=DEALER\na send {header}{payload}\na hear error code={code}"),
    ];
    let mut case = vector.case(Judged::Engine, steps);
    case.profiles = vec!["session".to_owned()];
    Some(case)
}

/// A payload that an engine reads.
pub(super) fn batch(vector: &Vector) -> Option<Made> {
    let mut steps = vec![
        "engine plugin client external".to_owned(),
        "engine plugin seen external subscribe=\"\"".to_owned(),
    ];
    steps.push("engine start\nt dial seen as=REQ\na dial client as=DEALER\na opens".to_owned());
    let given = &vector.given;
    let count = given.get("count").map(|count| format!(" count={count}")).unwrap_or_default();
    let zeros = given.get("zeros").map(|zeros| format!("+zeros:{zeros}")).unwrap_or_default();
    steps.push(format!("a say publish id=1{count} | {}{zeros}", hex(&given["payload"])));
    match vector.expect.get("error").and_then(Value::as_str) {
        Some(code) => steps.push(format!("a hear error code={code}\nengine ledger total accepted=0")),
        None => {
            let events: Vec<&Value> = items(&vector.expect["events"]).collect();
            steps.push(format!("a hear published id={}", events.len()));
            for event in events {
                steps.push(format!("{NEXT_SEEN}\nt answer {}", hex(event)));
            }
        }
    }
    let mut case = vector.case(Judged::Engine, steps);
    case.id.push_str("-published");
    case.profiles = vec!["session".to_owned()];
    case.needs = vec!["ledger".to_owned()];
    Some(case)
}
