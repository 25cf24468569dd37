//! Who is measured, in what, and with how many events.

use crate::record;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Measure {
    /// The client publishes; the engine's account says what arrived.
    Publish,
    /// The client takes what is in its plugin's queue.
    Receive,
    /// The client publishes an event and takes it back, one after the other.
    RoundTrips,
}

impl Measure {
    /// In the order of the tables.
    pub(crate) const ALL: [Measure; 3] = [Measure::Publish, Measure::Receive, Measure::RoundTrips];

    /// As reports call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Measure::Publish => "publish",
            Measure::Receive => "receive",
            Measure::RoundTrips => "round trips",
        }
    }

    /// What its rate counts.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Measure::Publish => "events ÷ (first call to the last one's return)",
            Measure::Receive => {
                "intervals between events ÷ (first event to the last); all are in the queue before"
            }
            Measure::RoundTrips => {
                "round trips ÷ the sum of their times: publish, then take the same event back"
            }
        }
    }
}

/// One client library in one profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) sdk: String,
    pub(crate) profile: String,
    /// The library can be told its profile; else it has but one.
    pub(crate) may_force: bool,
}

impl Row {
    /// As tables call it.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.sdk, self.profile)
    }
}

/// How it is measured.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) rows: Vec<Row>,
    pub(crate) runs: u32,
    /// Events in a session.
    pub(crate) events: u64,
    /// Bytes of an event.
    pub(crate) size: usize,
}

/// Profiles in the order of the tables.
const PROFILES: [&str; 2] = ["session", "basic"];
/// The basic profile takes a request for every event: with so many times fewer events a run takes about as long.
const BASIC_TIMES_FEWER: u64 = 10;
/// Round trips are slow in either profile.
const ROUND_TRIPS_TIMES_FEWER: u64 = 40;
/// Fewer would say nothing about the slowest hundredth.
const LEAST: u64 = 100;

impl Plan {
    /// One row for each profile that a library has; libraries side by side in each.
    pub(crate) fn rows<'a>(subjects: impl Iterator<Item = &'a record::Subject> + Clone) -> Vec<Row> {
        let rows = PROFILES.into_iter().flat_map(|profile| {
            let having =
                subjects.clone().filter(move |about| about.profiles.iter().any(|has| has == profile));
            having.map(move |about| Row {
                sdk: about.key.clone(),
                profile: profile.to_owned(),
                may_force: about.features.iter().any(|feature| feature == "profiles"),
            })
        });
        rows.collect()
    }

    /// With how many events a row is measured.
    pub(crate) fn events(&self, measure: Measure, row: &Row) -> u64 {
        let fewer = match (measure, row.profile.as_str()) {
            (Measure::RoundTrips, _) => ROUND_TRIPS_TIMES_FEWER,
            (_, "basic") => BASIC_TIMES_FEWER,
            _ => 1,
        };
        (self.events / fewer).max(LEAST.min(self.events))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(key: &str, profiles: &[&str], features: &[&str]) -> record::Subject {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        record::Subject {
            key: key.to_owned(),
            profiles: owned(profiles),
            features: owned(features),
            ..record::Subject::default()
        }
    }

    #[test]
    fn every_library_has_a_row_for_each_of_its_profiles() {
        let both = about("both", &["basic", "session"], &["profiles"]);
        let old = about("old", &["basic"], &[]);
        let rows = Plan::rows([&both, &old].into_iter());
        let names: Vec<String> = rows.iter().map(Row::name).collect();
        assert_eq!(names, ["both/session", "both/basic", "old/basic"]);
        assert_eq!(rows.iter().map(|row| row.may_force).collect::<Vec<_>>(), [true, true, false]);
    }

    #[test]
    fn slow_ways_have_fewer_events_but_not_too_few() {
        let row = |profile: &str| Row { sdk: "x".into(), profile: profile.into(), may_force: true };
        let plan = |events| Plan { rows: Vec::new(), runs: 1, events, size: 100 };
        let count = |events, measure, profile| plan(events).events(measure, &row(profile));
        assert_eq!(count(200_000, Measure::Publish, "session"), 200_000);
        assert_eq!(count(200_000, Measure::Receive, "basic"), 20_000);
        assert_eq!(count(200_000, Measure::RoundTrips, "session"), 5_000);
        assert_eq!(count(2_000, Measure::RoundTrips, "basic"), 100);
        assert_eq!(count(20, Measure::RoundTrips, "basic"), 20);
    }
}
