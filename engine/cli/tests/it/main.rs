//! The program from outside: what it prints, and how it ends.

// Helpers fail a test as its own body does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod arguments;
mod check;
mod graph;
mod help;
mod languages;
mod live;
mod new;
mod place;
mod running;
mod support;
mod terminal;
mod top;
