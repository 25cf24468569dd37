//! Vectors of what clients read, and of the envelope.

use serde_json::Value;

use super::{hex, items, Vector};
use crate::case::{Judged, Made};

/// A payload that a client reads.
pub(super) fn batch(vector: &Vector) -> Option<Made> {
    let given = &vector.given;
    let count = given.get("count").map(|count| format!(" count={count}")).unwrap_or_default();
    let zeros = given.get("zeros").map(|zeros| format!("+zeros:{zeros}")).unwrap_or_default();
    let mut steps =
        vec!["listener open\nclient &c connect profile=session\na accept\na welcomes ok\nclient &c await"
            .to_owned()];
    steps.push(format!("a say events seq=1{count} | {}{zeros}", hex(&given["payload"])));
    if vector.expect.get("error").is_some() {
        steps.push("client next timeout=4000 -> fails protocol".to_owned());
    } else {
        for (event, sequence) in items(&vector.expect["events"]).zip(1..) {
            steps.push(format!("client next timeout=4000 -> {} sequence={sequence}", hex(event)));
        }
    }
    let mut case = vector.case(Judged::Client, steps);
    case.id.push_str("-received");
    // EE-SESSION-9 binds engines.
    case.requirements.retain(|id| id != "EE-SESSION-9");
    case.profiles = vec!["session".to_owned()];
    case.needs = vec!["profiles".to_owned()];
    Some(case)
}

/// A header that a client reads and must not take.
pub(super) fn header(vector: &Vector) -> Option<Made> {
    vector.expect.get("error")?;
    if vector.given["from"] != "engine" {
        return None;
    }
    let header = hex(&vector.given["header"]);
    // `event-engine: events `: with the payload that it must have.
    let payload = if header.contains("3a206576656e7473") { " | \"x\"" } else { "" };
    let steps = vec![
        "listener open\nclient &c connect profile=session\na accept\na welcomes ok\nclient &c await"
            .to_owned(),
        format!("a send {header}{payload}\nclient next timeout=4000 -> fails protocol"),
    ];
    let mut case = vector.case(Judged::Client, steps);
    case.requirements = vec!["EE-SESSION-51".to_owned()];
    case.profiles = vec!["session".to_owned()];
    case.needs = vec!["profiles".to_owned()];
    Some(case)
}

/// What a reply to a publish means.
pub(super) fn reply(vector: &Vector) -> Option<Made> {
    let outcome = match vector.expect["meaning"].as_str()? {
        "published" => "client &p await",
        "bad-msg" => "client &p await -> fails rejected code=bad-msg",
        _ => "client &p await -> fails protocol",
    };
    let steps = vec![
        "listener open as=REP\nclient connect profile=basic\nclient &p publish \"e\"".to_owned(),
        format!("a accept as=REQ/DEALER\na asked \"e\"\na reply {}\n{outcome}", hex(&vector.given["reply"])),
    ];
    let mut case = vector.case(Judged::Client, steps);
    case.profiles = vec!["basic".to_owned()];
    Some(case)
}

/// An envelope, sealed and opened.
pub(super) fn envelope(vector: &Vector) -> Option<Made> {
    let (given, expect) = (&vector.given, &vector.expect);
    let filter = hex(&given["filter"]);
    // As bytes, since a step's words have no spaces.
    let json = |value: &Value| -> String {
        let digits: String = value.to_string().bytes().map(|byte| format!("{byte:02x}")).collect();
        format!("0x{digits}")
    };
    let fails = |error: &str| {
        let attribute = expect.get("attribute").and_then(Value::as_str);
        let text = attribute.map(|name| format!(" text~\"{name}\"")).unwrap_or_default();
        format!("fails invalid code={error}{text}")
    };
    let error = expect.get("error").and_then(Value::as_str);
    let mut steps = Vec::new();
    if let Some(envelope) = given.get("envelope") {
        let seal = format!("client seal filter={filter} {}", json(envelope));
        match error {
            // Some languages' times cannot hold such a value, so nobody can ask for it.
            Some(error) => steps.push(format!("{seal} -> {} or fails unsupported", fails(error))),
            None => {
                steps.push(format!("{seal} -> {}", hex(&expect["event"])));
                let open = format!("client open filter={filter} event={}", hex(&expect["event"]));
                steps.push(format!("{open} -> envelope={}", json(envelope)));
            }
        }
    } else {
        let open = format!("client open filter={filter} event={}", hex(&given["event"]));
        match error {
            Some(error) => steps.push(format!("{open} -> {}", fails(error))),
            None => steps.push(format!("{open} -> envelope={}", json(&expect["envelope"]))),
        }
    }
    let mut case = vector.case(Judged::Client, steps);
    case.needs = vec!["envelope".to_owned()];
    case.sdk_only = true;
    Some(case)
}
