//! TCP ports: free ones, and whether somebody listens.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

/// Ports that are free on every address.
pub(crate) fn free<const N: usize>() -> io::Result<[u16; N]> {
    let mut ports = [0; N];
    let mut held = Vec::new();
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

/// Whether somebody on this machine listens at `port`. Linux's own list is read, so that nobody sees a connection.
pub(crate) fn is_open(port: u16) -> io::Result<bool> {
    const LISTEN: &str = "0A";
    let mut open = false;
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let text = match fs::read_to_string(table) {
            Ok(text) => text,
            // A system without IPv6 has no such table.
            Err(error) if error.kind() == io::ErrorKind::NotFound && table.ends_with('6') => continue,
            Err(error) => return Err(error),
        };
        open |= text.lines().skip(1).any(|line| {
            let mut fields = line.split_whitespace().skip(1);
            let number = fields.next().and_then(|address| address.rsplit(':').next());
            number.and_then(|hex| u16::from_str_radix(hex, 16).ok()) == Some(port)
                && fields.nth(1) == Some(LISTEN)
        });
    }
    Ok(open)
}

/// Waits until `condition` holds, looking at it every few milliseconds; whether it does before `deadline`.
pub(crate) fn wait_until(deadline: Instant, mut condition: impl FnMut() -> bool) -> bool {
    const EVERY: Duration = Duration::from_millis(5);
    loop {
        if condition() {
            return true;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        thread::park_timeout(left.min(EVERY));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_seen() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(is_open(port).unwrap());
        drop(listener);
        assert!(!is_open(port).unwrap());
    }
}
