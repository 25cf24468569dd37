//! Plugins of the seed's API out of closures.

use std::sync::Arc;

use event_engine::errors::EngineError;
use event_engine::events::EventType;
use event_engine::plugins::{ExternalPlugin, Plugin};
use event_engine::zmq::Socket;
use uuid::Uuid;

/// The events that begin with a prefix.
pub(crate) struct Prefix(pub(crate) &'static str);

impl EventType for Prefix {
    fn get_name(&self) -> String {
        self.0.to_string()
    }

    fn get_filter(&self) -> Result<Vec<u8>, EngineError> {
        Ok(self.0.as_bytes().to_vec())
    }
}

fn types(prefixes: &'static [&'static str]) -> Vec<Box<dyn EventType>> {
    prefixes.iter().map(|prefix| Box::new(Prefix(prefix)) as Box<dyn EventType>).collect()
}

/// An internal plugin: its work gets the publish socket and the subscribe socket.
pub(crate) struct Internal<F> {
    name: String,
    id: Uuid,
    prefixes: &'static [&'static str],
    work: F,
}

impl<F> Plugin for Internal<F>
where
    F: Fn(Socket, Socket) -> Result<(), EngineError> + Send + Sync,
{
    fn start(&self, pub_socket: Socket, sub_socket: Socket) -> Result<(), EngineError> {
        (self.work)(pub_socket, sub_socket)
    }

    fn get_subscriptions(&self) -> Result<Vec<Box<dyn EventType>>, EngineError> {
        Ok(types(self.prefixes))
    }

    fn get_id(&self) -> Uuid {
        self.id
    }

    fn get_name(&self) -> String {
        self.name.clone()
    }
}

/// An internal plugin, ready to be registered, and its id.
pub(crate) fn internal<F>(
    name: &str,
    prefixes: &'static [&'static str],
    work: F,
) -> (Arc<Box<dyn Plugin>>, Uuid)
where
    F: Fn(Socket, Socket) -> Result<(), EngineError> + Send + Sync + 'static,
{
    let id = Uuid::new_v4();
    (internal_with_id(name, id, prefixes, work), id)
}

pub(crate) fn internal_with_id<F>(
    name: &str,
    id: Uuid,
    prefixes: &'static [&'static str],
    work: F,
) -> Arc<Box<dyn Plugin>>
where
    F: Fn(Socket, Socket) -> Result<(), EngineError> + Send + Sync + 'static,
{
    Arc::new(Box::new(Internal { name: name.to_string(), id, prefixes, work }))
}

struct External {
    name: String,
    id: Uuid,
    prefixes: &'static [&'static str],
    port: i32,
}

impl ExternalPlugin for External {
    fn get_tcp_port(&self) -> i32 {
        self.port
    }

    fn get_subscriptions(&self) -> Result<Vec<Box<dyn EventType>>, EngineError> {
        Ok(types(self.prefixes))
    }

    fn get_id(&self) -> Uuid {
        self.id
    }

    fn get_name(&self) -> String {
        self.name.clone()
    }
}

/// An external plugin, ready to be registered, and its id.
pub(crate) fn external(
    name: &str,
    prefixes: &'static [&'static str],
    port: i32,
) -> (Arc<Box<dyn ExternalPlugin>>, Uuid) {
    let id = Uuid::new_v4();
    (Arc::new(Box::new(External { name: name.to_string(), id, prefixes, port })), id)
}
