//! Why a command does not come to its end, and the exit code that says so.

use std::fmt;
use std::process::ExitCode;

/// What is in the way.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The command line is wrong, or what it names.
    Usage(String),
    /// What is under test, or is needed beside it, cannot be started.
    NotRun(String),
    /// What came of it cannot be written.
    Unwritten(String),
}

impl Trouble {
    /// The exit code.
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) => 2,
            Self::NotRun(_) => 3,
            Self::Unwritten(_) => 4,
        })
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Usage(why) | Self::NotRun(why) | Self::Unwritten(why)) = self;
        to.write_str(why)
    }
}

impl From<String> for Trouble {
    fn from(why: String) -> Self {
        Self::Usage(why)
    }
}
