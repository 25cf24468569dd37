//! Filters of events as the command line writes them.

use base64::prelude::{Engine as _, BASE64_STANDARD};
use event_engine::control::messages::Status;

use crate::exit::Problem;
use crate::hex;

/// An event type of a running application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EventType {
    /// Its name.
    pub(crate) name: String,
    /// How its events begin.
    pub(crate) prefix: Vec<u8>,
}

/// The event types of an application, those with the longest prefixes first.
pub(crate) fn types(status: &Status) -> Vec<EventType> {
    let mut types: Vec<EventType> = status
        .types
        .iter()
        .filter_map(|named| {
            Some(EventType { name: named.name.clone(), prefix: BASE64_STANDARD.decode(&named.prefix).ok()? })
        })
        .collect();
    types.sort_by_key(|named| std::cmp::Reverse(named.prefix.len()));
    types
}

/// The prefix of the type called `name`.
///
/// # Errors
/// [`Problem::Wrong`], naming the types that there are.
pub(crate) fn of_type(name: &str, types: &[EventType]) -> Result<Vec<u8>, Problem> {
    types.iter().find(|known| known.name == name).map(|known| known.prefix.clone()).ok_or_else(|| {
        let mut known: Vec<&str> = types.iter().map(|known| known.name.as_str()).collect();
        known.sort_unstable();
        Problem::Wrong(match known.as_slice() {
            [] => format!("there is no type '{name}': the application names no types"),
            known => format!("there is no type '{name}'; the application has {}", known.join(", ")),
        })
    })
}

/// The prefix that `text` writes: `type:NAME`, `hex:DIGITS`, or the text itself.
///
/// # Errors
/// [`Problem::Wrong`].
pub(crate) fn parse(text: &str, types: &[EventType]) -> Result<Vec<u8>, Problem> {
    match (text.strip_prefix("type:"), text.strip_prefix("hex:")) {
        (Some(name), _) => of_type(name, types),
        (_, Some(digits)) => hex::decode(digits).ok_or_else(|| {
            Problem::Wrong(format!("'{digits}' is not hexadecimal: hex: is followed by pairs of digits"))
        }),
        _ => Ok(text.as_bytes().to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Vec<EventType> {
        let named = |name: &str, prefix: &str| event_engine::control::messages::Type {
            name: name.to_owned(),
            prefix: BASE64_STANDARD.encode(prefix),
        };
        let status = Status {
            types: vec![named("b", "B"), named("all", "BLL"), named("a", "AA")],
            ..Status::default()
        };
        types(&status)
    }

    #[test]
    fn the_longest_prefix_comes_first() {
        let names: Vec<String> = known().into_iter().map(|named| named.name).collect();
        assert_eq!(names, ["all", "a", "b"]);
    }

    #[test]
    fn filters_are_text_digits_or_types() {
        assert_eq!(parse("type:a", &known()).unwrap(), b"AA");
        assert_eq!(parse("hex:00ff", &known()).unwrap(), b"\0\xff");
        assert_eq!(parse("reading: ", &known()).unwrap(), b"reading: ");
        let wrong = |text, types: &[EventType]| match parse(text, types) {
            Err(Problem::Wrong(text)) => text,
            other => panic!("{other:?}"),
        };
        insta::assert_snapshot!([wrong("type:c", &known()), wrong("type:c", &[]), wrong("hex:0", &known())].join("\n"), @r"
        there is no type 'c'; the application has a, all, b
        there is no type 'c': the application names no types
        '0' is not hexadecimal: hex: is followed by pairs of digits
        ");
    }
}
