//! The systems: each carries the load of a [`crate::run::Run`] in its own way.

pub(crate) mod channel;
pub(crate) mod libzmq;
pub(crate) mod log;
pub(crate) mod own;
pub(crate) mod seed_api;
