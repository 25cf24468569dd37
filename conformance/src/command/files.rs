//! What a run leaves behind: its record, and reports that are made from it.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::report::reading::Record;
use crate::report::{badge, html, junit, markdown};
use crate::trouble::Trouble;

type Render = fn(&Record) -> Result<String, String>;

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
    /// Opens what is asked for, before anything runs: what cannot be written is a mistake that is told at once.
    pub(crate) fn open(&self) -> Result<Opened, String> {
        let reports: [(&Option<PathBuf>, Render); 5] = [
            (&self.record, Record::lines),
            (&self.junit, |whole| Ok(junit::render(whole))),
            (&self.markdown, |whole| Ok(markdown::render(whole))),
            (&self.html, |whole| Ok(html::render(whole))),
            (&self.badge, |whole| Ok(badge::render(whole))),
        ];
        let asked = reports.into_iter().filter_map(|(path, render)| Some((path.as_deref()?, render)));
        asked.map(|(path, render)| Ok((Target::open(path)?, render))).collect::<Result<_, _>>().map(Opened)
    }
}

/// The files, open.
pub(crate) struct Opened(Vec<(Target, Render)>);

impl Opened {
    /// Writes them, as many as can be written.
    pub(crate) fn write(self, whole: &Record) -> Result<(), Trouble> {
        let written = self.0.into_iter().map(|(target, render)| target.write(&render(whole)?));
        let problems: Vec<String> = written.filter_map(Result::err).collect();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Trouble::Unwritten(problems.join("; ")))
        }
    }
}

/// A file to be written at the end.
pub(super) struct Target {
    path: PathBuf,
    file: File,
    /// It was not there before, and nothing is in it yet.
    is_new: bool,
}

impl Target {
    /// Opens it; what it holds stays until then.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let is_new = !path.exists();
        let file = File::options().write(true).create(true).truncate(false).open(path);
        let file = file.map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        Ok(Self { path: path.to_owned(), file, is_new })
    }

    /// Writes all of it.
    pub(super) fn write(mut self, text: &str) -> Result<(), String> {
        self.is_new = false;
        let regular = self.file.metadata().is_ok_and(|about| about.is_file());
        let emptied = if regular { self.file.set_len(0) } else { Ok(()) };
        emptied
            .and_then(|()| self.file.write_all(text.as_bytes()))
            .map_err(|error| format!("cannot write {}: {error}", self.path.display()))
    }
}

impl Drop for Target {
    /// A run that did not begin leaves no empty files.
    fn drop(&mut self) {
        if self.is_new {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
