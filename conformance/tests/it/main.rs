//! The harness's own program, from outside.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // a failed test says where

mod bench;
mod commands;
mod ending;
mod frauds;
mod testees;
