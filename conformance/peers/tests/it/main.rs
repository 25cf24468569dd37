//! The peers do what README.md says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // a failed test says where

mod ancestor;
mod engine;
mod proxy;
mod session;
mod support;
