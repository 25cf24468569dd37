//! TCP ports, and what the system knows of them.

use std::fs;
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

/// A free port below those that the system gives to connections, for tests that need to know the number beforehand.
pub(crate) fn free() -> u16 {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (process::id() as u16).wrapping_mul(97) % COUNT;
    for _ in 0..COUNT {
        let port = FIRST + (start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port from {FIRST} on");
}

/// A port that is in use as long as the listener lives.
pub(crate) fn taken() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Whether the system refuses connections to the port.
pub(crate) fn refuses(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

/// The addresses at which somebody listens at `port`, as the system writes them: `0100007F` is 127.0.0.1.
pub(crate) fn listening_at(port: u16) -> Vec<String> {
    const LISTEN: &str = "0A";
    let mut addresses = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        for line in fs::read_to_string(table).unwrap_or_default().lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            if let Some((address, hex)) = fields[1].split_once(':') {
                if fields[3] == LISTEN && u16::from_str_radix(hex, 16) == Ok(port) {
                    addresses.push(address.to_string());
                }
            }
        }
    }
    addresses
}

/// Connections at `port` of which this process still holds its end.
pub(crate) fn connections(port: u16) -> usize {
    connections_where(port, |_| true)
}

/// Whether this process still holds its end at `port` of the connection from the local port `from`.
pub(crate) fn holds_connection(port: u16, from: u16) -> bool {
    let from = format!("0100007F:{from:04X}");
    connections_where(port, |remote| remote == from) > 0
}

fn connections_where(port: u16, remote: impl Fn(&str) -> bool) -> usize {
    const ESTABLISHED: &str = "01";
    const CLOSE_WAIT: &str = "08";
    let local = format!("0100007F:{port:04X}");
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let held = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields[1] == local && remote(fields[2]) && [ESTABLISHED, CLOSE_WAIT].contains(&fields[3])
    };
    table.lines().skip(1).filter(held).count()
}
