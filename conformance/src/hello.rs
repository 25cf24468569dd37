//! What a testee says of itself: its answer to `hello`, as `conformance/adapter.md` wants it.

use serde_json::{Map, Value};

use crate::nearest;
use crate::record::Subject;

/// Longer words, and more of them, are for nobody.
const SHORT: usize = 200;
const LISTED: usize = 100;

const PROFILES: [&str; 2] = ["basic", "session"];
/// Features that the testee of a client library may have.
pub(crate) const OF_CLIENTS: [&str; 14] = [
    "timeouts",
    "batch",
    "iterate",
    "unsettled",
    "cancel",
    "concurrent",
    "drop",
    "heartbeat",
    "environment",
    "profiles",
    "receive-window",
    "codes",
    "late-connect",
    "envelope",
];
/// Features that the testee of an engine may have.
pub(crate) const OF_ENGINES: [&str; 17] = [
    "internal",
    "ledger",
    "logs",
    "stop",
    "bus",
    "limits",
    "event-limit",
    "sessions",
    "heartbeat",
    "barrier",
    "replicas",
    "stop-event",
    "until-done",
    "seed-api",
    "bind",
    "builder",
    "concurrent",
];

/// Reads the answer of a testee that may have these roles. `Err`: everything that is wrong with it.
pub(crate) fn read(key: &str, roles: &[&str], ok: &Map<String, Value>) -> Result<Subject, String> {
    let mut wrong = Vec::new();
    let features = if roles.contains(&"engine") { OF_ENGINES.as_slice() } else { OF_CLIENTS.as_slice() };
    let about = Subject {
        key: key.to_owned(),
        role: text(ok, "role", &mut wrong),
        name: text(ok, "name", &mut wrong),
        version: text(ok, "version", &mut wrong),
        language: text(ok, "language", &mut wrong),
        profiles: list(ok, "profiles", &PROFILES, &mut wrong),
        features: list(ok, "features", features, &mut wrong),
        libraries: ok.get("libraries").and_then(Value::as_object).map(libraries).unwrap_or_default(),
        broken: None,
    };
    if !about.role.is_empty() && !roles.contains(&about.role.as_str()) {
        wrong.push(format!("the role `{}` is none of {}", about.role, roles.join(", ")));
    }
    if about.profiles.is_empty() && wrong.is_empty() {
        wrong.push(format!("`profiles` names none of {}", PROFILES.join(", ")));
    }
    if wrong.is_empty() {
        Ok(about)
    } else {
        Err(wrong.join("; "))
    }
}

/// A string that must be there.
fn text(ok: &Map<String, Value>, field: &str, wrong: &mut Vec<String>) -> String {
    match ok.get(field) {
        Some(Value::String(text)) if !text.is_empty() => return short(text),
        Some(Value::String(_)) => wrong.push(format!("`{field}` is empty")),
        Some(_) => wrong.push(format!("`{field}` is no string")),
        None => wrong.push(format!("there is no `{field}`")),
    }
    String::new()
}

/// A list that must be there, of words that there are.
fn list(ok: &Map<String, Value>, field: &str, words: &[&str], wrong: &mut Vec<String>) -> Vec<String> {
    let list = match ok.get(field) {
        Some(Value::Array(list)) => list.as_slice(),
        Some(_) => {
            wrong.push(format!("`{field}` is no list"));
            &[]
        }
        None => {
            wrong.push(format!("there is no `{field}`"));
            &[]
        }
    };
    let mut known = Vec::new();
    for word in list.iter().take(LISTED) {
        match word.as_str() {
            Some(word) if words.contains(&word) => known.push(word.to_owned()),
            Some(word) => wrong.push(format!("`{field}` has `{}`, {}", short(word), instead(word, words))),
            None => wrong.push(format!("`{field}` has something that is no string")),
        }
    }
    known
}

/// What may have been meant, or everything that there is.
fn instead(word: &str, words: &[&str]) -> String {
    match nearest::of(word, words.iter().copied()).first() {
        Some(near) => format!("which there is not: `{near}`?"),
        None => format!("which is none of {}", words.join(", ")),
    }
}

fn libraries(object: &Map<String, Value>) -> std::collections::BTreeMap<String, String> {
    let versions = object.iter().take(LISTED);
    versions.map(|(name, version)| (short(name), short(version.as_str().unwrap_or_default()))).collect()
}

fn short(word: &str) -> String {
    word.chars().take(SHORT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Judged;

    fn good() -> Value {
        serde_json::json!({
            "name": "a", "version": "1", "language": "c", "role": "client", "profiles": ["basic"],
            "features": ["timeouts"], "what nobody knows": 1,
        })
    }

    fn wrong(field: &str, value: Value) -> String {
        let mut hello = good();
        hello[field] = value;
        read("adapter", &["sdk", "client"], hello.as_object().unwrap()).unwrap_err()
    }

    #[test]
    fn what_adapter_md_allows_is_read() {
        let about = read("adapter", &["sdk", "client"], good().as_object().unwrap()).unwrap();
        assert_eq!((about.name.as_str(), about.features), ("a", vec!["timeouts".to_owned()]));
    }

    #[test]
    fn every_mistake_is_named() {
        assert_eq!(
            wrong("features", serde_json::json!(["timeout"])),
            "`features` has `timeout`, which there is not: `timeouts`?"
        );
        assert!(wrong("features", serde_json::json!(["fly"])).contains("which is none of timeouts, batch"));
        assert_eq!(
            wrong("profiles", serde_json::json!(["Basic"])),
            "`profiles` has `Basic`, which there is not: `basic`?"
        );
        assert_eq!(wrong("profiles", serde_json::json!([])), "`profiles` names none of basic, session");
        assert_eq!(wrong("profiles", serde_json::json!("basic")), "`profiles` is no list");
        assert_eq!(wrong("role", serde_json::json!("king")), "the role `king` is none of sdk, client");
        assert_eq!(wrong("version", serde_json::json!(1)), "`version` is no string");
        let empty = read("adapter", &["engine"], &Map::new()).unwrap_err();
        for field in ["role", "name", "version", "language", "profiles", "features"] {
            assert!(empty.contains(&format!("there is no `{field}`")), "{empty}");
        }
    }

    #[test]
    fn cases_need_nothing_that_no_testee_may_claim() {
        for case in crate::case::Catalogue::built_in().unwrap().0 {
            let judged = if case.judged == Judged::Client { OF_CLIENTS.as_slice() } else { &OF_ENGINES };
            let is_known = |words: &[&str], need: &String| words.contains(&need.as_str());
            assert!(case.needs.iter().all(|need| is_known(judged, need)), "{}: {:?}", case.id, case.needs);
            let needs = &case.engine_needs;
            assert!(needs.iter().all(|need| is_known(&OF_ENGINES, need)), "{}: {needs:?}", case.id);
        }
    }

    #[test]
    fn the_words_are_those_of_the_schemas() {
        const CLIENT: &str = include_str!("../schema/answer.schema.json");
        const ENGINE: &str = include_str!("../schema/engine-answer.schema.json");
        for (schema, words) in [(CLIENT, OF_CLIENTS.as_slice()), (ENGINE, OF_ENGINES.as_slice())] {
            let schema: Value = serde_json::from_str(schema).unwrap();
            let fields = &schema["$defs"]["ok-hello"]["properties"];
            assert_eq!(fields["features"]["items"]["enum"], serde_json::json!(words));
            assert_eq!(fields["profiles"]["items"]["enum"], serde_json::json!(PROFILES));
        }
    }
}
