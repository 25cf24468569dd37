//! What prost makes of `envelope.proto`.

#![allow(missing_docs, unreachable_pub)] // generated; private to the crate

include!(concat!(env!("OUT_DIR"), "/event_engine.rs"));
