//! A running application, found by what the command line says and asked over its control socket.

mod find;

use std::path::{Path, PathBuf};
use std::time::Duration;

use event_engine::control::client::{ClientError, Tapping};
use event_engine::control::messages::Status;
use event_engine::control::{Client, Ended};

use crate::exit::Problem;
pub(crate) use find::{running, Choice};

/// A running application.
#[derive(Debug)]
pub(crate) struct Live {
    client: Client,
    path: PathBuf,
    name: String,
}

impl Live {
    /// Connects to the control socket at `path` of the application that the user calls `name`.
    ///
    /// # Errors
    /// [`Problem::NotRunning`] if nobody listens there, [`Problem::Failed`] if it may not be used or is no engine's.
    pub(crate) fn connect(path: &Path, name: &str) -> Result<Live, Problem> {
        match Client::connect(path) {
            Ok(client) => Ok(Live { client, path: path.to_path_buf(), name: name.to_owned() }),
            Err(error) => Err(find::refused(path, name, error)),
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
    /// [`ClientError`].
    pub(crate) fn status(&mut self) -> Result<Status, ClientError> {
        self.client.status()
    }

    /// Publishes one event and returns its order.
    ///
    /// # Errors
    /// [`ClientError`].
    pub(crate) fn publish(&mut self, event: &[u8]) -> Result<u64, ClientError> {
        self.client.publish(event)
    }

    /// Stops the application, with `now` without letting anything drain.
    ///
    /// # Errors
    /// [`ClientError`].
    pub(crate) fn stop(&mut self, now: bool) -> Result<(), ClientError> {
        self.client.stop(now)
    }

    /// Stops the application, waits for its end, at most so long, and returns how it was.
    ///
    /// # Errors
    /// [`ClientError`].
    pub(crate) fn stop_and_wait(
        &mut self,
        now: bool,
        timeout: Duration,
    ) -> Result<Option<Ended>, ClientError> {
        self.client.stop_and_wait(now, timeout)
    }

    /// Sees from now on the events that begin with one of `filters`; with none, all.
    ///
    /// # Errors
    /// [`ClientError`].
    pub(crate) fn tap(self, filters: &[Vec<u8>]) -> Result<Tapping, ClientError> {
        self.client.tap(filters)
    }

    /// What the user is told about an error.
    pub(crate) fn problem(&self, error: ClientError) -> Problem {
        problem(&self.name, error)
    }
}

/// What the user is told about an error of the application that he calls `name`.
pub(crate) fn problem(name: &str, error: ClientError) -> Problem {
    match error {
        ClientError::Closed => Problem::NotRunning(format!("{name} has ended")),
        ClientError::Refused { code, text } => Problem::Failed(format!("{name} refused ({code}): {text}")),
        other => Problem::Failed(format!("{name}: {other}")),
    }
}
