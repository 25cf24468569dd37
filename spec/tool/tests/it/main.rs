//! Every kind of disagreement, provoked on a copy of the specification, is reported at its place.

#![allow(clippy::unwrap_used)] // helpers of tests may

mod copy;
mod disagreements;
mod session;
