//! Event types: known names, distinct prefixes.

use std::collections::BTreeMap;

use event_engine_protocol::{constants, filter};

use crate::application::diagnostics::Diagnostics;
use crate::application::read::{Draft, Located, Span};
use crate::application::suggest;

/// Checks declarations and uses.
pub(in crate::application) fn types(draft: &Draft, out: &mut Diagnostics) {
    let declared: Vec<(&str, &Located<Vec<u8>>)> = draft
        .types
        .iter()
        .filter_map(|declared| Some((declared.name.value.as_str(), declared.prefix.as_ref()?)))
        .collect();
    prefixes(&declared, out);
    if !draft.application.allow_ambiguous_filters {
        ambiguous(&declared, out);
    }
    for plugin in &draft.plugins {
        for names in [&plugin.subscribe, &plugin.publish] {
            let mut seen: BTreeMap<&str, &Span> = BTreeMap::new();
            for name in names {
                if let Some(first) = seen.insert(&name.value, &name.span) {
                    out.warning(&name.span, format!("`{}` is named twice", name.value))
                        .related(first, "here, too")
                        .help("remove one of them");
                }
            }
        }
        if !draft.partial {
            for name in plugin.subscribe.iter().chain(&plugin.publish).chain(&plugin.dead_letter) {
                unknown(name, draft, out);
            }
        }
    }
}

/// Says that a name is no type's.
fn unknown(name: &Located<String>, draft: &Draft, out: &mut Diagnostics) {
    let known = || draft.types.iter().map(|declared| declared.name.value.as_str());
    if known().any(|known| known == name.value) {
        return;
    }
    let help = suggest::did_you_mean(&name.value, known()).unwrap_or_else(|| {
        // Somebody may have written the prefix in place of the name.
        let same_prefix = |prefix: &Located<Vec<u8>>| prefix.value == name.value.as_bytes();
        match draft.types.iter().find(|declared| declared.prefix.as_ref().is_some_and(same_prefix)) {
            Some(declared) => {
                format!("`{}` is the prefix of type `{}`: say its name", name.value, declared.name.value)
            }
            None => format!(
                "declare it below [types]: {} = \"…\", with the prefix of its events",
                key(&name.value)
            ),
        }
    });
    out.error(&name.span, format!("there is no type `{}`", name.value)).help(help);
}

/// A name as a key of TOML.
fn key(name: &str) -> String {
    let bare = |character: char| character.is_ascii_alphanumeric() || character == '-' || character == '_';
    if !name.is_empty() && name.chars().all(bare) {
        name.to_string()
    } else {
        format!("{name:?}")
    }
}

/// Prefixes that no type can have, and those that two have.
fn prefixes(declared: &[(&str, &Located<Vec<u8>>)], out: &mut Diagnostics) {
    let mut owners: BTreeMap<&[u8], (&str, &Span)> = BTreeMap::new();
    for (name, prefix) in declared {
        if prefix.value.is_empty() {
            out.warning(
                &prefix.span,
                format!("type `{name}` has an empty prefix: who subscribes to it takes every event"),
            )
            .help("say a prefix, unless that is meant, as for a logger");
        } else if prefix.value.starts_with(constants::COMMAND_PREFIX) {
            let command = String::from_utf8_lossy(constants::COMMAND_PREFIX);
            out.error(&prefix.span, format!("the prefix of type `{name}` begins with `{command}`"))
                .help("choose another: clients of the basic profile could not publish it, as their commands begin so (spec/basic.md)");
        }
        match owners.get(prefix.value.as_slice()) {
            Some((first, span)) => {
                out.error(&prefix.span, format!("types `{first}` and `{name}` have the same prefix"))
                    .related(span, format!("the prefix of `{first}`"))
                    .help("give each type a prefix of its own, or use one type for both");
            }
            None => {
                owners.insert(&prefix.value, (name, &prefix.span));
            }
        }
    }
}

/// Prefixes of which one begins with another.
fn ambiguous(declared: &[(&str, &Located<Vec<u8>>)], out: &mut Diagnostics) {
    let filters: Vec<(&str, &[u8])> =
        declared.iter().map(|(name, prefix)| (*name, prefix.value.as_slice())).collect();
    for (one, other) in filter::ambiguous(&filters) {
        let (Some((one, one_prefix)), Some((other, other_prefix))) = (declared.get(one), declared.get(other))
        else {
            continue;
        };
        let one_is_shorter = one_prefix.value.len() < other_prefix.value.len();
        let (short, long) = if one_is_shorter { (one, other) } else { (other, one) };
        out.error(&other_prefix.span, format!("the prefixes of `{one}` and `{other}` are ambiguous"))
            .related(&one_prefix.span, format!("the prefix of `{one}`"))
            .help(format!(
                "who subscribes to `{short}` gets every `{long}`, too: choose prefixes of which none begins with another, or say \
                 allow-ambiguous-filters = true below [application]"
            ));
    }
}
