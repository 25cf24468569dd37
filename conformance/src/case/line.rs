//! One line of a case: `ACTOR [&LABEL] VERB ARGUMENTS [-> EXPECTATION [or …]] [EE-…] [# comment]`.

use super::pattern::split_outside_quotes;

/// Who does something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    /// A testee of a client library: 1, or 2 in a pair.
    Client(u8),
    /// The engine, by its testee.
    Engine,
    /// A port where the harness plays the engine.
    Listener,
    /// The way between client and engine.
    Link,
    /// A raw connection, by its name.
    Raw(String),
}

/// One word behind the verb.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Argument {
    /// A word or a byte string.
    Word(String),
    /// `key=value`, `key<=value`, `key>=value`, `key~value`.
    Key(String, Compare, String),
    /// `|`: the next frame begins.
    Bar,
}

/// How a key is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compare {
    /// `=`
    Equal,
    /// `<=`, as numbers
    AtMost,
    /// `>=`, as numbers
    AtLeast,
    /// `~`: the text holds it, letter case aside
    Holds,
}

/// One outcome that is right.
pub(crate) type Alternative = Vec<Argument>;

/// One step.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// The line in the case, from 1.
    pub(crate) line: usize,
    /// As it stands there.
    pub(crate) text: String,
    pub(crate) actor: Actor,
    /// `&name`: the step only begins; `await &name` waits for its end.
    pub(crate) label: Option<String>,
    pub(crate) verb: String,
    pub(crate) arguments: Vec<Argument>,
    /// What stands behind `->`; empty: it must succeed.
    pub(crate) outcomes: Vec<Alternative>,
    /// The requirements that are broken if this step fails; none: those of the case.
    pub(crate) requirements: Vec<String>,
}

impl Step {
    /// Reads the steps of a case.
    pub(crate) fn read(text: &str) -> Result<Vec<Self>, String> {
        let mut steps = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let tokens = tokens(line);
            if !tokens.is_empty() {
                let step = Self::of(index + 1, line.trim(), &tokens);
                steps.push(step.map_err(|why| format!("line {}: {why}: {}", index + 1, line.trim()))?);
            }
        }
        if steps.is_empty() {
            Err("there are no steps".to_owned())
        } else {
            Ok(steps)
        }
    }

    fn of(line: usize, text: &str, tokens: &[&str]) -> Result<Self, String> {
        let mut tokens = tokens.iter().copied().peekable();
        let actor = match tokens.next().unwrap_or_default() {
            "client" => Actor::Client(1),
            "client2" => Actor::Client(2),
            "engine" => Actor::Engine,
            "listener" => Actor::Listener,
            "link" => Actor::Link,
            name if name.len() <= 2 && name.starts_with(|first: char| first.is_ascii_lowercase()) => {
                Actor::Raw(name.to_owned())
            }
            name => return Err(format!("nobody is called `{name}`")),
        };
        let label = tokens.next_if(|token| token.starts_with('&')).map(|label| label[1..].to_owned());
        let verb = tokens.next().ok_or("the verb is missing")?.to_owned();
        let awaited = tokens.next_if(|token| verb == "await" && token.starts_with('&'));
        let label = label.or_else(|| awaited.map(|label| label[1..].to_owned()));
        let mut step = Self {
            line,
            text: text.to_owned(),
            actor,
            label,
            verb,
            arguments: Vec::new(),
            outcomes: Vec::new(),
            requirements: Vec::new(),
        };
        for token in tokens {
            match token {
                "->" if step.outcomes.is_empty() => step.outcomes.push(Vec::new()),
                "->" => return Err("`->` stands twice".to_owned()),
                "or" if !step.outcomes.is_empty() => step.outcomes.push(Vec::new()),
                _ if token.starts_with("EE-") => step.requirements.push(token.to_owned()),
                _ => {
                    let argument = argument(token);
                    step.outcomes.last_mut().unwrap_or(&mut step.arguments).push(argument);
                }
            }
        }
        Ok(step)
    }

    /// The value of a key among the arguments.
    pub(crate) fn key(&self, name: &str) -> Option<&str> {
        self.arguments.iter().find_map(|argument| match argument {
            Argument::Key(key, _, value) if key == name => Some(value.as_str()),
            _ => None,
        })
    }

    /// The arguments that are no keys.
    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        self.arguments.iter().filter_map(|argument| match argument {
            Argument::Word(word) => Some(word.as_str()),
            _ => None,
        })
    }

    /// Whether a word stands among the arguments.
    pub(crate) fn has(&self, word: &str) -> bool {
        self.words().any(|other| other == word)
    }
}

fn argument(token: &str) -> Argument {
    if token == "|" {
        return Argument::Bar;
    }
    let name =
        token.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"-_.*".contains(byte)).count();
    if let (Some(key), Some(rest)) = (token.get(..name), token.get(name..)) {
        for (sign, compare) in
            [("<=", Compare::AtMost), (">=", Compare::AtLeast), ("=", Compare::Equal), ("~", Compare::Holds)]
        {
            if let (false, Some(value)) = (key.is_empty(), rest.strip_prefix(sign)) {
                return Argument::Key(key.to_owned(), compare, value.to_owned());
            }
        }
    }
    Argument::Word(token.to_owned())
}

/// Words between spaces; quoted spaces belong to a word, and what follows `#` is a comment.
fn tokens(line: &str) -> Vec<&str> {
    let code = split_outside_quotes(line, '#').next().unwrap_or_default();
    split_outside_quotes(code, ' ').filter(|token| !token.is_empty()).collect()
}
