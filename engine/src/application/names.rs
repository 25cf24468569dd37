//! Which names applications, types and plugins may have.

use crate::builder::RESERVED;

/// The longest name, in bytes.
pub(crate) const NAME_MAX_BYTES: usize = 64;

/// What is wrong with a name, if anything is. `whose` is a word like `plugin`.
pub(crate) fn problem(name: &str, whose: &str) -> Option<String> {
    let text = if name.is_empty() {
        format!("the {whose} has an empty name")
    } else if name.len() > NAME_MAX_BYTES {
        format!("the {whose}'s name is {} bytes long; at most {NAME_MAX_BYTES} are allowed", name.len())
    } else if let Some(character) = name.chars().find(|character| *character == '/' || character.is_control())
    {
        let what = match character {
            '/' => "a slash".to_string(),
            '\0' => "a NUL character".to_string(),
            other => format!("the control character U+{:04X}", u32::from(other)),
        };
        format!("the {whose}'s name contains {what}")
    } else if name.trim() != name {
        format!("the {whose}'s name begins or ends with a space")
    } else if name.starts_with('.') {
        format!("the {whose}'s name begins with a dot")
    } else if whose == "plugin" && RESERVED.contains(&name) {
        format!("no plugin may be called `{name}`: the engine itself is called so in the ledger")
    } else {
        return None;
    };
    Some(text)
}

/// The help for all of them.
pub(crate) const HELP: &str = "choose a short name of letters, digits, `-` and `_`";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_for_people_and_files() {
        for good in ["a", "trail-camera", "Größe 2", &"x".repeat(64)] {
            assert_eq!(problem(good, "plugin"), None, "{good}");
        }
        for wrong in
            ["", "a/b", "a\0b", "a\nb", "a\u{85}", " a", "a ", "..", ".x", "bus", "control", &"x".repeat(65)]
        {
            assert!(problem(wrong, "plugin").is_some(), "{wrong:?}");
        }
        assert_eq!(problem("bus", "application"), None);
    }
}
