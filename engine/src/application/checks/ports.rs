//! Ports that two want, and ports that something on this machine has already.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use event_engine_protocol::constants;

use crate::application::diagnostics::Diagnostics;
use crate::application::file::ApplicationFile;
use crate::application::read::{Draft, Span};
use crate::edges::external::net::BindAddress;

/// A port of the file, other than 0.
#[derive(Clone, Debug)]
pub(in crate::application) struct PortUse {
    owner: String,
    address: IpAddr,
    port: u16,
    span: Span,
}

impl PortUse {
    /// Whether only one of the two can have its port.
    fn clashes(&self, other: &PortUse) -> bool {
        let addresses = [self.address, other.address];
        let everywhere = addresses.iter().any(IpAddr::is_unspecified);
        self.port == other.port && (self.address == other.address || everywhere)
    }
}

/// Says which ports two want; returns all of them.
pub(in crate::application) fn ports(draft: &Draft, out: &mut Diagnostics) -> Vec<PortUse> {
    let from_environment = std::env::var(constants::ENV_BIND).ok().filter(|text| !text.trim().is_empty());
    let bind = draft.application.bind.clone().or(from_environment);
    let address = match bind.as_deref().unwrap_or(constants::DEFAULT_BIND).parse() {
        Ok(BindAddress::At(address)) => address,
        Ok(BindAddress::Everywhere) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        Err(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    let mut uses = Vec::new();
    if let Some(bus) = &draft.application.bus {
        uses.push(("the bus (publish)".to_string(), address, bus.ports.publish, &bus.publish));
        uses.push(("the bus (subscribe)".to_string(), address, bus.ports.subscribe, &bus.subscribe));
    }
    if let Some(metrics) = &draft.application.metrics {
        uses.push(("the metrics".to_string(), metrics.value.ip(), metrics.value.port(), &metrics.span));
    }
    for plugin in &draft.plugins {
        if let Some(port) = &plugin.port {
            uses.push((format!("plugin `{}`", plugin.name.value), address, port.value, &port.span));
        }
    }
    let mut uses: Vec<PortUse> = uses
        .into_iter()
        .filter(|(_, _, port, _)| *port != 0)
        .map(|(owner, address, port, span)| PortUse { owner, address, port, span: span.clone() })
        .collect();
    uses.sort_by_key(|one| one.span.start);

    for (index, one) in uses.iter().enumerate() {
        if let Some(first) = uses.iter().take(index).find(|first| first.clashes(one)) {
            out.error(
                &one.span,
                format!("port {} is said twice: for {} and for {}", one.port, first.owner, one.owner),
            )
            .related(&first.span, first.owner.as_str())
            .help("give each a port of its own; a plugin with a command needs none, it takes a free one");
        }
    }
    uses
}

/// Says which ports of a file something has already, or cannot be had.
pub(in crate::application) fn ports_in_use(file: &ApplicationFile) -> Diagnostics {
    let mut out = file.warnings.emptied();
    for PortUse { owner, address, port, span } in &file.ports {
        let Err(error) = TcpListener::bind(SocketAddr::new(*address, *port)) else { continue };
        let (what, help) = match error.kind() {
            io::ErrorKind::AddrInUse => (
                format!("port {port} of {owner} is in use"),
                "end the process that has it (`ss -ltnp` shows which), or choose another port",
            ),
            io::ErrorKind::PermissionDenied => (
                format!("port {port} of {owner} needs privileges"),
                "choose a port from 1024 on",
            ),
            io::ErrorKind::AddrNotAvailable => (
                format!("port {port} of {owner} cannot be opened: this machine does not have the address {address}"),
                "say an IP address of this machine as `bind`, or leave it out",
            ),
            _ => (format!("port {port} of {owner} cannot be opened: {error}"), "choose another port"),
        };
        out.error(span, what).help(help);
    }
    out.sort();
    out
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    #[test]
    fn only_ports_of_overlapping_addresses_clash() {
        let used = |address: IpAddr, port| PortUse { owner: String::new(), address, port, span: 0..0 };
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let other = IpAddr::from([127, 0, 0, 2]);
        assert!(used(loopback, 1).clashes(&used(loopback, 1)));
        assert!(!used(loopback, 1).clashes(&used(loopback, 2)));
        assert!(!used(loopback, 1).clashes(&used(other, 1)));
        assert!(used(loopback, 1).clashes(&used(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 1)));
        assert!(used(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 1).clashes(&used(loopback, 1)));
    }
}
