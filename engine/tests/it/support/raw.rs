//! ZMTP by hand, for bytes that no ZeroMQ library would send.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use super::SOON;

const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;

/// The greeting of ZMTP 3.1 with the NULL mechanism.
pub(crate) fn greeting() -> Vec<u8> {
    let mut bytes = vec![0; 64];
    bytes[0] = 0xff;
    bytes[9] = 0x7f;
    bytes[8] = 1;
    bytes[10] = 3;
    bytes[11] = 1;
    bytes[12..16].copy_from_slice(b"NULL");
    bytes
}

/// The command READY of a socket of this type.
pub(crate) fn ready(socket_type: &str) -> Vec<u8> {
    ready_as(socket_type, b"")
}

/// The same with an identity, for the types that announce one.
fn ready_as(socket_type: &str, identity: &[u8]) -> Vec<u8> {
    let mut body = b"\x05READY".to_vec();
    let mut property = |name: &[u8], value: &[u8]| {
        body.push(name.len() as u8);
        body.extend_from_slice(name);
        body.extend_from_slice(&(value.len() as u32).to_be_bytes());
        body.extend_from_slice(value);
    };
    property(b"Socket-Type", socket_type.as_bytes());
    if ["REQ", "DEALER", "ROUTER"].contains(&socket_type) {
        property(b"Identity", identity);
    }
    sized(COMMAND, &body)
}

/// One frame.
pub(crate) fn frame(body: &[u8], more: bool) -> Vec<u8> {
    sized(if more { MORE } else { 0 }, body)
}

/// The frames of one message.
pub(crate) fn message<F: AsRef<[u8]>>(frames: &[F]) -> Vec<u8> {
    let last = frames.len().saturating_sub(1);
    frames.iter().enumerate().flat_map(|(index, body)| frame(body.as_ref(), index != last)).collect()
}

/// The head of a long frame that announces `bytes`.
pub(crate) fn announced(bytes: u64) -> Vec<u8> {
    let mut head = vec![LONG];
    head.extend_from_slice(&bytes.to_be_bytes());
    head
}

fn sized(flags: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = match u8::try_from(body.len()) {
        Ok(length) => vec![flags, length],
        Err(_) => {
            let mut head = announced(body.len() as u64);
            head[0] |= flags;
            head
        }
    };
    bytes.extend_from_slice(body);
    bytes
}

/// The frames of one message as a peer of ZMTP 1.0 sends them; its first message is its identity, empty here.
pub(crate) fn message_of_zmtp_1<F: AsRef<[u8]>>(frames: &[F]) -> Vec<u8> {
    let last = frames.len().saturating_sub(1);
    let mut bytes = Vec::new();
    for (index, body) in frames.iter().enumerate() {
        let body = body.as_ref();
        bytes.push(u8::try_from(body.len() + 1).expect("short frames only"));
        bytes.push(u8::from(index != last));
        bytes.extend_from_slice(body);
    }
    bytes
}

/// A TCP connection.
pub(crate) struct Raw {
    stream: TcpStream,
}

impl Raw {
    /// A connection that has not said anything.
    pub(crate) fn connect(port: u16) -> Raw {
        Raw::try_connect(port).unwrap()
    }

    pub(crate) fn try_connect(port: u16) -> io::Result<Raw> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SOON))?;
        stream.set_write_timeout(Some(SOON))?;
        Ok(Raw { stream })
    }

    /// A connection of a socket of this type, after the handshake.
    pub(crate) fn handshake(port: u16, socket_type: &str) -> Raw {
        Raw::handshake_as(port, socket_type, b"")
    }

    /// The same with an identity.
    pub(crate) fn handshake_as(port: u16, socket_type: &str, identity: &[u8]) -> Raw {
        let mut raw = Raw::connect(port);
        raw.send(&greeting());
        raw.read(64);
        raw.send(&ready_as(socket_type, identity));
        let (flags, body) = raw.read_frame();
        assert!(flags & COMMAND != 0 && body.starts_with(b"\x05READY"), "no READY but {body:?}");
        raw
    }

    pub(crate) fn local_port(&self) -> u16 {
        self.stream.local_addr().unwrap().port()
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Exactly so many bytes.
    pub(crate) fn read(&mut self, bytes: usize) -> Vec<u8> {
        let mut read = vec![0; bytes];
        self.stream.read_exact(&mut read).expect("the peer sent less");
        read
    }

    /// The next frame or command: its flags and its body.
    pub(crate) fn read_frame(&mut self) -> (u8, Vec<u8>) {
        let flags = self.read(1)[0];
        let length = if flags & LONG != 0 {
            u64::from_be_bytes(self.read(8).try_into().unwrap())
        } else {
            u64::from(self.read(1)[0])
        };
        (flags, self.read(usize::try_from(length).unwrap()))
    }

    /// The next message, past commands.
    pub(crate) fn read_message(&mut self) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        loop {
            let (flags, body) = self.read_frame();
            if flags & COMMAND != 0 {
                continue;
            }
            frames.push(body);
            if flags & MORE == 0 {
                return frames;
            }
        }
    }

    /// Whether bytes are there to be read within `limit`; false too when the peer has closed.
    pub(crate) fn has_bytes_within(&mut self, limit: Duration) -> bool {
        self.stream.set_read_timeout(Some(limit)).unwrap();
        let readable = matches!(self.stream.peek(&mut [0]), Ok(1));
        self.stream.set_read_timeout(Some(SOON)).unwrap();
        readable
    }

    /// Says that nothing more comes.
    pub(crate) fn finish(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Reads until the peer closes; returns what it read, or nothing when the peer did not close within `limit`.
    pub(crate) fn read_to_close(&mut self, limit: Duration) -> Option<Vec<u8>> {
        self.stream.set_read_timeout(Some(limit)).unwrap();
        let mut bytes = Vec::new();
        match self.stream.read_to_end(&mut bytes) {
            Ok(_) => Some(bytes),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Some(bytes),
            Err(_) => None,
        }
    }
}
