//! The systems: each carries a load in its own way.

pub(crate) mod channel;
pub(crate) mod libzmq;
pub(crate) mod libzmq_tcp;
pub(crate) mod log;
pub(crate) mod nats;
pub(crate) mod own;
pub(crate) mod seed_api;
pub(crate) mod session;
