//! A thin client of event-engine: receive and publish events, and lose none.
//!
//! | module | holds |
//! |---|---|
//! | [`Client`] | the client of threads: `next_event`, `events`, `publish`, `publish_batch`, `stopping`, `quit`, `close` |
//! | `tokio::Client` | the same for tasks, with the feature `tokio` |
//! | [`Options`], [`Profile`] | what can be said before connecting |
//! | [`Event`] | bytes, and how they came |
//! | [`Error`] | the five kinds of errors |
//!
//! Inside: `io` speaks the two profiles without waiting, over one socket per connection; the session itself is
//! [`event_engine_protocol::session::client`], which does no I/O. There is no thread: the callers do the work.

// No client prints (EE-SDK-25).
#![deny(clippy::print_stdout, clippy::print_stderr)]

#[cfg(feature = "tokio")]
mod aio;
mod client;
mod error;
mod event;
mod ffi;
mod io;
mod options;

pub use client::{Client, Events};
pub use error::{Error, Unsettled};
pub use event::Event;
pub use options::{Options, Profile};

/// The README, so that its code is tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The client of tasks of a tokio runtime.
#[cfg(feature = "tokio")]
pub mod tokio {
    pub use crate::aio::Client;
}
