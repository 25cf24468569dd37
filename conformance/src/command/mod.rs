//! The subcommands.

/// A line to stdout. Who closed it does not want to read on.
macro_rules! say {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($words)*);
    }};
}

pub(crate) mod bench;
pub(crate) mod coverage;
pub(crate) mod explain;
pub(crate) mod files;
mod frauds;
pub(crate) mod list;
pub(crate) mod new_sdk;
pub(crate) mod progress;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod selftest;
mod values;
pub(crate) mod walk;
