//! What makes no sense together, though each value does.

mod commands;
mod control;
mod flow;
mod ports;
mod types;

pub(super) use commands::commands;
pub(super) use control::control;
pub(super) use flow::flow;
pub(super) use ports::{ports, ports_in_use, PortUse};
pub(super) use types::types;
