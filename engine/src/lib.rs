//! An engine that runs one application as plugins in many languages, and loses no event.
//!
//! Plugins exchange opaque events: byte strings of which a plugin takes those with a prefix that it subscribed to. Internal plugins are
//! threads, external ones are processes in any language that connect to a TCP port. The rules are in the repository's
//! `spec/`; requirement ids like EE-BASIC-4 point there.
//!
//! # Where things are
//! - [`Builder`] → [`Handle`] → [`Report`]: the engine's own API; plugins are closures with a [`Context`].
//! - `application`: the application file, with everything that is wrong with it (feature `application`, on by default).
//! - [`App`], [`plugins`], [`events`], [`errors`]: the API of event-engine 0.2, for applications written for it.
//! - [`Control`]: a running application in the hands of any thread: stop it, ask how far it is.
//! - [`Ledger`]: the account of every event.
//! - [`control`]: looking at a running application and telling it things, from the same process or another one.
//!
//! # Features
//! - `application` (on unless said): the control socket and its client, metrics and health, with the crates that they need.

mod app;
#[cfg(feature = "application")]
pub mod application;
mod barrier;
mod builder;
mod context;
pub mod control;
mod edges;
mod ending;
pub mod errors;
pub mod events;
mod filters;
mod handle;
mod ledger;
mod lifecycle;
mod payload;
mod plugin_spec;
pub mod plugins;
mod queue;
mod report;
mod router;
mod start_error;
mod starting;
mod supervisor;
mod wake;
mod zmq_ffi;

pub use app::{App, AppConfig};
pub use barrier::Laggards;
pub use builder::{Builder, InternalPlugin};
pub use context::{Context, Error, Publisher};
pub use control::{Control, Phase};
pub use handle::Handle;
pub use ledger::{Ledger, PluginLedger};
pub use lifecycle::{Lifecycle, LifecycleEvent};
pub use payload::{Event, Payload};
pub use plugin_spec::PluginSpec;
pub use queue::{Overflow, QueueLimits};
pub use report::{PluginReport, Report};
pub use start_error::StartError;
pub use supervisor::{
    BoxError, CommandProblem, Outcome, Output, ProcessSpec, Restart, RestartPolicy, Stream,
};
/// The `zmq` crate whose types are in [`plugins::Plugin`].
pub use zmq;

/// The programs in the READMEs compile; the crate's own also runs.
#[cfg(doctest)]
mod readme {
    #[doc = include_str!("../README.md")]
    struct Crate;
    #[doc = include_str!("../../README.md")]
    struct Repository;
}
