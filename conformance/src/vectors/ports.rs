//! Vectors of the basic profile, the bus and filters: what an engine does at its ports.

use serde_json::Value;

use super::{frames, hex, items, Vector};
use crate::case::{Judged, Made};

const NEXT: &str = r#""plugin_command: next_msg""#;
const PUBLISHED: &str = r#""event-engine: msg published""#;

/// One message at a plugin's port.
pub(super) fn basic(vector: &Vector) -> Option<Made> {
    let (given, expect) = (&vector.given, &vector.expect);
    let kind = expect["kind"].as_str()?;
    let mut steps = vec![r#"engine plugin client external subscribe="""#.to_owned()];
    if let Some(limit) = given.get("event_max_bytes") {
        steps.push(format!("engine set max-event-bytes={limit}"));
    }
    let socket = given["socket_type"].as_str().unwrap_or("none");
    steps.push("engine start".to_owned());
    steps.push("b dial client as=REQ".to_owned());
    if kind == "next-msg" {
        steps.push(format!("b request {}", hex(&expect["event"])));
        steps.push(format!("b answer {PUBLISHED}"));
    }
    steps.push(format!("a dial client as={socket}"));
    steps.push(format!("a send {}", frames(&given["frames"])));
    let fence = |steps: &mut Vec<String>| {
        for step in [r#"b request "f""#, &format!("b answer {PUBLISHED}"), &format!("b request {NEXT}")] {
            steps.push(step.to_owned());
        }
        steps.push(r#"b answer "f""#.to_owned());
    };
    match kind {
        "publish" => {
            steps.push(format!("a expect {}", frames(&expect["reply"])));
            steps.push(format!("b request {NEXT}"));
            steps.push(format!("b answer {}", hex(&expect["event"])));
        }
        "next-msg" => steps.push(format!("a expect {}", frames(&expect["reply"]))),
        "quit" => {
            steps.push("a closed".to_owned());
            steps.push("engine port client closed".to_owned());
        }
        "bad-msg" => {
            steps.push(format!("a expect {}", frames(&expect["reply"])));
            fence(&mut steps);
        }
        "no-envelope" => {
            steps.push("a hear error".to_owned());
            fence(&mut steps);
        }
        // Nothing is answered and nothing published.
        _ => fence(&mut steps),
    }
    Some(vector.case(Judged::Engine, steps))
}

/// One message at the publish port.
pub(super) fn bus(vector: &Vector) -> Option<Made> {
    let (given, expect) = (&vector.given, &vector.expect);
    let mut steps =
        vec![r#"engine plugin client external subscribe="""#.to_owned(), "engine set bus=true".to_owned()];
    if let Some(limit) = given.get("event_max_bytes") {
        steps.push(format!("engine set max-event-bytes={limit}"));
    }
    steps.push("engine start".to_owned());
    steps.push(format!("a dial client as=REQ\na request {NEXT}"));
    let heard = expect["kind"] == "publish";
    match given["socket_type"].as_str() {
        Some(socket @ ("PUB" | "XPUB")) => {
            steps.push(format!("p dial publish-port as={socket}\np subscribed"));
            steps.push(format!("p send {}\np ping", frames(&given["frames"])));
        }
        // Whether such a peer gets through the handshake is up to the engine.
        _ => return None,
    }
    if heard {
        steps.push(format!("a answer {}", hex(&expect["event"])));
    } else {
        steps.push("q dial publish-port as=PUB\nq subscribed\nq send \"f\"\na answer \"f\"".to_owned());
    }
    Some(vector.case(Judged::Engine, steps))
}

/// One event and the filters of one plugin.
pub(super) fn filters(vector: &Vector) -> Option<Made> {
    let mut plugin = "engine plugin client external".to_owned();
    for filter in items(&vector.given["filters"]) {
        plugin.push_str(&format!(" subscribe={}", hex(filter)));
    }
    let copies = vector.expect["copies"].as_u64()?;
    let steps = vec![
        plugin,
        "engine plugin source external\nengine set allow-ambiguous-filters=true\nengine start".to_owned(),
        format!("s dial source as=REQ\ns request {}\ns answer {PUBLISHED}", hex(&vector.given["event"])),
        format!("engine ledger client matched={copies}"),
        format!("engine ledger total accepted=1 unmatched={}", 1 - copies),
    ];
    let mut case = vector.case(Judged::Engine, steps);
    case.needs = vec!["ledger".to_owned()];
    Some(case)
}

/// Filters of an application, of which some may be ambiguous.
pub(super) fn ambiguous(vector: &Vector) -> Option<Made> {
    let mut steps = Vec::new();
    for (index, filter) in items(&vector.given["filters"]).enumerate() {
        steps.push(format!("engine plugin p{index} external subscribe={}", hex(filter)));
    }
    let refused = items(&vector.expect["pairs"]).next().is_some();
    steps.push(if refused { "engine start -> fails failed" } else { "engine start" }.to_owned());
    let mut case = vector.case(Judged::Engine, steps);
    case.needs = vec!["builder".to_owned()];
    Some(case)
}

/// What the connections of a port see, step by step.
pub(super) fn sequence(vector: &Vector) -> Option<Made> {
    let given = &vector.given;
    let mut plugin = format!("engine plugin client external replicas={}", given["replicas"]);
    for filter in items(&given["filters"]) {
        plugin.push_str(&format!(" subscribe={}", hex(filter)));
    }
    let mut steps = vec![plugin, "engine plugin source external".to_owned(), "engine start".to_owned()];
    steps.push("s dial source as=REQ\nz dial client as=REQ".to_owned());
    let mut known: Vec<String> = Vec::new();
    for step in items(&given["steps"]) {
        let client = step["client"].as_str().map(connection).unwrap_or_default();
        if !client.is_empty() && !known.contains(&client) {
            // An envelope that is more than the empty frame is none that a REQ socket makes.
            let plain = items(&step["frames"]).next().and_then(Value::as_str) == Some("");
            steps.push(format!("{client} dial client as={}", if plain { "REQ" } else { "DEALER" }));
            known.push(client.clone());
        }
        match step["do"].as_str()? {
            "send" => {
                steps.push(format!("{client} send {}", frames(&step["frames"])));
                let ends = items(&step["frames"]).last().and_then(Value::as_str) == Some(QUIT);
                if !ends {
                    steps.push(format!("{client} ping"));
                    steps.push(FENCE.to_owned());
                }
            }
            "receive" => steps.push(format!("{client} expect {}", frames(&step["frames"]))),
            "close" => {
                steps.push(format!("{client} close"));
                steps.push(FENCE.to_owned());
                known.retain(|other| *other != client);
            }
            "application-publishes" => {
                steps.push(format!("s request {}\ns answer {PUBLISHED}", hex(&step["event"])));
            }
            _ => return None,
        }
    }
    if vector.expect["finished"] == true {
        steps.push("engine port client closed".to_owned());
    } else {
        for client in known {
            steps.push(format!("{client} quiet 20"));
        }
    }
    steps.push(format!("engine ledger client queued={}", vector.expect["queued"]));
    let mut case = vector.case(Judged::Engine, steps);
    case.needs = vec!["ledger".to_owned(), "replicas".to_owned()];
    Some(case)
}

/// What a case calls a client's connection.
pub(super) fn connection(client: &str) -> String {
    if client.len() == 2 {
        client.to_owned()
    } else {
        format!("{}1", client.chars().next().unwrap_or('a'))
    }
}

/// `plugin_command: quit`
const QUIT: &str = "706c7567696e5f636f6d6d616e643a2071756974";
/// Requests at the same port that change nothing. An engine reads its connections in turn: of another one's message and the first of
/// them either may be read first, but when the second is answered that message was dealt with.
pub(super) const FENCE: &str = "z request \"plugin_command: fence\"\nz answer \"event-engine: bad msg\"\n\
                                z request \"plugin_command: fence\"\nz answer \"event-engine: bad msg\"";
