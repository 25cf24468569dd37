//! A client of the basic profile on libzmq's sockets, as plugins in other languages use them.

use event_engine::zmq;

use super::SOON;

pub(crate) const NEXT_MSG: &[u8] = b"plugin_command: next_msg";
pub(crate) const QUIT: &[u8] = b"plugin_command: quit";
pub(crate) const PUBLISHED: &[u8] = b"event-engine: msg published";
pub(crate) const BAD_MSG: &[u8] = b"event-engine: bad msg";

/// A socket in a context of its own, so that its end is its process's end as far as the engine can see.
pub(crate) struct Client {
    pub(crate) socket: zmq::Socket,
    _context: zmq::Context,
}

impl Client {
    /// A REQ at a plugin's port.
    pub(crate) fn req(port: u16) -> Client {
        Client::connect(zmq::REQ, port)
    }

    /// A socket at any port.
    pub(crate) fn connect(kind: zmq::SocketType, port: u16) -> Client {
        let client = Client::unconnected(kind);
        client.socket.connect(&format!("tcp://127.0.0.1:{port}")).unwrap();
        client
    }

    /// A socket whose options the test wants to set first.
    pub(crate) fn unconnected(kind: zmq::SocketType) -> Client {
        let context = zmq::Context::new();
        let socket = context.socket(kind).unwrap();
        let bound_ms = i32::try_from(SOON.as_millis()).unwrap();
        socket.set_rcvtimeo(bound_ms).unwrap();
        socket.set_sndtimeo(bound_ms).unwrap();
        socket.set_linger(2_000).unwrap();
        Client { socket, _context: context }
    }

    pub(crate) fn send(&self, body: impl AsRef<[u8]>) {
        self.socket.send(body.as_ref(), 0).unwrap();
    }

    pub(crate) fn receive(&self) -> Vec<u8> {
        self.socket.recv_bytes(0).expect("no message in time")
    }

    /// Sends a request and returns its reply.
    pub(crate) fn ask(&self, body: impl AsRef<[u8]>) -> Vec<u8> {
        self.send(body);
        self.receive()
    }

    pub(crate) fn publish(&self, event: impl AsRef<[u8]>) {
        assert_eq!(self.ask(event), PUBLISHED);
    }

    pub(crate) fn next(&self) -> Vec<u8> {
        self.ask(NEXT_MSG)
    }

    /// Quits; the command is on its way when this returns.
    pub(crate) fn quit(self) {
        self.send(QUIT);
    }
}
