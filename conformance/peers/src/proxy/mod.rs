//! A TCP proxy that misbehaves as it is told to: it cuts, delays, splits, holds and refuses.
//!
//! One thread, one poll: `link` forwards one connection, `faults` draws what goes wrong.

mod faults;
mod link;
mod server;

use std::io::Write;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;

use crate::lines::{self, answer};
use crate::Failure;

use faults::Faults;
use server::Server;

/// What goes wrong, and how often.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where connections are forwarded to
    #[arg(long, value_name = "HOST:PORT")]
    target: String,
    /// The port to listen at; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// What the faults are drawn from: the same seed, the same draws
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Cut each connection after a random number of bytes, both directions together: this many in the mean
    #[arg(long, value_name = "MEAN")]
    cut_after_bytes: Option<u64>,
    /// Hold every eighth piece back for a random time up to this
    #[arg(long, value_name = "MAX")]
    delay_ms: Option<u64>,
    /// Cut by reset (RST) only; otherwise by end of stream (FIN) or reset at random
    #[arg(long)]
    reset: bool,
}

/// Forwards until `exit` or the end of stdin.
pub(crate) fn run(options: Options) -> Result<(), Failure> {
    let unknown = || format!("{} is no address; say HOST:PORT", options.target);
    let target: SocketAddr =
        options.target.to_socket_addrs().map_err(|_| unknown())?.next().ok_or_else(unknown)?;
    let faults = Faults::new(options.seed, options.cut_after_bytes, options.delay_ms, options.reset);
    let (wake, woken) = UnixStream::pair()?;
    let (commands, work) = mpsc::channel();
    let server = Server::bind(options.port, target, faults, work, woken)?;
    answer(&format!("port {}", server.port()));
    thread::spawn(move || {
        lines::serve(|command| {
            let line = format!("{} {}", command.name, String::from_utf8_lossy(command.rest));
            // The server answers; it ends only with the process.
            let _ = commands.send(line.trim().to_string());
            let _ = (&wake).write_all(&[0]);
            None
        });
        std::process::exit(0)
    });
    server.run()
}
