//! The client against real peers: our engine, the ancestor's, and a proxy that harms connections.
//!
//! `EVENT_ENGINE_PEERS` is the path of the binary `peers` (`cargo build --release -p event-engine-peers`). Without it these
//! tests fail.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers of tests may

#[cfg(feature = "tokio")]
mod aio;
mod basic;
mod examples;
mod faults;
mod peer;
mod session;
