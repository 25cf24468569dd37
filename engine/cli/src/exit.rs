//! What the program's end says.

use std::io;
use std::process::ExitCode;

use crate::output;

/// The exit codes, for `--help`.
pub(crate) const HELP: &str = "Exit codes:
  0  all is well
  1  the application or a plugin failed
  2  the command line, or a file that it names, is wrong
  3  no such application is running";

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Done = 0,
    /// The application or a plugin failed.
    Failed = 1,
    /// The command line, or a file that it names, is wrong; what is wrong has been said.
    Wrong = 2,
}

/// Why a command could not do its work.
#[derive(Debug)]
pub(crate) enum Problem {
    /// The application or a plugin failed.
    Failed(String),
    /// The command line, or a file that it names, is wrong.
    Wrong(String),
    /// No such application is running.
    NotRunning(String),
    /// The output could not be written.
    Output(io::Error),
}

/// For `?` on writes to the output. Problems with other files say which file: [`Problem::Wrong`].
impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Problem::Output(error)
    }
}

/// What the user is told about a problem.
pub(crate) fn words(problem: &Problem) -> String {
    match problem {
        Problem::Output(error) => format!("the output could not be written: {error}"),
        Problem::Failed(text) | Problem::Wrong(text) | Problem::NotRunning(text) => text.clone(),
    }
}

/// How a command ends that has written what it found. What it found to be bad stays so, whoever reads it; where all is well, the
/// output has to be written.
///
/// # Errors
/// [`Problem::Output`].
pub(crate) fn after(written: io::Result<()>, verdict: Exit) -> Result<Exit, Problem> {
    match (written, verdict) {
        (Err(error), Exit::Done) => Err(Problem::Output(error)),
        (_, verdict) => Ok(verdict),
    }
}

/// Says what the problem is, if there is one, and returns the exit code.
pub(crate) fn code(result: Result<Exit, Problem>) -> ExitCode {
    let problem = match result {
        Ok(exit) => return ExitCode::from(exit as u8),
        // Who closed the pipe does not want to read on: `event-engine list | head -1` is no failure.
        Err(Problem::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => return ExitCode::SUCCESS,
        Err(problem) => problem,
    };
    output::complain(&words(&problem));
    ExitCode::from(match problem {
        Problem::Output(_) | Problem::Failed(_) => 1,
        Problem::Wrong(_) => 2,
        Problem::NotRunning(_) => 3,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_that_cannot_be_written_hides_no_bad_end() {
        let closed = || Err(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(matches!(after(closed(), Exit::Failed), Ok(Exit::Failed)));
        assert!(matches!(after(closed(), Exit::Wrong), Ok(Exit::Wrong)));
        assert!(matches!(after(closed(), Exit::Done), Err(Problem::Output(_))));
        assert!(matches!(after(Ok(()), Exit::Done), Ok(Exit::Done)));
    }
}
