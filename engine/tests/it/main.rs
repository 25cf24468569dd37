//! The engine from outside, as applications and clients see it: one binary, one module for each subject.

// Helpers fail a test as its own body does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod basic;
mod bus;
mod config;
mod faults;
mod garbage;
mod idle;
mod lossless;
mod order;
mod own_api;
mod regressions;
mod seed_api;
mod session;
mod starts;
mod stop;
mod support;
mod wire;
