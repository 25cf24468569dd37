//! Reads a record back.

use std::path::Path;

use crate::record::{CaseResult, Line, MutantResult, Run, Summary, FORMAT};

/// A whole record.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// What was run.
    pub(crate) run: Run,
    /// What became of it.
    pub(crate) cases: Vec<CaseResult>,
    /// What became of the mutants of a self-test.
    pub(crate) mutants: Vec<MutantResult>,
    /// Absent when the record was cut short.
    pub(crate) summary: Option<Summary>,
}

impl Record {
    /// Reads the file.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse(&String::from_utf8_lossy(&bytes))
            .map_err(|problem| format!("{}: {problem}", path.display()))
    }

    /// Reads the lines.
    ///
    /// # Errors
    /// The line that is not one of a record.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (mut run, mut cases, mut mutants, mut summary) = (None, Vec::new(), Vec::new(), None);
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).peekable();
        while let Some((index, line)) = lines.next() {
            match serde_json::from_str(line) {
                Ok(Line::Run(line)) if line.format != FORMAT => {
                    return Err(format!("the record has form {}, this program reads {FORMAT}", line.format));
                }
                Ok(Line::Run(line)) => run = Some(line),
                Ok(Line::Case(line)) => cases.push(line),
                Ok(Line::Mutant(line)) => mutants.push(line),
                Ok(Line::Summary(line)) => summary = Some(line),
                // The writer was ended in the middle of its last line: the rest still tells something.
                Err(_) if lines.peek().is_none() && !text.ends_with('\n') => {}
                Err(error) => return Err(format!("line {}: {error}", index + 1)),
            }
        }
        let run = run.ok_or("no line says what was run: is this the record of a run?")?;
        Ok(Self { run, cases, mutants, summary })
    }

    /// The record as a file has it.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub(crate) fn lines(&self) -> Result<String, String> {
        let cases = self.cases.iter().cloned().map(Line::Case);
        let mutants = self.mutants.iter().cloned().map(Line::Mutant);
        let lines = [Line::Run(self.run.clone())].into_iter().chain(cases).chain(mutants);
        let mut text = String::new();
        for line in lines.chain(self.summary.clone().map(Line::Summary)) {
            text.push_str(&serde_json::to_string(&line).map_err(|error| error.to_string())?);
            text.push('\n');
        }
        Ok(text)
    }

    /// The outcome in one word.
    pub(crate) fn outcome(&self) -> &str {
        self.summary.as_ref().map_or("cut short", |summary| summary.outcome.as_str())
    }

    /// What the outcome means.
    pub(crate) fn outcome_sentence(&self) -> String {
        let meaning = match self.outcome() {
            "pass" if !self.mutants.is_empty() => {
                "the cases found everything that is wrong, and pass the reference"
            }
            "fail" if !self.mutants.is_empty() => {
                "the cases do not find everything that is wrong, or fail the reference"
            }
            "pass" => "every case went as the specification says, or as the ledger of known failures has it",
            "fail" => "something does not keep the specification",
            "incomplete" => "nothing failed, but something could not run",
            "error" => "the harness or a case is wrong",
            "empty" => "nothing ran",
            "cut short" => "the run did not come to its end; this is what it left behind",
            _ => return self.outcome().to_owned(),
        };
        format!("{}: {meaning}", self.outcome())
    }

    /// Problems that belong to no case.
    pub(crate) fn problems(&self) -> &[String] {
        self.summary.as_ref().map_or(&[], |summary| summary.problems.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_record_is_read() {
        let record = Record::parse(&sample::lines()).unwrap();
        assert_eq!(record.cases.len(), sample::record().cases.len());
        assert_eq!(record.mutants, sample::record().mutants);
        assert_eq!(record.outcome(), "fail");
    }

    #[test]
    fn a_record_cut_in_a_line_still_tells_what_it_has() {
        let text = sample::lines();
        let cut = text.trim_end().len() - 5;
        let record = Record::parse(&text[..cut]).unwrap();
        assert_eq!(record.cases.len(), sample::record().cases.len());
        assert_eq!(record.outcome(), "cut short");
    }

    #[test]
    fn what_is_no_record_is_refused() {
        assert!(Record::parse("").unwrap_err().contains("no line says what was run"));
        assert!(Record::parse("{\n").unwrap_err().starts_with("line 1: "));
        let other = sample::lines().replacen("\"format\":1", "\"format\":9", 1);
        assert!(Record::parse(&other).unwrap_err().contains("form 9"));
    }
}
