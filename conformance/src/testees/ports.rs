//! TCP ports: free ones for APIs that do not take 0, and whether somebody listens.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

/// A port that is free on every address, below those that the system gives to connections: none of them
/// takes it meanwhile.
pub(super) fn free() -> Option<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    next(20_000, 12_000, &NEXT)
}

/// The same for the stage, which closes ports and opens them again: none of those that testees take.
pub(crate) fn of_stage() -> Option<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    next(12_000, 8_000, &NEXT)
}

/// Processes that run side by side begin at different ones.
fn next(first: u16, count: u16, next: &AtomicU16) -> Option<u16> {
    let start = u32::from(process::id() as u16) * 97;
    (0..count)
        .filter_map(|_| {
            let turn = u32::from(next.fetch_add(1, Ordering::Relaxed));
            Some(first + u16::try_from((start + turn) % u32::from(count)).ok()?)
        })
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

#[cfg(test)]
mod tests {
    use super::of_stage;

    #[test]
    fn ports_of_the_stage_are_none_that_the_system_gives_away_and_none_twice() {
        let ports: Vec<u16> = (0..100).filter_map(|_| of_stage()).collect();
        let mut different = ports.clone();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), 100);
        assert!(ports.iter().all(|port| (12_000..20_000).contains(port)), "{ports:?}");
    }
}
