//! The Markdown files: statements, headings and links in them.
//!
//! A requirement is stated on one line, alone or as a list item: `**[EE-BASIC-4]** text`.

use crate::registry::Registry;
use crate::source::{files_below, Problem, Source};
use std::path::Path;

/// A requirement as the prose states it.
#[derive(Debug)]
pub struct Statement {
    /// Its id.
    pub id: String,
    /// The text after the id.
    pub text: String,
    /// Line, from 1.
    pub line: usize,
}

/// Reads all Markdown files below `spec/`.
///
/// # Errors
/// The first file that cannot be read.
pub fn read(root: &Path) -> Result<Vec<Source>, Problem> {
    files_below(root, "spec", ".md", &["tool"]).iter().map(|path| Source::read(root, path)).collect()
}

/// Splits a line that states a requirement into what stands before the text, the id and the text.
fn split_statement(line: &str) -> Option<(&str, &str, &str)> {
    let item = line.trim_start();
    let item = item.strip_prefix("- ").unwrap_or(item);
    let after = item.strip_prefix("**[EE-")?;
    let (number, text) = after.split_once("]**")?;
    let id_start = line.len() - after.len() - "EE-".len();
    let id = line.get(id_start..id_start + "EE-".len() + number.len())?;
    let head = line.get(..line.len() - text.len())?;
    Some((head, id, text.trim()))
}

/// Finds every statement of a file.
pub fn statements(source: &Source) -> Vec<Statement> {
    lines_outside_code(source)
        .filter_map(|(line, text)| {
            let (_, id, text) = split_statement(text)?;
            Some(Statement { id: id.to_owned(), text: text.to_owned(), line })
        })
        .collect()
}

/// Returns the file's text with each statement as the registry has it.
pub fn with_registry_texts(source: &Source, registry: &Registry) -> String {
    let mut out = String::with_capacity(source.text.len());
    for line in source.text.split_inclusive('\n') {
        let bare = line.trim_end_matches('\n');
        let known = split_statement(bare).and_then(|(head, id, _)| Some((head, registry.get(id)?)));
        match known {
            Some((head, requirement)) => {
                out.push_str(head);
                out.push(' ');
                out.push_str(&requirement.text);
                out.push('\n');
            }
            None => out.push_str(line),
        }
    }
    out
}

/// Lines with their numbers, from 1, without fenced code.
fn lines_outside_code(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    source.text.lines().enumerate().filter_map(move |(index, line)| {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
            return None;
        }
        (!in_code).then_some((index + 1, line))
    })
}

/// Anchors of a file's headings, as Markdown renderers make them.
pub fn anchors(source: &Source) -> Vec<String> {
    lines_outside_code(source)
        .filter(|(_, line)| line.starts_with('#'))
        .map(|(_, line)| anchor(line))
        .collect()
}

fn anchor(heading: &str) -> String {
    heading
        .trim_start_matches('#')
        .trim()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() })
        .collect()
}

/// Targets of a file's inline links, with their lines.
pub fn links(source: &Source) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (line, text) in lines_outside_code(source) {
        for (start, _) in text.match_indices("](") {
            let target = text.get(start + 2..).and_then(|tail| tail.split_once(')'));
            if let Some((target, _)) = target {
                found.push((line, target.to_owned()));
            }
        }
    }
    found
}
