//! The subcommands.

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
pub(crate) mod walk;
