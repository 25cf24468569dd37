//! Cases: data that say who does what, and what must come of it. Their language is described in `conformance/cases.md`.

mod catalogue;
mod line;
mod pattern;

use serde::Deserialize;

pub(crate) use catalogue::{natural, selected, selected_in, Catalogue, Selection};
pub(crate) use line::{Actor, Alternative, Argument, Compare, Step};
pub(crate) use pattern::{shown, Bytes, Pattern, Variables};

use crate::record::Lane;

/// Whom a case judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Judged {
    /// A client library.
    Client,
    /// An engine.
    Engine,
}

/// One case.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// `<area>/<number>`, stable: a case that goes takes its number with it.
    pub(crate) id: String,
    /// One sentence.
    pub(crate) title: String,
    /// What it tests.
    pub(crate) requirements: Vec<String>,
    /// Whom it judges.
    pub(crate) judged: Judged,
    /// Between whom it plays.
    pub(crate) lane: Lane,
    /// The profiles in which it runs; with several, once in each.
    pub(crate) profiles: Vec<String>,
    /// Features that the subject must have.
    pub(crate) needs: Vec<String>,
    /// Features that the engine must have, where that is not the subject.
    pub(crate) engine_needs: Vec<String>,
    /// It binds clients of the role `sdk` only.
    pub(crate) sdk_only: bool,
    /// Part of the smoke run.
    pub(crate) smoke: bool,
    /// It has the machine for itself: it measures, or it fills memory.
    pub(crate) alone: bool,
    /// The most that it may take.
    pub(crate) limit_ms: u64,
    /// Where it stands.
    pub(crate) file: String,
    /// What happens.
    pub(crate) steps: Vec<Step>,
}

/// A case as it stands in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    id: String,
    title: String,
    requirements: Vec<String>,
    judged: Judged,
    #[serde(default)]
    profiles: Vec<String>,
    #[serde(default)]
    needs: Vec<String>,
    #[serde(default)]
    engine_needs: Vec<String>,
    #[serde(default)]
    sdk_only: bool,
    #[serde(default)]
    smoke: bool,
    #[serde(default)]
    alone: bool,
    #[serde(default)]
    limit_ms: Option<u64>,
    steps: String,
}

/// A case that this program makes.
pub(crate) struct Made {
    pub(crate) id: String,
    pub(crate) title: String,
    /// None: those that its steps name.
    pub(crate) requirements: Vec<String>,
    pub(crate) judged: Judged,
    pub(crate) profiles: Vec<String>,
    pub(crate) needs: Vec<String>,
    pub(crate) sdk_only: bool,
    /// Where it comes from.
    pub(crate) file: String,
    pub(crate) steps: String,
}

/// The cases of a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Written>,
}

/// The most that a case may take, unless it says otherwise.
const LIMIT_MS: u64 = 20_000;

impl Case {
    /// Reads the cases of a file.
    pub(crate) fn read(file: &str, text: &str) -> Result<Vec<Self>, String> {
        let written: File = toml::from_str(text).map_err(|error| format!("{file}: {error}"))?;
        written.case.into_iter().map(|case| Self::of(file, case)).collect()
    }

    /// A case that this program has made.
    pub(crate) fn made(made: Made) -> Result<Self, String> {
        let Made { id, title, mut requirements, judged, profiles, needs, sdk_only, file, steps } = made;
        if requirements.is_empty() {
            let read = Step::read(&steps).map_err(|why| format!("{id}: {why}"))?;
            requirements = read.into_iter().flat_map(|step| step.requirements).collect();
            requirements.sort_by(|one, other| crate::requirements::natural(one, other));
        }
        let written = Written {
            id,
            title,
            requirements,
            judged,
            profiles,
            needs,
            engine_needs: Vec::new(),
            sdk_only,
            smoke: false,
            alone: false,
            limit_ms: None,
            steps,
        };
        Self::of(&file, written)
    }

    fn of(file: &str, written: Written) -> Result<Self, String> {
        let steps = Step::read(&written.steps).map_err(|why| format!("{file}: {}: {why}", written.id))?;
        let uses = |wanted: fn(&Actor) -> bool| steps.iter().any(|step| wanted(&step.actor));
        let lane = match (
            uses(|actor| matches!(actor, Actor::Listener)),
            uses(|actor| matches!(actor, Actor::Client(_))),
            uses(|actor| matches!(actor, Actor::Client(2))),
        ) {
            (true, _, _) => Lane::HostileEngine,
            (false, true, true) => Lane::Pair,
            (false, true, false) => Lane::ClientEngine,
            (false, false, _) => Lane::HostileClient,
        };
        let mut requirements = written.requirements;
        for id in steps.iter().flat_map(|step| &step.requirements) {
            if !requirements.contains(id) {
                return Err(format!("{file}: {}: a step names {id}, which the case does not", written.id));
            }
        }
        requirements.dedup();
        if requirements.is_empty() {
            return Err(format!("{file}: {} names no requirement", written.id));
        }
        Ok(Self {
            id: written.id,
            title: written.title,
            requirements,
            judged: written.judged,
            lane,
            profiles: written.profiles,
            needs: written.needs,
            engine_needs: written.engine_needs,
            sdk_only: written.sdk_only,
            smoke: written.smoke,
            alone: written.alone,
            limit_ms: written.limit_ms.unwrap_or(LIMIT_MS),
            file: file.to_owned(),
            steps,
        })
    }

    /// The profiles to run it in: none, or each.
    pub(crate) fn runs(&self) -> Vec<Option<&str>> {
        if self.profiles.is_empty() {
            vec![None]
        } else {
            self.profiles.iter().map(|profile| Some(profile.as_str())).collect()
        }
    }

    /// What the record calls it in a profile.
    pub(crate) fn name_in(&self, profile: Option<&str>) -> String {
        match profile {
            Some(profile) if self.profiles.len() > 1 => format!("{}@{profile}", self.id),
            _ => self.id.clone(),
        }
    }
}
