//! Rules about the adapter protocol.

use serde_json::{json, Map, Value};

use crate::case::Argument;
use crate::stage::testee::Answer;

use super::rule::{Action, Rule};

/// Whether the rule's conditions hold for these fields.
pub(super) fn matches(rule: &Rule, fields: &Map<String, Value>) -> bool {
    let object = Value::Object(fields.clone());
    rule.conditions.iter().all(|condition| match condition {
        Argument::Key(path, _, value) => find(&object, path).any(|found| *found == parsed(value)),
        Argument::Word(path) => find(&object, path).next().is_some(),
        Argument::Bar => false,
    })
}

/// Changes a command, or answers it.
pub(super) fn command(rule: &Rule, fields: &mut Map<String, Value>) -> Option<Answer> {
    let mut answer = None;
    for action in &rule.actions {
        match action.verb.as_str() {
            "ok" => answer = Some(Answer::Ok(object(action))),
            "error" => answer = Some(Answer::Error(object(action))),
            _ => change(action, fields),
        }
    }
    answer
}

/// Changes an answer.
pub(super) fn answer(rule: &Rule, answer: &mut Answer) {
    for action in &rule.actions {
        match action.verb.as_str() {
            "ok" => *answer = Answer::Ok(object(action)),
            "error" => *answer = Answer::Error(object(action)),
            _ => match answer {
                Answer::Ok(fields) | Answer::Error(fields) => change(action, fields),
            },
        }
    }
}

fn change(action: &Action, fields: &mut Map<String, Value>) {
    let mut object = Value::Object(std::mem::take(fields));
    for argument in &action.arguments {
        match (action.verb.as_str(), argument) {
            ("set", Argument::Key(path, _, value)) => set(&mut object, path, Some(parsed(value))),
            ("unset", Argument::Word(path)) => set(&mut object, path, None),
            ("add", Argument::Key(path, _, value)) => {
                let more: i64 = value.parse().unwrap_or(0);
                let sum = find(&object, path).next().and_then(Value::as_i64).unwrap_or(0) + more;
                set(&mut object, path, Some(json!(sum)));
            }
            ("delay", Argument::Word(ms)) => {
                std::thread::park_timeout(std::time::Duration::from_millis(ms.parse().unwrap_or(0)));
            }
            _ => {}
        }
    }
    if let Value::Object(changed) = object {
        *fields = changed;
    }
}

fn object(action: &Action) -> Map<String, Value> {
    let mut object = Value::Object(Map::new());
    for argument in &action.arguments {
        if let Argument::Key(path, _, value) = argument {
            set(&mut object, path, Some(parsed(value)));
        }
    }
    match object {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// JSON, or else a text.
fn parsed(value: &str) -> Value {
    serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()))
}

/// All values at a path such as `plugins.*.name`.
pub(crate) fn find<'a>(value: &'a Value, path: &str) -> impl Iterator<Item = &'a Value> {
    let mut found = vec![value];
    for part in path.split('.') {
        found = found
            .into_iter()
            .flat_map(|value| -> Vec<&Value> {
                match (value, part) {
                    (Value::Object(map), "*") => map.values().collect(),
                    (Value::Array(list), "*") => list.iter().collect(),
                    (Value::Object(map), key) => map.get(key).into_iter().collect(),
                    (Value::Array(list), index) => {
                        index.parse().ok().and_then(|index: usize| list.get(index)).into_iter().collect()
                    }
                    _ => Vec::new(),
                }
            })
            .collect();
    }
    found.into_iter()
}

fn set(value: &mut Value, path: &str, new: Option<Value>) {
    let (part, rest) = path.split_once('.').map_or((path, None), |(part, rest)| (part, Some(rest)));
    match (value, part, rest) {
        (Value::Object(map), "*", Some(rest)) => {
            map.values_mut().for_each(|inner| set(inner, rest, new.clone()))
        }
        (Value::Array(list), "*", Some(rest)) => {
            list.iter_mut().for_each(|inner| set(inner, rest, new.clone()))
        }
        (Value::Object(map), key, Some(rest)) => {
            set(map.entry(key).or_insert_with(|| json!({})), rest, new);
        }
        (Value::Array(list), index, Some(rest)) => {
            if let Some(inner) = index.parse().ok().and_then(|index: usize| list.get_mut(index)) {
                set(inner, rest, new);
            }
        }
        (Value::Object(map), key, None) => match new {
            Some(new) => {
                map.insert(key.to_owned(), new);
            }
            None => {
                map.remove(key);
            }
        },
        (Value::Array(list), index, None) => {
            if let (Some(inner), Some(new)) = (index.parse().ok().and_then(|i: usize| list.get_mut(i)), new) {
                *inner = new;
            }
        }
        _ => {}
    }
}
