//! `restart`: when a plugin is started again.

use toml::de::DeValue;

use super::section::{Section, Zero};
use super::values::{self, Wrong};
use super::Located;
use crate::application::diagnostics::Diagnostics;
use crate::supervisor::{Restart, RestartPolicy};

const WHEN: [(&str, Restart); 3] =
    [("never", Restart::Never), ("on-failure", Restart::OnFailure), ("always", Restart::Always)];

/// Reads the key of a plugin's table: a word, or a table.
pub(super) fn read(plugin: &mut Section<'_>, out: &mut Diagnostics) -> Option<RestartPolicy> {
    let value = plugin.value("restart")?;
    let span = value.span();
    let table = match value.get_ref() {
        DeValue::Table(table) => table,
        word @ DeValue::String(_) => {
            return match values::choice(word, &WHEN) {
                Ok(when) => Some(RestartPolicy { when, ..RestartPolicy::default() }),
                Err(wrong) => {
                    wrong.say("restart", &span, out);
                    None
                }
            };
        }
        other => {
            let expected = "\"never\", \"on-failure\" or \"always\", or a table such as { when = \"always\", give-up-after = 5 }";
            Wrong::kind(other, expected).say("restart", &span, out);
            return None;
        }
    };
    let mut section = Section::new("`restart`", table, span);
    let default = RestartPolicy::default();
    let when = section.choice("when", &WHEN, out).unwrap_or(default.when);
    let first_delay = section.duration("first-delay", Zero::Allowed, out);
    let max_delay = section.duration("max-delay", Zero::Allowed, out);
    let give_up_after = section.number("give-up-after", 1..=u64::from(u32::MAX), out);
    let give_up_within = section.duration("give-up-within", Zero::Refused, out);

    let first = first_delay.as_ref().map_or(default.first_delay, |delay| delay.value);
    let longest = max_delay.as_ref().map_or(default.max_delay.max(first), |delay| delay.value);
    if let Some(Located { span, .. }) = max_delay.as_ref().filter(|_| longest < first) {
        out.error(span, format!("`max-delay` is shorter than `first-delay`, {first:?}"))
            .help("the first pause is the shortest: each further one doubles it, up to `max-delay`");
    }
    section.finish(out);
    Some(RestartPolicy {
        when,
        first_delay: first,
        max_delay: longest,
        give_up_after: give_up_after
            .and_then(|number| u32::try_from(number.value).ok())
            .unwrap_or(default.give_up_after),
        give_up_within: give_up_within.map_or(default.give_up_within, |window| window.value),
    })
}
