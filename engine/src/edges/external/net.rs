//! Binding TCP ports: where, and with which limits.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use event_engine_protocol::constants;

use crate::edges::uninterrupted;

/// Where ports are opened: an IP address, or `*` for all interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BindAddress {
    Everywhere,
    At(IpAddr),
}

impl BindAddress {
    pub(crate) fn is_loopback(self) -> bool {
        matches!(self, BindAddress::At(address) if address.is_loopback())
    }

    /// What a client on this machine connects to.
    pub(crate) fn client_endpoint(self, port: u16) -> String {
        let address = match self {
            BindAddress::Everywhere => IpAddr::from([127, 0, 0, 1]),
            BindAddress::At(address) if address.is_unspecified() && address.is_ipv4() => {
                IpAddr::from([127, 0, 0, 1])
            }
            BindAddress::At(address) if address.is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
            BindAddress::At(address) => address,
        };
        BindAddress::At(address).endpoint(port)
    }

    fn endpoint(self, port: u16) -> String {
        let port = if port == 0 { "*".to_string() } else { port.to_string() };
        match self {
            BindAddress::Everywhere => format!("tcp://*:{port}"),
            BindAddress::At(IpAddr::V4(address)) => format!("tcp://{address}:{port}"),
            BindAddress::At(IpAddr::V6(address)) => format!("tcp://[{address}]:{port}"),
        }
    }
}

impl FromStr for BindAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "*" => Ok(BindAddress::Everywhere),
            "localhost" => Ok(BindAddress::At(IpAddr::from([127, 0, 0, 1]))),
            address => address.trim_matches(['[', ']']).parse().map(BindAddress::At).map_err(|_| {
                format!("`{text}` is no address to bind; say an IP address of this machine, or `*` for all of them")
            }),
        }
    }
}

impl fmt::Display for BindAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BindAddress::Everywhere => f.write_str("*"),
            BindAddress::At(address) => address.fmt(f),
        }
    }
}

/// Where ports are opened, and with which limits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binding {
    pub(crate) address: BindAddress,
    pub(crate) max_event_bytes: usize,
    pub(crate) heartbeat: Heartbeat,
}

/// How connections are probed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heartbeat {
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Heartbeat {
            interval: Duration::from_millis(constants::HEARTBEAT_INTERVAL_MS),
            timeout: Duration::from_millis(constants::HEARTBEAT_TIMEOUT_MS),
        }
    }
}

/// Opens a port (0: one that is free) with every limit set; returns its number.
pub(crate) fn bind(socket: &zmq::Socket, binding: &Binding, port: u16) -> Result<u16, zmq::Error> {
    let Binding { address, max_event_bytes, heartbeat } = binding;
    let max_frame_bytes =
        max_event_bytes.saturating_mul(constants::TRANSPORT_FACTOR).max(constants::TRANSPORT_MIN_BYTES);
    socket.set_maxmsgsize(i64::try_from(max_frame_bytes).unwrap_or(i64::MAX))?;
    socket.set_handshake_ivl(constants::HANDSHAKE_MS as i32)?;
    socket.set_heartbeat_ivl(millis(heartbeat.interval))?;
    socket.set_heartbeat_timeout(millis(heartbeat.timeout))?;
    socket.set_linger(constants::LINGER_MS as i32)?;
    socket.set_rcvhwm(constants::CONNECTION_HWM_MESSAGES as i32)?;
    if let BindAddress::At(IpAddr::V6(_)) = address {
        socket.set_ipv6(true)?;
    }
    uninterrupted(|| socket.bind(&address.endpoint(port)))?;
    let endpoint = uninterrupted(|| socket.get_last_endpoint())?.unwrap_or_default();
    Ok(endpoint.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(port))
}

fn millis(time: Duration) -> i32 {
    i32::try_from(time.as_millis()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_understood_or_refused_with_advice() {
        assert!("127.0.0.1".parse::<BindAddress>().unwrap().is_loopback());
        assert!("[::1]".parse::<BindAddress>().unwrap().is_loopback());
        assert!(!"*".parse::<BindAddress>().unwrap().is_loopback());
        assert!(!"0.0.0.0".parse::<BindAddress>().unwrap().is_loopback());
        for wrong in ["", "engine", "127.0.0.1:6000", "tcp://*"] {
            assert!(wrong.parse::<BindAddress>().unwrap_err().contains("IP address"), "{wrong}");
        }
    }
}
