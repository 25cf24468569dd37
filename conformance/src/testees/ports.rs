//! TCP ports: free ones for APIs that do not take 0, and whether somebody listens.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

/// A port that is free on every address, below those that the system gives to connections: none of them
/// takes it meanwhile.
pub(super) fn free() -> Option<u16> {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Testees that run side by side begin at different ones.
    let start = (process::id() as u16).wrapping_mul(97) % COUNT;
    (0..COUNT)
        .map(|_| FIRST + start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT)
        .find(|port| TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port)).is_ok())
}

/// Whether somebody on this machine listens at `port`. Linux's own list is read, so that nobody sees a
/// connection; where there is no such list, none is known to be closed.
pub(super) fn is_open(port: u16) -> bool {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| fs::read_to_string(table).ok());
    if tables.iter().all(Option::is_none) {
        return true;
    }
    tables.iter().flatten().flat_map(|table| table.lines().skip(1)).any(|line| listens_at(line, port))
}

/// Whether a line of the list is a listener at `port`.
fn listens_at(line: &str, port: u16) -> bool {
    const LISTEN: &str = "0A";
    let mut fields = line.split_whitespace().skip(1);
    let number = fields.next().and_then(|address| address.rsplit(':').next());
    number.and_then(|hex| u16::from_str_radix(hex, 16).ok()) == Some(port) && fields.nth(1) == Some(LISTEN)
}
