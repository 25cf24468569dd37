//! The trail camera's internal plugins: threads of the engine's own process.
//!
//! [`detector`] does the work; [`power`] and [`progress`] watch. What travels between all plugins stands in `events.md`.

#![forbid(unsafe_code)]

pub mod blobs;
pub mod detector;
pub mod events;
pub mod gate;
pub mod picture;
pub mod power;
pub mod processes;
pub mod progress;
