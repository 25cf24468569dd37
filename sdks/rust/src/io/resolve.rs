//! Names to addresses, without waiting for longer than is left.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{self, Receiver};

use super::Waker;
use crate::options::Endpoint;

/// What a name stands for; the text is why it stands for nothing.
pub(crate) type Resolved = Result<Vec<SocketAddr>, String>;

/// The addresses of an endpoint: at once for an IP address, else from a thread of its own that ends with its answer and
/// then calls `waker`, since the system's resolver takes as long as it likes.
pub(crate) fn resolve(endpoint: &Endpoint, waker: Waker) -> Receiver<Resolved> {
    let (sender, receiver) = mpsc::channel();
    if let Ok(address) = endpoint.host.parse::<IpAddr>() {
        let _ = sender.send(Ok(vec![SocketAddr::new(address, endpoint.port)]));
        return receiver;
    }
    let endpoint = endpoint.clone();
    let work = move || {
        let resolved = match (endpoint.host.as_str(), endpoint.port).to_socket_addrs() {
            Ok(addresses) => Ok(addresses.collect::<Vec<_>>()),
            Err(error) => Err(error.to_string()),
        };
        let _ = sender.send(resolved.and_then(|all| {
            if all.is_empty() {
                Err("it has no address".into())
            } else {
                Ok(all)
            }
        }));
        waker();
    };
    // Without a thread the receiver reports that its sender is gone.
    let _ = std::thread::Builder::new().name("event-engine-resolve".into()).spawn(work);
    receiver
}
