//! Names of what is made, and the prefixes of new types.

use crate::exit::Problem;

/// The longest name, in bytes.
const LONGEST: usize = 64;

/// Checks the name of a plugin, a type or an application: it is also a folder's, a TOML key and part of a program.
pub(super) fn check(what: &str, name: &str) -> Result<(), Problem> {
    let fault = if name.is_empty() {
        "is empty".to_owned()
    } else if name.len() > LONGEST {
        format!("is longer than {LONGEST} bytes")
    } else if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
        "has other characters than letters, digits, - and _".to_owned()
    } else if !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        "does not begin with a letter".to_owned()
    } else {
        return Ok(());
    };
    Err(Problem::Wrong(format!("the name of {what} '{name}' {fault}")))
}

/// Checks the name of a plugin.
pub(super) fn check_plugin(name: &str) -> Result<(), Problem> {
    check("the plugin", name)?;
    if ["bus", "control"].contains(&name) {
        return Err(Problem::Wrong(format!(
            "a plugin cannot be called '{name}': the engine itself goes by that name in the ledger; choose another"
        )));
    }
    Ok(())
}

/// A prefix of two capital letters for a new type called `name`, that is ambiguous with none of `taken`. None if there is none left.
pub(super) fn fresh_prefix(name: &str, taken: &[Vec<u8>]) -> Option<[u8; 2]> {
    let letters: Vec<u8> =
        name.bytes().filter(u8::is_ascii_alphabetic).map(|letter| letter.to_ascii_uppercase()).collect();
    let free = |prefix: &[u8; 2]| !taken.iter().any(|other| ambiguous(other, prefix));
    // Two letters of the name in their order, the first letter with any other, and at last any two.
    let of_name =
        (0..letters.len()).flat_map(|first| (first + 1..letters.len()).map(move |second| (first, second)));
    let of_name = of_name.filter_map(|(first, second)| Some([*letters.get(first)?, *letters.get(second)?]));
    let from_first =
        letters.first().into_iter().flat_map(|&first| (b'A'..=b'Z').map(move |second| [first, second]));
    let any = (b'A'..=b'Z').flat_map(|first| (b'A'..=b'Z').map(move |second| [first, second]));
    of_name.chain(from_first).chain(any).find(free)
}

/// Whether one begins with the other, so that an event could be of both types. The empty prefix is everything's, on purpose.
fn ambiguous(one: &[u8], other: &[u8]) -> bool {
    !one.is_empty() && (one.starts_with(other) || other.starts_with(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for good in ["a", "scorer-2", "Image_Scorer"] {
            check_plugin(good).unwrap();
        }
        for (bad, why) in [
            ("", "is empty"),
            ("a b", "letters, digits"),
            ("../x", "letters, digits"),
            ("é", "letters, digits"),
            ("2nd", "begin with a letter"),
            ("-x", "begin with a letter"),
            (&"x".repeat(65), "longer than 64"),
            ("bus", "the engine itself"),
            ("control", "the engine itself"),
        ] {
            let failure = check_plugin(bad).unwrap_err();
            assert!(matches!(&failure, Problem::Wrong(text) if text.contains(why)), "{bad}: {failure:?}");
        }
    }

    #[test]
    fn a_fresh_prefix_is_taken_from_the_name_and_never_ambiguous() {
        let taken = |list: &[&str]| list.iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>();
        assert_eq!(fresh_prefix("tick", &[]), Some(*b"TI"));
        assert_eq!(fresh_prefix("tick", &taken(&["TI"])), Some(*b"TC"));
        assert_eq!(fresh_prefix("tick", &taken(&["TIger", ""])), Some(*b"TC"));
        assert_eq!(fresh_prefix("tick", &taken(&["T"])), Some(*b"IC"));
        assert_eq!(fresh_prefix("x", &[]), Some(*b"XA"));
        let every: Vec<Vec<u8>> = (b'A'..=b'Z').map(|letter| vec![letter]).collect();
        assert_eq!(fresh_prefix("tick", &every), None);
    }
}
