//! Generated files are up to date.

use crate::emit;
use crate::source::{Problem, Source};
use crate::Spec;

pub(super) fn check(spec: &Spec) -> Vec<Problem> {
    let outputs = match emit::outputs(spec) {
        Ok(outputs) => outputs,
        Err(problems) => return problems,
    };
    let mut problems = Vec::new();
    for output in outputs {
        let source = match Source::read(&spec.root, &output.path) {
            Ok(source) => source,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        // Statements have a check of their own, which names the requirement.
        let is_prose = output.path.ends_with(".md");
        let mut wanted = output.text.lines();
        for (index, line) in source.text.lines().enumerate() {
            let wanted = wanted.next();
            if wanted != Some(line) && !(is_prose && line.contains("**[EE-")) {
                let text = format!("not up to date: run `{}`", emit::COMMAND);
                problems.push(source.problem_at_line(index + 1, text));
                break;
            }
        }
        if wanted.next().is_some() && !problems.iter().any(|problem| problem.path == source.path) {
            let text = format!("not up to date, its end is missing: run `{}`", emit::COMMAND);
            problems.push(source.problem_at_line(source.text.lines().count().max(1), text));
        }
    }
    problems
}
