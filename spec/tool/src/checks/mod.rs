//! Every kind of disagreement, one file each.

mod cases;
mod citations;
mod documents;
mod generated;
mod registry;
mod statements;
mod vectors;
mod walks;

use crate::{Options, Outcome, Spec};

/// Runs every check.
pub fn all(spec: &Spec, options: Options) -> Outcome {
    let mut problems = spec.protocol.0.check(&spec.protocol.1);
    problems.extend(spec.machines.0.check(&spec.machines.1, &spec.protocol.0));
    problems.extend(generated::check(spec));
    problems.extend(registry::check(spec));
    problems.extend(statements::check(spec));
    problems.extend(cases::check(spec, options));
    problems.extend(citations::check(spec));
    problems.extend(vectors::check(spec));
    problems.extend(walks::check(spec));
    problems.extend(documents::check(spec));
    problems.sort();
    problems.dedup();

    let requirements = &spec.registry.0.requirements;
    let untestable = requirements.iter().filter(|requirement| requirement.untestable.is_some()).count();
    let pending = requirements.iter().filter(|requirement| !requirement.pending.is_empty()).count();
    let summary = format!(
        "{} requirements ({untestable} untestable, {pending} with pending tests), {} vectors, {} documents",
        requirements.len(),
        spec.vectors.heads().len(),
        spec.prose.len()
    );
    Outcome { summary, problems }
}
