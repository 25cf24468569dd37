//! The control interface of a running application: what it tells, and what it can be told (spec/control.md).

pub mod messages;
