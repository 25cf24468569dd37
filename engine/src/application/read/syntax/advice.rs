//! What the TOML parser says, in this project's words, and what to do about it.

/// What is wrong, and what to do.
pub(super) struct Advice {
    pub(super) message: String,
    pub(super) help: String,
}

/// What to do, by what the parser says.
const HELP: [(&str, &str); 21] = [
    ("duplicate key", "remove one of the two, or give it another name"),
    ("cannot extend value", "it has a value already: remove one of the two"),
    (
        "unclosed",
        "close the table's name with `]`; put a name in quotes that has more than letters, digits, `-` and `_`",
    ),
    ("invalid table", "say the table's name, as in [plugins.scorer]"),
    ("extra comma", "remove one of the commas, or say a value between them"),
    ("missing comma", "put a comma between the two"),
    ("unexpected leading zero", "remove the leading 0"),
    ("extra `=`", "say one `=` between the key and its value"),
    ("missing value", "say a value, or remove the key"),
    ("unexpected key or value", "begin a new line after a value; a comment begins with `#`"),
    ("key with no value", "say a key, `=` and a value; a comment begins with `#`"),
    ("missing assignment", "say a key, `=` and a value for each, as in { when = \"always\", give-up-after = 5 }"),
    ("missing key", "say a key, `=` and a value for each, as in { when = \"always\", give-up-after = 5 }"),
    ("extra assignment", "say a key, `=` and a value for each, as in { when = \"always\", give-up-after = 5 }"),
    ("invalid inline table", "say a key, `=` and a value for each, as in { when = \"always\", give-up-after = 5 }"),
    ("unexpected `=`", "close the list with `]`, or say tables in it, as in [{ hex = \"494d\" }]"),
    ("missing opening quote", "put a quote before the text"),
    ("missing array opening", "remove the `]`, or put a `[` before the list"),
    ("missing inline table opening", "remove the `}`, or put a `{` before the table"),
    ("invalid boolean", "say true or false, in small letters; put a text in quotes"),
    ("invalid comment character", "remove the control character"),
];

/// Words of what the parser says about what is no number, no date, no true and no false.
const OF_VALUES: [&str; 12] = [
    "number", "float", "exponent", "mantissa", "fraction", "sign", "radix", "date", "boolean", "integer",
    "digit", "value",
];

/// `before` is what stands before the place in its line, `rest` what follows.
pub(super) fn advice(said: &str, before: &str, rest: &str) -> Advice {
    let said = said.trim_end_matches(", expected nothing");
    let with = |message: &str, help: &str| Advice { message: message.to_string(), help: help.to_string() };
    if said.starts_with("string values must be quoted") {
        return unquoted(rest);
    }
    if said.contains("key") && (rest.starts_with(':') || before.trim_end().ends_with(':')) {
        return with(said, "write `=` instead of `:`");
    }
    if let Some((_, help)) = HELP.iter().find(|(begin, _)| said.starts_with(begin)) {
        return with(said, help);
    }
    if said.contains("escape") || said.contains("unicode") {
        let message = said
            .split(',')
            .next()
            .unwrap_or(said)
            .replace("missing escaped value", "an unknown escape after `\\`");
        return with(
            &message,
            "write a backslash as `\\\\`, or put the text in '…', where it is taken as it is",
        );
    }
    if said.contains("string") {
        return text(said);
    }
    if said.contains("key") {
        return with(said, "a key has letters, digits, `-` and `_`; put one with more in quotes");
    }
    if OF_VALUES.iter().any(|word| said.contains(word)) {
        return with(said, "correct the number; if it is a text, put it in quotes, as in \"10s\"");
    }
    with(said, "correct it: TOML is explained at https://toml.io")
}

/// A value that is no text, or none at all.
fn unquoted(rest: &str) -> Advice {
    let word = rest.split(|character: char| character.is_whitespace() || ",]}#=".contains(character)).next();
    let word: String = word.unwrap_or_default().chars().take(40).collect();
    if word.is_empty() {
        let message = "there is no value".to_string();
        return Advice { message, help: "say a value, or remove the key".to_string() };
    }
    let help = format!("say {word:?}, if it is a text");
    Advice { message: format!("`{word}` stands there without quotes"), help }
}

/// A text in quotes.
fn text(said: &str) -> Advice {
    let closing = ["expected `\"`", "expected `'`", "expected '`'"];
    let (message, help) = if closing.iter().any(|end| said.ends_with(end)) {
        let quote = if said.contains("literal") { '\'' } else { '"' };
        ("a text is not closed in its line".to_string(), format!("close it with {quote}"))
    } else {
        let help = "write the character as an escape in \"…\", such as \\n or \\u0000, or remove it";
        (said.split(',').next().unwrap_or(said).to_string(), help.to_string())
    };
    Advice { message, help }
}
