//! Each case that a requirement cites exists.

use crate::source::{Problem, Source};
use crate::{Options, Spec};
use std::collections::BTreeMap;

pub(super) fn check(spec: &Spec, options: Options) -> Vec<Problem> {
    let (registry, source) = &spec.registry;
    let mut tests = Tests { spec, files: BTreeMap::new() };
    let vectors = spec.vectors.heads();
    let mut problems = Vec::new();
    for requirement in &registry.requirements {
        let id: &str = requirement.id.as_ref();
        let mut report = |text: String| problems.push(source.problem(requirement.id.span().start, text));
        for case in &requirement.cases {
            match case.split_once(':') {
                Some(("vector", vector)) => match vectors.iter().find(|head| head.id == vector) {
                    None => report(format!("{id}: there is no vector {vector}")),
                    Some(head) if !head.requirements.iter().any(|other| other == id) => {
                        report(format!("{id}: the vector {vector} does not name this requirement"));
                    }
                    Some(_) => {}
                },
                Some(("test", test)) => {
                    if let Err(text) = tests.find(test) {
                        report(format!("{id}: {text}"));
                    }
                }
                _ => report(format!("{id}: {case} is neither vector:<id> nor test:<path>::<function>")),
            }
        }
        for test in &requirement.pending {
            if tests.find(test).is_ok() {
                report(format!("{id}: {test} exists now: move it to cases, as test:{test}"));
            } else if !options.allow_pending {
                report(format!("{id}: {test} is pending"));
            }
        }
    }
    problems
}

/// Test files, each read once.
struct Tests<'a> {
    spec: &'a Spec,
    files: BTreeMap<String, Option<Source>>,
}

impl Tests<'_> {
    /// Looks for `<path>::<function>`.
    fn find(&mut self, test: &str) -> Result<(), String> {
        let Some((path, function)) = test.split_once("::") else {
            return Err(format!("{test} has no ::<function>"));
        };
        let root = &self.spec.root;
        let file = self.files.entry(path.to_owned()).or_insert_with(|| Source::read(root, path).ok());
        let Some(file) = file else {
            return Err(format!("there is no file {path}"));
        };
        let defined = ["fn ", "def ", "func ", "void ", "int "].iter().any(|keyword| {
            file.text.match_indices(&format!("{keyword}{function}")).any(|(start, found)| {
                let next = file.text.as_bytes().get(start + found.len());
                !next.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
            })
        });
        defined.then_some(()).ok_or_else(|| format!("{path} has no function {function}"))
    }
}
