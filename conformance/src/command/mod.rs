//! The subcommands.

/// A line to stdout.
macro_rules! say {
    ($($words:tt)*) => {
        crate::out::line(format_args!($($words)*))
    };
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
