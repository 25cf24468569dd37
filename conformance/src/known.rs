//! The ledger of known failures: `conformance/known-failures/*.toml`. An entry says which case fails for whom, why, how that shows,
//! and until when that is accepted.

use std::sync::atomic::{AtomicBool, Ordering};

use serde::Deserialize;

use crate::record::{CaseResult, Verdict};

/// One known failure.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// The subject's key, such as `ancestor`.
    subject: String,
    /// Case ids; one may end with `*`.
    cases: Vec<String>,
    /// Why it fails.
    reason: String,
    /// A part of what is observed, or of what is expected, in the failure.
    symptom: String,
    /// A date (2027-01-31), or `permanent`.
    expires: String,
    /// Whether it is a race: its cases may all pass, so that the entry is never stale.
    #[serde(default)]
    race: bool,
    #[serde(skip)]
    used: AtomicBool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    known: Vec<Entry>,
}

/// All known failures.
#[derive(Default)]
pub(crate) struct Known {
    entries: Vec<Entry>,
    today: String,
}

impl Known {
    /// Reads the ledger that this program holds.
    pub(crate) fn built_in(today: &str) -> Result<Self, String> {
        let mut entries = Vec::new();
        for (file, text) in crate::data::files("known-failures")? {
            let read: File = toml::from_str(&text).map_err(|error| format!("{file}: {error}"))?;
            for entry in read.known {
                if entry.reason.trim().is_empty() || entry.symptom.is_empty() || entry.cases.is_empty() {
                    return Err(format!(
                        "{file}: an entry of {} lacks cases, reason or symptom",
                        entry.subject
                    ));
                }
                entries.push(entry);
            }
        }
        Ok(Self { entries, today: today.to_owned() })
    }

    /// Turns a failure that is known into that, and a pass that was not expected, too.
    pub(crate) fn judge(&self, result: &mut CaseResult) {
        let plain = result.case.clone();
        let Some(entry) = self.entries.iter().find(|entry| {
            result.subjects.contains(&entry.subject)
                && entry.cases.iter().any(|case| match case.strip_suffix('*') {
                    Some(begin) => plain.starts_with(begin),
                    None => plain == *case,
                })
                && (result.verdict != Verdict::Fail || entry.fits(result))
        }) else {
            return;
        };
        match result.verdict {
            Verdict::Fail if entry.is_valid(&self.today) => {
                entry.used.store(true, Ordering::Relaxed);
                result.verdict = Verdict::KnownFail;
                result.reason = Some(format!("{} (accepted: {})", entry.reason, entry.expires));
            }
            Verdict::Fail => {
                result.reason =
                    Some(format!("this known failure has expired on {}: {}", entry.expires, entry.reason));
            }
            // Of a pattern some may pass; a case that is named must not.
            Verdict::Pass if entry.cases.contains(&plain) => {
                entry.used.store(true, Ordering::Relaxed);
                result.verdict = Verdict::UnexpectedPass;
                result.reason = Some(format!("it is in the ledger of known failures: {}", entry.reason));
            }
            _ => {}
        }
    }

    /// Entries for these subjects that no failure used: they are stale, after a whole run.
    pub(crate) fn stale(&self, subjects: &[&str]) -> Vec<String> {
        self.entries
            .iter()
            .filter(|entry| subjects.contains(&entry.subject.as_str()))
            .filter(|entry| !entry.race && !entry.used.load(Ordering::Relaxed))
            .map(|entry| {
                format!(
                    "stale: no case of {} fails any more as {} says",
                    entry.subject,
                    entry.cases.join(", ")
                )
            })
            .collect()
    }
}

impl Entry {
    fn fits(&self, result: &CaseResult) -> bool {
        let symptom = self.symptom.to_lowercase();
        result.failure.as_ref().is_some_and(|failure| {
            failure.observed.to_lowercase().contains(&symptom)
                || failure.expected.to_lowercase().contains(&symptom)
        })
    }

    fn is_valid(&self, today: &str) -> bool {
        self.expires == "permanent" || self.expires.as_str() >= today
    }
}
