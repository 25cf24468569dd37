//! What listens at a port: the ZMTP handshake names the peer's socket type. No message is sent (EE-SDK-4).

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::resolve::resolve;
use crate::options::Endpoint;
use crate::{Error, Profile};

/// Longest wait for one address.
const ATTEMPT: Duration = Duration::from_secs(3);
/// Largest READY command that is read.
const READY_MAX_BYTES: usize = 4096;

/// Which kind of engine was found, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) address: SocketAddr,
    pub(crate) peer: Peer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// This project's engine: speaks session and basic.
    Router,
    /// The ancestor's engine: speaks basic, one request at a time.
    Rep,
}

impl Found {
    /// The profile to speak with it.
    pub(crate) fn profile(self, wanted: Profile) -> Result<Profile, Error> {
        match (wanted, self.peer) {
            (Profile::Auto | Profile::Session, Peer::Router) => Ok(Profile::Session),
            (Profile::Auto, Peer::Rep) | (Profile::Basic, _) => Ok(Profile::Basic),
            (Profile::Session, Peer::Rep) => Err(Error::Protocol {
                what: format!(
                    "the engine at {} speaks the basic profile only (its socket is a REP)",
                    self.address
                ),
                unsettled: None,
            }),
        }
    }
}

/// Why an attempt failed.
#[derive(Debug)]
pub(crate) enum Miss {
    /// Worth another try.
    Transient(String),
    /// The name is not known, which is worth another try too.
    Unknown(String),
    /// What listens there is no engine.
    Wrong(Error),
}

impl Miss {
    /// The error when no time is left for another try.
    pub(crate) fn error(self, endpoint: &Endpoint) -> Error {
        match self {
            Miss::Transient(what) => Error::Timeout {
                waited_for: format!("no engine answers at {endpoint} ({what}): is it running there?"),
            },
            Miss::Unknown(what) => Error::transport(format!("the name of {endpoint} is not known: {what}")),
            Miss::Wrong(error) => error,
        }
    }
}

/// Tries each address of the endpoint once.
pub(crate) fn probe(endpoint: &Endpoint, deadline: Instant) -> Result<Found, Miss> {
    let left =
        |deadline: Instant| deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    let addresses = match resolve(endpoint, Arc::new(|| {})).recv_timeout(left(deadline)) {
        Ok(Ok(addresses)) => addresses,
        Ok(Err(text)) => return Err(Miss::Unknown(text)),
        Err(_) => return Err(Miss::Unknown("the resolver does not answer".into())),
    };
    let mut last = Miss::Unknown("it has no address".into());
    for address in addresses {
        let until = deadline.min(Instant::now() + ATTEMPT);
        match socket_type(address, until) {
            Ok(kind) if kind == b"ROUTER" => return Ok(Found { address, peer: Peer::Router }),
            Ok(kind) if kind == b"REP" => return Ok(Found { address, peer: Peer::Rep }),
            Ok(kind) => {
                let kind = String::from_utf8_lossy(&kind).into_owned();
                last = Miss::Wrong(wrong(
                    address,
                    &format!("its socket is a {kind}, not that of a plugin's port"),
                ));
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                last = Miss::Wrong(wrong(address, &error.to_string()));
            }
            Err(error) => last = Miss::Transient(format!("{address}: {error}")),
        }
    }
    Err(last)
}

fn wrong(address: SocketAddr, what: &str) -> Error {
    Error::Protocol { what: format!("what listens at {address} is no engine: {what}"), unsettled: None }
}

/// The `Socket-Type` of the peer, from its READY.
fn socket_type(address: SocketAddr, deadline: Instant) -> io::Result<Vec<u8>> {
    let mut stream = Bounded { stream: TcpStream::connect_timeout(&address, left(deadline)?)?, deadline };
    stream.write_all(&greeting())?;
    let mut theirs = [0; 64];
    stream.read_exact(&mut theirs)?;
    let [0xff, _, _, _, _, _, _, _, _, 0x7f, major, _, mechanism @ ..] = &theirs else {
        return Err(invalid("it does not speak ZMTP"));
    };
    if *major < 3 {
        return Err(invalid("it speaks an older ZMTP than 3"));
    }
    if !mechanism.starts_with(b"NULL\0") {
        return Err(invalid("it wants another security mechanism than NULL"));
    }
    stream.write_all(b"\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06DEALER")?;
    let [flags] = stream.array()?;
    let length = match flags {
        4 => usize::from(u8::from_be_bytes(stream.array()?)),
        6 => usize::try_from(u64::from_be_bytes(stream.array()?)).unwrap_or(usize::MAX),
        _ => return Err(invalid("its first frame is no command")),
    };
    if length > READY_MAX_BYTES {
        return Err(invalid("its READY is too long"));
    }
    let mut command = vec![0; length];
    stream.read_exact(&mut command)?;
    let properties = command.strip_prefix(b"\x05READY").ok_or_else(|| invalid("it refuses the handshake"))?;
    property(properties, b"socket-type").ok_or_else(|| invalid("it does not say its socket type"))
}

/// Signature, version 3.0, mechanism NULL, no server.
fn greeting() -> [u8; 64] {
    let mut greeting = [0; 64];
    for (at, bytes) in [(0, &b"\xff"[..]), (8, b"\x01\x7f\x03\0NULL")] {
        greeting.iter_mut().skip(at).zip(bytes).for_each(|(slot, byte)| *slot = *byte);
    }
    greeting
}

/// The value of a property of READY; names are compared without case.
fn property(mut rest: &[u8], wanted: &[u8]) -> Option<Vec<u8>> {
    while let Some((length, after)) = rest.split_first() {
        let (name, after) = after.split_at_checked(usize::from(*length))?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let (value, after) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value.to_vec());
        }
        rest = after;
    }
    None
}

/// A stream whose reads and writes end at a deadline, however slowly the peer sends.
struct Bounded {
    stream: TcpStream,
    deadline: Instant,
}

impl Bounded {
    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(left(self.deadline)?))?;
        self.stream.read(buffer)
    }
}

impl Write for Bounded {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(left(self.deadline)?))?;
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::Error::new(io::ErrorKind::TimedOut, "it does not answer in time"));
    }
    Ok(left)
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
