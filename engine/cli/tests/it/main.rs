//! The program as a user runs it.

// Helpers fail a test as its own body does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod help;
mod languages;
mod live;
mod new;
mod support;
mod top;
