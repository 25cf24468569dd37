//! The `session` profile: a resumable, acknowledged stream in each direction over one connection.
//!
//! | module | holds |
//! |---|---|
//! | [`header`] | the grammar of a header: a verb and its `key=value` parameters |
//! | [`message`] | the verbs of both sides as types, on top of the grammar |
//! | [`batch`] | several events packed into one payload |
//! | [`client`] | what a client owes and is owed, without I/O and without a clock |
//! | [`engine`] | the same for the engine's side |

pub mod batch;
pub mod client;
pub mod engine;
pub mod header;
pub mod message;
