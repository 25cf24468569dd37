//! `top`: what every plugin does, live.

mod columns;
mod plain;
mod sample;
mod screen;
mod terminal;

pub(crate) use plain::run as plain;
pub(crate) use terminal::run as terminal;
