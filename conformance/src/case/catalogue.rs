//! All cases there are, and choosing among them.

use super::{Case, Judged};

/// All cases, in the order of their ids.
pub(crate) struct Catalogue(pub(crate) Vec<Case>);

/// Which cases to run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    /// Ids, or the beginnings of ids that end with `/`, or with `*`; with `@basic` behind it the runs in that profile.
    pub(crate) cases: Vec<String>,
    /// Requirement ids.
    pub(crate) requirements: Vec<String>,
    /// Only those of the smoke run.
    pub(crate) smoke: bool,
}

impl Catalogue {
    /// The cases that are part of this program.
    pub(crate) fn built_in() -> Result<Self, String> {
        let mut cases = Vec::new();
        for (file, text) in crate::data::files("cases")? {
            cases.extend(Case::read(&file, &text)?);
        }
        cases.extend(crate::vectors::cases()?);
        cases.extend(crate::walk::cases()?);
        cases.sort_by_cached_key(|case: &Case| natural(&case.id));
        if let Some([one, _]) = cases.array_windows().find(|[one, other]| one.id == other.id) {
            return Err(format!("the case {} stands twice", one.id));
        }
        Ok(Self(cases))
    }

    /// The case with this id.
    pub(crate) fn get(&self, id: &str) -> Option<&Case> {
        self.0.iter().find(|case| case.id == id)
    }

    /// The cases that test a requirement.
    pub(crate) fn of_requirement<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Case> {
        self.0.iter().filter(move |case| case.requirements.iter().any(|other| other == id))
    }

    /// The cases that judge a client library, or an engine, and are selected.
    pub(crate) fn chosen<'a>(
        &'a self,
        judged: Judged,
        selection: &'a Selection,
    ) -> impl Iterator<Item = &'a Case> {
        self.0.iter().filter(move |case| case.judged == judged && selected(case, selection))
    }
}

/// Whether a selection holds a case, in one of its profiles at least.
pub(crate) fn selected(case: &Case, selection: &Selection) -> bool {
    case.runs().into_iter().any(|profile| selected_in(case, profile, selection))
}

/// Whether a selection holds the run of a case in a profile.
pub(crate) fn selected_in(case: &Case, profile: Option<&str>, selection: &Selection) -> bool {
    let named = |pattern: &String| {
        let (plain, only) = match pattern.split_once('@') {
            Some((plain, only)) => (plain, Some(only)),
            None => (pattern.as_str(), None),
        };
        let id = match plain.strip_suffix('*') {
            Some(begin) => case.id.starts_with(begin),
            None => case.id == plain || (plain.ends_with('/') && case.id.starts_with(plain)),
        };
        id && (only.is_none() || only == profile)
    };
    (selection.cases.is_empty() || selection.cases.iter().any(named))
        && (selection.requirements.is_empty()
            || selection.requirements.iter().any(|id| case.requirements.contains(id)))
        && (!selection.smoke || case.smoke)
}

/// An id in parts, so that 10 comes after 9.
pub(crate) fn natural(id: &str) -> Vec<(u64, String)> {
    id.split(['/', '-'])
        .map(|part| {
            part.parse().map_or_else(|_| (u64::MAX, part.to_owned()), |number| (number, String::new()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{selected_in, Catalogue, Selection};
    use crate::{mutant, requirements};

    #[test]
    fn cases_and_mutants_name_what_there_is() {
        let catalogue = Catalogue::built_in().unwrap();
        let known = |id: &String| requirements::get(id).is_some();
        for case in &catalogue.0 {
            assert!(case.requirements.iter().all(known), "{}: {:?}", case.id, case.requirements);
            assert!(
                case.profiles.iter().all(|profile| profile == "basic" || profile == "session"),
                "{}",
                case.id
            );
        }
        for mutant in mutant::all().unwrap() {
            assert!(mutant.breaks.iter().all(known), "{}: {:?}", mutant.id, mutant.breaks);
            for name in &mutant.cases {
                let plain = name.split('@').next().unwrap();
                let case =
                    catalogue.get(plain).unwrap_or_else(|| panic!("{}: there is no {name}", mutant.id));
                assert_eq!(case.judged, mutant.judged, "{}: {name}", mutant.id);
            }
        }
    }

    #[test]
    fn a_profile_behind_an_id_means_that_one_run() {
        let catalogue = Catalogue::built_in().unwrap();
        let case = catalogue.0.iter().find(|case| case.profiles.len() > 1).unwrap();
        let runs = |pattern: String| {
            let selection = Selection { cases: vec![pattern], ..Selection::default() };
            let runs = case.runs().into_iter().filter(|profile| selected_in(case, *profile, &selection));
            runs.map(Option::unwrap).collect::<Vec<_>>()
        };
        assert_eq!(runs(case.id.clone()), case.profiles);
        assert_eq!(runs(case.name_in(Some("basic"))), ["basic"]);
        assert_eq!(runs(format!("{}@session", case.id)), ["session"]);
        assert!(runs(format!("{}@other", case.id)).is_empty());
    }

    #[test]
    fn every_requirement_has_a_case_or_is_untestable() {
        let catalogue = Catalogue::built_in().unwrap();
        for requirement in requirements::all() {
            let tested = catalogue.of_requirement(&requirement.id).next().is_some();
            assert!(tested || requirement.untestable.is_some(), "{} has no case", requirement.id);
        }
    }
}
