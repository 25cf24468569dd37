//! Peers that clients are tried against: an engine one can steer, a fault proxy, the ancestor's engine.
//!
//! Each is a process that prints `port N`, then answers each line on stdin with one line on stdout; README.md lists
//! them. It ends at `exit` or when stdin ends.
//!
//! # Where things are
//! - `lines`: stdin and stdout. `numbers`: how numbered events are written and counted.
//! - `source`, `sink`, `steering`: what the two engines' internal plugins do, and the commands that they share.
//! - `engine`, `ledger`: our engine. `ancestor`: event-engine 0.2.0. `proxy`: the fault proxy.

mod ancestor;
mod engine;
mod ledger;
mod lines;
mod numbers;
mod ports;
mod proxy;
mod sink;
mod source;
mod steering;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Whatever ends a peer.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Peers that clients are tried against.
///
/// Prints `port N`; then each line on stdin is a command and is answered by one line on stdout.
/// Ends at `exit` or when stdin ends.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    peer: Peer,
}

#[derive(Subcommand)]
enum Peer {
    /// This project's engine, with one external plugin called `client`
    Engine(Box<engine::Options>),
    /// A TCP proxy that cuts, delays and stops connections
    Proxy(proxy::Options),
    /// The ancestor's engine, event-engine 0.2.0, with one external plugin
    Ancestor(ancestor::Options),
}

fn main() -> ExitCode {
    let result = match Cli::parse().peer {
        Peer::Engine(options) => engine::run(&options),
        Peer::Proxy(options) => proxy::run(options),
        Peer::Ancestor(options) => ancestor::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peers: {error}");
            ExitCode::FAILURE
        }
    }
}
