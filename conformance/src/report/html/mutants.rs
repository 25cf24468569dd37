//! What a self-test showed: each mutant, the cases that killed it, and for which rule.

use crate::record::{Kill, MutantResult};
use crate::report::html::cases::anchor;
use crate::report::html::escape::text;
use crate::report::html::matrix::rule_link;
use crate::report::mutants;
use crate::report::reading::Record;
use crate::report::words::{self, put};

/// All mutants, survivors first.
pub(super) fn section(out: &mut String, record: &Record, _: &[String]) {
    if record.mutants.is_empty() {
        return;
    }
    out.push_str("<section>\n<h2 id=\"mutants\">Self-test</h2>\n");
    put!(out, "<p>{}.</p>\n", text(&mutants::sentence(&record.mutants)));
    out.push_str("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Mutants\">\n");
    out.push_str(
        "<table class=\"results\">\n<thead><tr><th scope=\"col\">Mutant</th><th scope=\"col\">Breaks</th>",
    );
    out.push_str("<th scope=\"col\">What the cases say</th></tr></thead>\n<tbody>\n");
    mutants::sorted(&record.mutants).into_iter().for_each(|mutant| row(out, record, mutant));
    out.push_str("</tbody>\n</table>\n</div>\n</section>\n");
}

fn row(out: &mut String, record: &Record, mutant: &MutantResult) {
    let word = mutants::word(mutant);
    let (class, sign) = if mutant.killed { ("pass", "✓") } else { ("fail", "✗") };
    put!(out, "<tr data-f=\"{word}\"><th scope=\"row\"><i class=\"{class}\" title=\"{word}\">{sign}</i> ");
    put!(out, "{}</th><td class=\"rules\">", text(&mutant.mutant));
    mutant.breaks.iter().for_each(|id| put!(out, "{} ", rule_link(id)));
    let (killing, silent): (Vec<&Kill>, Vec<&Kill>) = mutant.cases.iter().partition(|kill| kill.killed);
    let open = if mutant.killed { "" } else { " open" };
    let (by, of) = (killing.len(), mutant.cases.len());
    put!(out, "</td><td>{}<details{open}>", text(&mutant.title));
    put!(out, "<summary>{word}: {by} of {of} cases kill it</summary>");
    silent.into_iter().chain(killing).for_each(|kill| entry(out, record, kill));
    out.push_str("</details></td></tr>\n");
}

fn entry(out: &mut String, record: &Record, kill: &Kill) {
    let (class, sign) = if kill.killed { ("pass", "✓") } else { ("fail", "✗") };
    let title = if kill.killed { "kills it" } else { "does not kill it" };
    put!(out, "<p><i class=\"{class}\" title=\"{title}\">{sign}</i> ");
    // The same case with the reference.
    match record.cases.iter().position(|result| result.case == kill.case) {
        Some(index) => put!(out, "<a href=\"#{}\">{}</a>", anchor(index), text(&kill.case)),
        None => put!(out, "{}", text(&kill.case)),
    }
    put!(out, " {} ", words::phrase(kill.verdict));
    kill.requirements.iter().for_each(|id| put!(out, "{} ", rule_link(id)));
    put!(out, "<small>{}</small></p>", text(&words::short(&kill.why, 160)));
}
