//! The ancestor's event traits: an application's own types, and how they become bytes.

use std::error::Error;

use zmq::Socket;

use crate::errors::EngineError;

/// A type of event in an application.
pub trait EventType {
    /// The type's name.
    fn get_name(&self) -> String;

    /// The bytes that every event of this type, and no other, begins with.
    ///
    /// # Errors
    /// Whatever the application wants to stop its start with.
    fn get_filter(&self) -> Result<Vec<u8>, EngineError>;
}

/// An event of an application.
pub trait Event {
    /// The event as bytes, its type's filter first.
    ///
    /// # Errors
    /// The application's own.
    fn to_bytes(&self) -> Result<Vec<u8>, EngineError>;

    /// The event that these bytes stand for.
    ///
    /// # Errors
    /// The application's own, for bytes that are no such event.
    fn from_bytes(bytes: Vec<u8>) -> Result<Self, Box<dyn Error>>
    where
        Self: Sized;

    /// Publishes the event on the socket that the plugin was started with; waits while the application has no room.
    ///
    /// # Errors
    /// [`Event::to_bytes`]'s, or the socket's.
    fn send(&self, pub_socket: &mut Socket) -> Result<(), EngineError> {
        pub_socket.send(self.to_bytes()?, 0)?;
        Ok(())
    }
}
