//! The program as a user runs it.

mod help;
mod languages;
mod live;
mod new;
mod support;
mod top;
