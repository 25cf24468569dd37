//! A command in one text, split as by a shell's words, without anything else that a shell does.

/// Where a text cannot be split, and why.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unsplit(pub(super) &'static str);

/// What was split, and the first unquoted piece that a shell would have taken for more than text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) words: Vec<String>,
    pub(super) for_a_shell: Option<String>,
}

/// Splits at spaces; `'…'` takes everything as it is, `"…"` all but `\"` and `\\`, and `\` the next character as it is.
pub(super) fn split(text: &str) -> Result<Words, Unsplit> {
    let mut words = Vec::new();
    let mut for_a_shell = None;
    let mut word: Option<String> = None;
    let mut bare = true;
    let mut characters = text.chars().peekable();
    loop {
        let next = characters.next();
        let Some(character) = next.filter(|character| !character.is_whitespace()) else {
            if let Some(word) = word.take() {
                if bare && for_a_shell.is_none() && is_for_a_shell(&word) {
                    for_a_shell = Some(word.clone());
                }
                words.push(word);
            }
            bare = true;
            if next.is_none() {
                return Ok(Words { words, for_a_shell });
            }
            continue;
        };
        let word = word.get_or_insert_default();
        match character {
            '\'' => {
                bare = false;
                loop {
                    match characters.next() {
                        Some('\'') => break,
                        Some(character) => word.push(character),
                        None => return Err(Unsplit("a ' is opened and not closed")),
                    }
                }
            }
            '"' => {
                bare = false;
                loop {
                    match characters.next() {
                        Some('"') => break,
                        Some('\\') if matches!(characters.peek(), Some('"' | '\\')) => {
                            word.extend(characters.next())
                        }
                        Some(character) => word.push(character),
                        None => return Err(Unsplit("a \" is opened and not closed")),
                    }
                }
            }
            '\\' => {
                bare = false;
                word.push(characters.next().ok_or(Unsplit("it ends with a \\"))?);
            }
            character => word.push(character),
        }
    }
}

/// Whether a shell would have done something with this word.
fn is_for_a_shell(word: &str) -> bool {
    matches!(word, "|" | "||" | "&" | "&&" | ";" | "<" | ">" | ">>" | "2>" | "2>&1")
        || word.starts_with('$')
        || word.starts_with("~/")
        || word.ends_with(';')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        split(text).unwrap().words
    }

    #[test]
    fn words_are_split_as_by_a_shell() {
        assert_eq!(words("./scorer --fast"), ["./scorer", "--fast"]);
        assert_eq!(words("  a\t b\n"), ["a", "b"]);
        assert_eq!(words(r#"a 'b c' "d e" f\ g"#), ["a", "b c", "d e", "f g"]);
        assert_eq!(words(r#"a"b"'c'\d ''"#), ["abcd", ""]);
        assert_eq!(words(r#""\"\\\n" '\'"#), [r#""\\n"#, r"\"]);
        assert!(words("").is_empty() && words("  ").is_empty());
        assert_eq!(words("a #b"), ["a", "#b"]);
    }

    #[test]
    fn what_is_open_is_said() {
        assert_eq!(split("a 'b"), Err(Unsplit("a ' is opened and not closed")));
        assert_eq!(split("a \"b\\\""), Err(Unsplit("a \" is opened and not closed")));
        assert_eq!(split("a\\"), Err(Unsplit("it ends with a \\")));
    }

    #[test]
    fn what_only_a_shell_does_is_noticed() {
        for (text, noticed) in [("a | b", "|"), ("a $HOME", "$HOME"), ("cd x; y", "x;"), ("a > b && c", ">")]
        {
            assert_eq!(split(text).unwrap().for_a_shell.as_deref(), Some(noticed), "{text}");
        }
        for text in ["a '|' b", "a \\$HOME", "a x|y", "printf 'a; b'"] {
            assert_eq!(split(text).unwrap().for_a_shell, None, "{text}");
        }
    }
}
