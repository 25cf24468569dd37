//! The subcommands.

pub(crate) mod coverage;
pub(crate) mod explain;
pub(crate) mod list;
pub(crate) mod progress;
pub(crate) mod run;
pub(crate) mod selftest;
pub(crate) mod walk;
