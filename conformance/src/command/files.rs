//! What a run leaves behind: its record, and reports that are made from it.

use std::path::{Path, PathBuf};

use crate::report::reading::Record;
use crate::report::{badge, html, junit, markdown};

type Render = fn(&Record) -> String;

/// Where it goes.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct Files {
    /// Leave the record there (JSON, one object a line)
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Write a JUnit report there
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write a page for people there
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the same as Markdown there
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Write a badge (SVG) there
    #[arg(long, value_name = "FILE")]
    badge: Option<PathBuf>,
}

impl Files {
    /// Writes what is asked for.
    pub(crate) fn write(&self, whole: &Record) -> Result<(), String> {
        if let Some(path) = &self.record {
            put(path, &whole.lines()?)?;
        }
        let files: [(&Option<PathBuf>, Render); 4] = [
            (&self.junit, junit::render),
            (&self.markdown, markdown::render),
            (&self.html, html::render),
            (&self.badge, badge::render),
        ];
        files
            .into_iter()
            .try_for_each(|(path, render)| path.as_deref().map_or(Ok(()), |path| put(path, &render(whole))))
    }
}

fn put(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}
