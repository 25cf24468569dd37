//! One rule: `PLACE CONDITIONS : ACTION [; ACTION …]`.

use crate::case::{Argument, Step};

use super::wire::Direction;

/// Where a rule applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// `up`, `down`: messages from client to engine, from engine to client.
    Wire(Direction),
    /// `up-ready`, `down-ready`: the READY of the client, of the engine.
    Ready(Direction),
    /// `up-command`, `down-command`: the other commands of ZMTP.
    Command(Direction),
    /// `up-end`, `down-end`: a connection that the client ends, that the engine ends.
    End(Direction),
    /// `told OP`: a command of the adapter protocol.
    Told(String),
    /// `answers OP`, `oks OP`, `errors OP`: answers to it.
    Answers(String),
    Oks(String),
    Errors(String),
}

/// One rule.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) place: Place,
    /// What must hold, `nth`, `from` and `until` left out.
    pub(super) conditions: Vec<Argument>,
    from: u64,
    until: u64,
    pub(super) actions: Vec<Action>,
}

/// What is done: a word and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Action {
    pub(super) verb: String,
    pub(super) arguments: Vec<Argument>,
}

impl Rule {
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let (head, actions) = text.split_once(" : ").ok_or_else(|| format!("`{text}` has no ` : `"))?;
        // The words are those of steps; whoever acts there does not matter here.
        let words = |text: &str| -> Result<Vec<Argument>, String> {
            let steps = Step::read(&format!("engine does {text}"))?;
            Ok(steps.into_iter().flat_map(|step| step.arguments).collect())
        };
        let mut conditions = words(head)?.into_iter();
        let place = conditions.next();
        let mut op = || match conditions.next() {
            Some(Argument::Word(op)) => Ok(op),
            _ => Err(format!("`{head}` does not say which op")),
        };
        let place = match place {
            Some(Argument::Word(word)) => match word.as_str() {
                "up" => Place::Wire(Direction::Up),
                "down" => Place::Wire(Direction::Down),
                "up-ready" => Place::Ready(Direction::Up),
                "down-ready" => Place::Ready(Direction::Down),
                "up-command" => Place::Command(Direction::Up),
                "down-command" => Place::Command(Direction::Down),
                "up-end" => Place::End(Direction::Up),
                "down-end" => Place::End(Direction::Down),
                "told" => Place::Told(op()?),
                "answers" => Place::Answers(op()?),
                "oks" => Place::Oks(op()?),
                "errors" => Place::Errors(op()?),
                other => return Err(format!("there is no place `{other}`")),
            },
            _ => return Err(format!("`{head}` does not say where")),
        };
        let mut rule = Self { place, conditions: Vec::new(), from: 1, until: u64::MAX, actions: Vec::new() };
        for condition in conditions {
            match &condition {
                Argument::Key(key, _, value) if matches!(key.as_str(), "nth" | "from" | "until") => {
                    let number = value.parse().map_err(|_| format!("`{value}` is no number"))?;
                    match key.as_str() {
                        "nth" => (rule.from, rule.until) = (number, number),
                        "from" => rule.from = number,
                        _ => rule.until = number,
                    }
                }
                _ => rule.conditions.push(condition),
            }
        }
        for action in actions.split(" ; ") {
            let mut arguments = words(action)?.into_iter();
            match arguments.next() {
                Some(Argument::Word(verb)) => {
                    rule.actions.push(Action { verb, arguments: arguments.collect() })
                }
                _ => return Err(format!("`{action}` is no action")),
            }
        }
        Ok(rule)
    }

    /// Whether it is for the match with this number.
    pub(super) fn is_for(&self, number: u64) -> bool {
        (self.from..=self.until).contains(&number)
    }
}
