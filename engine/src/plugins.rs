//! The ancestor's plugin traits. New code may prefer [`crate::Builder`], which needs no sockets.

use uuid::Uuid;
use zmq::Socket;

use crate::edges::bridge;
use crate::errors::EngineError;
use crate::events::EventType;
use crate::queue::QueueLimits;

/// A plugin that runs as a thread of the application.
pub trait Plugin: Sync + Send {
    /// The plugin's work. Runs on a thread of its own once every plugin is ready; it has finished when this returns.
    ///
    /// `pub_socket` publishes events, one frame each; a send waits while a subscriber's queue is full.
    /// `sub_socket` receives the events that match [`Plugin::get_subscriptions`]; `set_subscribe` adds to them. Large events are
    /// shared between plugins, as always with libzmq: a received `zmq::Message` is to be read, not changed in place.
    ///
    /// # Errors
    /// Fail this plugin alone: the others go on, and `run` returns the error when they have ended.
    fn start(&self, pub_socket: Socket, sub_socket: Socket) -> Result<(), EngineError>;

    /// The types of event that this plugin takes.
    ///
    /// # Errors
    /// Keep the application from starting.
    fn get_subscriptions(&self) -> Result<Vec<Box<dyn EventType>>, EngineError>;

    /// The plugin's id, always the same and no other plugin's.
    fn get_id(&self) -> Uuid;

    /// The plugin's name.
    fn get_name(&self) -> String;

    /// The bounds of this plugin's queue, and what happens past them.
    fn queue_limits(&self) -> QueueLimits {
        QueueLimits::default()
    }
}

/// A plugin that runs as a process of its own and reaches the engine at a TCP port.
pub trait ExternalPlugin: Send + Sync {
    /// Serves the plugin's port. The provided body lets the engine do it (spec/basic.md).
    ///
    /// Another body gets a REP socket with the process's requests, a socket to publish its events and one that
    /// receives the events it subscribed to; the plugin has finished when it returns.
    ///
    /// # Errors
    /// As for [`Plugin::start`].
    fn start(
        &self,
        pub_socket: Socket,
        sub_socket: Socket,
        external_socket: Socket,
    ) -> Result<(), EngineError> {
        bridge::serve_natively((pub_socket, sub_socket, external_socket));
        Ok(())
    }

    /// The TCP port, 1 to 65535; 0 takes one that is free.
    fn get_tcp_port(&self) -> i32;

    /// The types of event that this plugin takes.
    ///
    /// # Errors
    /// Keep the application from starting.
    fn get_subscriptions(&self) -> Result<Vec<Box<dyn EventType>>, EngineError>;

    /// The plugin's id, always the same and no other plugin's.
    fn get_id(&self) -> Uuid;

    /// The plugin's name.
    fn get_name(&self) -> String;

    /// The bounds of this plugin's queue, and what happens past them.
    fn queue_limits(&self) -> QueueLimits {
        QueueLimits::default()
    }

    /// How many clients share the port and its queue; the plugin has finished when so many have quit.
    fn replicas(&self) -> usize {
        1
    }
}
