//! Whether an answer is one of those that a step allows.

use base64::engine::general_purpose::STANDARD as BASE64;
use base64::Engine as _;
use serde_json::{Map, Value};

use super::testee::Answer;
use crate::case::{shown, Alternative, Argument, Bytes, Compare, Pattern, Step, Variables};
use crate::mutant::find;

/// What the subject can know.
pub(crate) struct Knows<'a> {
    /// It has a notion of ids, sequences and so on; others may leave these fields out.
    pub(crate) all_fields: bool,
    pub(crate) features: &'a [String],
}

/// Fields that a client library may have no notion of.
const OPTIONAL: [&str; 4] = ["id", "sequence", "redelivered", "profile"];

/// Kinds of failures for steps that name none: what does not happen for want of the op, or for a reason that the protocol does not
/// know, has not failed but was not done. So `unsupported` is right only where a case says so.
const FAILURES: [&str; 8] =
    ["timeout", "closed", "rejected", "protocol", "transport", "invalid", "failed", "other"];

/// `Ok` if the answer is allowed, otherwise what was expected.
pub(crate) fn check(
    step: &Step,
    answer: &Answer,
    knows: &Knows<'_>,
    variables: &mut Variables,
) -> Result<(), String> {
    if step.outcomes.is_empty() {
        return match answer {
            Answer::Ok(_) => Ok(()),
            Answer::Error(_) => Err("success".to_owned()),
        };
    }
    let mut wanted = Vec::new();
    for outcome in &step.outcomes {
        match one(outcome, answer, knows, variables)? {
            None => return Ok(()),
            Some(why) => wanted.push(why),
        }
    }
    Err(wanted.join(", or "))
}

/// `None` if the answer is as this outcome says, otherwise what the outcome wants. `Err` is a mistake in the case.
fn one(
    outcome: &Alternative,
    answer: &Answer,
    knows: &Knows<'_>,
    variables: &mut Variables,
) -> Result<Option<String>, String> {
    let mut words = outcome.iter().peekable();
    let fails = matches!(words.peek(), Some(Argument::Word(word)) if word == "fails");
    let fields = match (fails, answer) {
        (true, Answer::Error(fields)) => {
            words.next();
            let kind = fields.get("kind").and_then(Value::as_str).unwrap_or("nothing");
            match words.next_if(|word| matches!(word, Argument::Word(_))) {
                Some(Argument::Word(kinds)) if !kinds.split('/').any(|other| other == kind) => {
                    return Ok(Some(format!("a failure of the kind {kinds}")));
                }
                // Not to have done it is no way to fail.
                None if !FAILURES.contains(&kind) => {
                    return Ok(Some(format!("a failure of the kind {}", FAILURES.join("/"))));
                }
                _ => {}
            }
            fields
        }
        (true, Answer::Ok(_)) => return Ok(Some("a failure".to_owned())),
        (false, Answer::Ok(fields)) => fields,
        (false, Answer::Error(_)) => return Ok(Some("success".to_owned())),
    };
    let mut data = Vec::new();
    for argument in words {
        match argument {
            Argument::Word(word) if word == "ok" || word == "nothing" => {}
            Argument::Word(word) => data.push(word.as_str()),
            Argument::Key(key, compare, value) => {
                let unknown = match key.as_str() {
                    "unsettled" | "code" if fails => {
                        let feature = if key == "code" { "codes" } else { "unsettled" };
                        !knows.features.iter().any(|other| other == feature)
                    }
                    key => !knows.all_fields && OPTIONAL.contains(&key) && !fields.contains_key(key),
                };
                if !unknown && !field(fields, key, *compare, value, variables)? {
                    return Ok(Some(format!("{key} {} {value}", sign(*compare))));
                }
            }
            Argument::Bar => {}
        }
    }
    if data.is_empty() {
        Ok(None)
    } else {
        events(fields, &data, variables)
    }
}

fn sign(compare: Compare) -> &'static str {
    match compare {
        Compare::Equal => "=",
        Compare::AtMost => "at most",
        Compare::AtLeast => "at least",
        Compare::Holds => "with",
    }
}

/// Whether a field of an object is as a key says.
pub(crate) fn field(
    fields: &Map<String, Value>,
    path: &str,
    compare: Compare,
    value: &str,
    variables: &mut Variables,
) -> Result<bool, String> {
    let object = Value::Object(fields.clone());
    let found = find(&object, path).next().filter(|value| !value.is_null()).map(text);
    let Some(found) = found else { return Ok(value == "-") };
    Ok(match compare {
        Compare::AtMost | Compare::AtLeast => {
            let bound = value.parse::<f64>().map_err(|_| format!("`{value}` is no number"))?;
            // Whoever answers something else than a number has not answered as the case says.
            found
                .parse::<f64>()
                .is_ok_and(|is| if compare == Compare::AtMost { is <= bound } else { is >= bound })
        }
        Compare::Holds => Pattern::Holds(Bytes::read(value)?).matches(found.as_bytes(), variables)?,
        Compare::Equal => Pattern::read(value)?.matches(found.as_bytes(), variables)?,
    })
}

/// A value as cases write it: a range of numbers as `1..3`.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => match list.as_slice() {
            [Value::Number(first), Value::Number(last)] => format!("{first}..{last}"),
            _ => value.to_string(),
        },
        other => other.to_string(),
    }
}

/// Compares the event or the events of an answer.
fn events(
    fields: &Map<String, Value>,
    wanted: &[&str],
    variables: &mut Variables,
) -> Result<Option<String>, String> {
    let single = [Value::Object(fields.clone())];
    let got = match fields.get("events") {
        Some(Value::Array(events)) => events.as_slice(),
        _ => &single,
    };
    let mut patterns = Vec::new();
    for word in wanted {
        if word.starts_with("many(") {
            patterns.extend(Bytes::read_list(word)?.into_iter().map(Pattern::Exactly));
        } else {
            patterns.push(Pattern::read(word)?);
        }
    }
    if got.len() != patterns.len() {
        return Ok(Some(format!("{} events", patterns.len())));
    }
    for (event, pattern) in got.iter().zip(&patterns) {
        let Some(data) = data(event) else { return Ok(Some("data in Base64".to_owned())) };
        if !pattern.matches(&data, variables)? {
            return Ok(Some(format!("the event {}", wanted.join(" "))));
        }
    }
    Ok(None)
}

fn data(event: &Value) -> Option<Vec<u8>> {
    BASE64.decode(event.get("data").or_else(|| event.get("event"))?.as_str()?).ok()
}

/// An answer for people.
pub(crate) fn told(answer: &Answer) -> String {
    match answer {
        Answer::Ok(fields) => {
            let events: Vec<String> = match fields.get("events") {
                Some(Value::Array(events)) => {
                    events.iter().filter_map(data).map(|event| shown(&event)).collect()
                }
                _ => data(&Value::Object(fields.clone())).iter().map(|event| shown(event)).collect(),
            };
            let rest: Vec<String> = fields
                .iter()
                .filter(|(key, _)| !matches!(key.as_str(), "data" | "events" | "event"))
                .map(|(key, value)| format!("{key}={}", cut(&text(value))))
                .collect();
            [vec!["success".to_owned()], events, rest].concat().join(" ")
        }
        Answer::Error(fields) => {
            let field = |key: &str| fields.get(key).map(text);
            let mut told = format!("a failure of the kind {}", field("kind").unwrap_or_default());
            for key in ["code", "unsettled"] {
                if let Some(value) = field(key) {
                    told.push_str(&format!(", {key} {value}"));
                }
            }
            told.push_str(&format!(": {}", field("text").unwrap_or_default()));
            told
        }
    }
}

/// At most so much of a text as a person reads.
pub(crate) fn cut(text: &str) -> String {
    const MOST: usize = 4000;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}… ({} bytes)", text.get(..end).unwrap_or_default(), text.len()),
        None => text.to_owned(),
    }
}
