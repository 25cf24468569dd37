//! The engine from outside, as applications and clients see it: one binary, one module for each subject.

// Helpers fail a test as its own body does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[cfg(feature = "application")]
mod application_files;
mod basic;
mod bus;
mod config;
#[cfg(feature = "application")]
mod control;
mod faults;
mod garbage;
mod idle;
mod lossless;
#[cfg(feature = "application")]
mod metrics;
mod order;
mod own_api;
mod regressions;
mod seed_api;
mod session;
mod starts;
mod support;
mod wire;
