//! Sans-I/O codec of the event-engine protocol.
//!
//! | module | holds |
//! |---|---|
//! | [`basic`] | the `basic` profile: what a message from a client means, what a reply means to a client |
//! | [`session`] | the `session` profile: headers, packed payloads, the state of a client and of an engine |
//! | [`filter`] | prefix filters: which events they take, which filters contradict each other |
//! | [`constants`] | commands, replies, ports and limits, generated from the specification |
//!
//! The crate does no I/O, starts no thread and reads no clock, and no input makes it panic. What it implements
//! is written down in `spec/basic.md`, `spec/session.md` and `spec/filters-and-order.md`; the identifiers of the form `EE-BASIC-4`
//! are requirements of that text.
#![forbid(unsafe_code)]

pub mod basic;
pub mod constants;
pub mod filter;
pub mod session;
