//! A connection to a control socket: requests and answers, one JSON object a line.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use base64::prelude::{Engine as _, BASE64_STANDARD};
use event_engine::control::messages::{Answer, Body, Op, Reply, Request, Status, Tapped};

use super::Fault;

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: BufReader<UnixStream>,
    id: u64,
}

impl Connection {
    pub(super) fn open(path: &Path) -> io::Result<Connection> {
        Ok(Connection { stream: BufReader::new(UnixStream::connect(path)?), id: 0 })
    }

    fn ask(&mut self, op: Op) -> Result<Reply, Fault> {
        self.send(op)?;
        self.answer()
    }

    fn send(&mut self, op: Op) -> Result<(), Fault> {
        self.id += 1;
        let request = Request { id: self.id, op };
        let mut line = serde_json::to_vec(&request).map_err(|error| Fault::Broken(error.to_string()))?;
        line.push(b'\n');
        self.stream.get_mut().write_all(&line).map_err(|_| Fault::Ended)
    }

    fn answer(&mut self) -> Result<Reply, Fault> {
        match self.read()? {
            Body::Ok(reply) => Ok(reply),
            Body::Error { code, text } => Err(Fault::Refused { code, text }),
            other => Err(Fault::Broken(format!("{other:?}"))),
        }
    }

    fn read(&mut self) -> Result<Body, Fault> {
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(0) => Err(Fault::Ended),
            Ok(_) => serde_json::from_str::<Answer>(&line)
                .map(|answer| answer.body)
                .map_err(|error| Fault::Broken(error.to_string())),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                Err(Fault::TimedOut)
            }
            Err(_) => Err(Fault::Ended),
        }
    }

    pub(super) fn status(&mut self) -> Result<Status, Fault> {
        match self.ask(Op::Status)? {
            Reply::Status(status) => Ok(*status),
            other => Err(Fault::Broken(format!("{other:?}"))),
        }
    }

    pub(super) fn publish(&mut self, event: &[u8]) -> Result<u64, Fault> {
        match self.ask(Op::Publish { event: BASE64_STANDARD.encode(event) })? {
            Reply::Published { order } => Ok(order),
            other => Err(Fault::Broken(format!("{other:?}"))),
        }
    }

    pub(super) fn stop(&mut self, now: bool) -> Result<(), Fault> {
        self.ask(Op::Stop { now }).map(drop)
    }

    /// Asks for the end; [`Connection::end`] gets the answer.
    pub(super) fn ask_for_the_end(&mut self) -> Result<(), Fault> {
        self.send(Op::Wait)
    }

    pub(super) fn end(&mut self, timeout: Option<Duration>) -> Result<(bool, String), Fault> {
        self.stream.get_ref().set_read_timeout(timeout).map_err(|error| Fault::Broken(error.to_string()))?;
        match self.answer()? {
            Reply::Ended { success, report } => Ok((success, report)),
            other => Err(Fault::Broken(format!("{other:?}"))),
        }
    }

    pub(super) fn tap(&mut self, filters: &[Vec<u8>]) -> Result<(), Fault> {
        let filters = filters.iter().map(|filter| BASE64_STANDARD.encode(filter)).collect();
        self.ask(Op::Tap { filters }).map(drop)
    }

    pub(super) fn next_tapped(&mut self) -> Result<Tapped, Fault> {
        match self.read()? {
            Body::Event(event) => Ok(event),
            Body::Error { code, text } => Err(Fault::Refused { code, text }),
            other => Err(Fault::Broken(format!("{other:?}"))),
        }
    }
}
