//! A running application, found by what the command line says and asked over its control socket.

mod connection;
mod find;

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::prelude::{Engine as _, BASE64_STANDARD};
use event_engine::control::messages::{Status, Tapped};

use crate::exit::Problem;
use connection::Connection;
pub(crate) use find::{running, Choice};

/// Why a running application did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It ended, or began to end and closed the socket.
    Ended,
    /// The time was up.
    TimedOut,
    /// It refused.
    Refused {
        /// Its error code.
        code: String,
        /// In words.
        text: String,
    },
    /// What came is no answer.
    Broken(String),
}

/// A running application.
#[derive(Debug)]
pub(crate) struct Live {
    connection: Connection,
    path: PathBuf,
    name: String,
}

/// An event that a tap saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Its order in the application.
    pub(crate) order: u64,
    /// Who published it.
    pub(crate) from: String,
    /// The event.
    pub(crate) bytes: Vec<u8>,
    /// So many before it were not shown.
    pub(crate) missed: u64,
}

impl Live {
    /// Connects to the control socket at `path` of the application that the user calls `name`.
    ///
    /// # Errors
    /// [`Problem::NotRunning`] if nobody listens there, [`Problem::Failed`] if it may not be used.
    pub(crate) fn connect(path: &Path, name: &str) -> Result<Live, Problem> {
        match Connection::open(path) {
            Ok(connection) => Ok(Live { connection, path: path.to_path_buf(), name: name.to_owned() }),
            Err(error) => Err(find::refused(path, name, &error)),
        }
    }

    /// What the user calls the application.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its control socket.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The application at this moment.
    ///
    /// # Errors
    /// [`Fault`].
    pub(crate) fn status(&mut self) -> Result<Status, Fault> {
        self.connection.status()
    }

    /// Publishes one event and returns its order.
    ///
    /// # Errors
    /// [`Fault`].
    pub(crate) fn publish(&mut self, event: &[u8]) -> Result<u64, Fault> {
        self.connection.publish(event)
    }

    /// Stops the application, with `now` without letting anything drain.
    ///
    /// # Errors
    /// [`Fault`].
    pub(crate) fn stop(&mut self, now: bool) -> Result<(), Fault> {
        self.connection.stop(now)
    }

    /// Asks, over a connection of its own, to be told the end. It is asked before this returns, so that a `stop` after it cannot
    /// come first.
    ///
    /// # Errors
    /// [`Fault`].
    pub(crate) fn watch_for_the_end(&self) -> Result<End, Fault> {
        let mut connection = Connection::open(&self.path).map_err(|_| Fault::Ended)?;
        connection.ask_for_the_end()?;
        Ok(End { connection })
    }

    /// Sees, over a connection of its own, from now on the events that begin with one of `filters`; with none, all.
    ///
    /// # Errors
    /// [`Fault`].
    pub(crate) fn tap(&self, filters: &[Vec<u8>]) -> Result<Tap, Fault> {
        let mut connection = Connection::open(&self.path).map_err(|_| Fault::Ended)?;
        connection.tap(filters)?;
        Ok(Tap { connection })
    }

    /// What the user is told about a fault.
    pub(crate) fn problem(&self, fault: Fault) -> Problem {
        problem(&self.name, fault)
    }
}

/// What the user is told about a fault of the application that he calls `name`.
pub(crate) fn problem(name: &str, fault: Fault) -> Problem {
    match fault {
        Fault::Ended => Problem::NotRunning(format!("{name} has ended")),
        Fault::TimedOut => Problem::Failed(format!("{name} did not answer in time")),
        Fault::Refused { code, text } => Problem::Failed(format!("{name} refused ({code}): {text}")),
        Fault::Broken(text) => {
            Problem::Failed(format!("{name} answered what this version does not know: {text}"))
        }
    }
}

/// The end of an application, that is to come.
#[derive(Debug)]
pub(crate) struct End {
    connection: Connection,
}

impl End {
    /// Waits for it, and returns whether it was a good one, and the report.
    ///
    /// # Errors
    /// [`Fault`].
    pub(crate) fn wait(mut self, timeout: Option<Duration>) -> Result<(bool, String), Fault> {
        self.connection.end(timeout)
    }
}

/// The events that a tap sees.
#[derive(Debug)]
pub(crate) struct Tap {
    connection: Connection,
}

impl Tap {
    /// Waits for the next event.
    ///
    /// # Errors
    /// [`Fault`].
    pub(crate) fn next(&mut self) -> Result<Seen, Fault> {
        let Tapped { order, from, bytes, missed } = self.connection.next_tapped()?;
        let bytes = BASE64_STANDARD.decode(bytes).map_err(|error| Fault::Broken(error.to_string()))?;
        Ok(Seen { order, from, bytes, missed })
    }
}
