//! What a client can be told before it connects.

use std::time::{Duration, Instant};

use event_engine_protocol::constants::{
    CONNECT_TIMEOUT_MS, ENV_ENDPOINT, HEARTBEAT_INTERVAL_MS, QUIT_TIMEOUT_MS, RECEIVE_WINDOW,
    RECEIVE_WINDOW_MAX,
};

use crate::{Client, Error};

/// Stands for a time-out that no clock can hold: ten years.
const FOR_EVER: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

/// Which profile a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// `Session` with this project's engine, `Basic` with its ancestor.
    #[default]
    Auto,
    /// Acknowledged and resumable: nothing is lost when a connection or this process breaks.
    Session,
    /// Request and reply, as the ancestor's clients do it.
    Basic,
}

/// Options of a client; made by [`Client::options`].
///
/// ```no_run
/// use std::time::Duration;
/// use event_engine_client::{Client, Profile};
///
/// # fn main() -> Result<(), event_engine_client::Error> {
/// let client = Client::options()
///     .timeout(Duration::from_secs(60))
///     .profile(Profile::Session)
///     .name("thermometer/2.1")
///     .connect("tcp://127.0.0.1:6000")?;
/// # drop(client);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Options {
    pub(crate) timeout: Duration,
    pub(crate) quit_timeout: Duration,
    pub(crate) profile: Profile,
    pub(crate) heartbeat: Duration,
    pub(crate) name: String,
    pub(crate) receive_window: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            timeout: Duration::from_millis(CONNECT_TIMEOUT_MS),
            quit_timeout: Duration::from_millis(QUIT_TIMEOUT_MS),
            profile: Profile::Auto,
            heartbeat: Duration::from_millis(HEARTBEAT_INTERVAL_MS),
            name: concat!("rust/", env!("CARGO_PKG_VERSION")).to_owned(),
            receive_window: RECEIVE_WINDOW as u64,
        }
    }
}

impl Options {
    /// How long connecting may take, 10 s unless said; processes of an application start in any order.
    ///
    /// In the basic profile also how long an engine that has gone is looked for.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long [`Client::quit`] waits for the engine's answer, 10 s unless said.
    pub fn quit_timeout(mut self, timeout: Duration) -> Self {
        self.quit_timeout = timeout;
        self
    }

    /// Which profile to speak, [`Profile::Auto`] unless said.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// Time between two signs of life asked from the engine, and how long each may take; 60 s unless said.
    ///
    /// A connection without an answer is broken. Zero: none are asked for. A process that is suspended for longer
    /// loses its connection, not its session.
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.heartbeat = interval;
        self
    }

    /// Name and version of this client, for the engine's log.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Events that the engine may send ahead of those handled, 8,192 unless said; from 1 to 16,384.
    ///
    /// Clients that share one plugin's work and take long for each event want few.
    pub fn receive_window(mut self, events: usize) -> Self {
        self.receive_window = events.clamp(1, RECEIVE_WINDOW_MAX) as u64;
        self
    }

    /// Connects a [`Client`].
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub fn connect(&self, endpoint: &str) -> Result<Client, Error> {
        Client::connect_with(self, endpoint)
    }

    /// Connects a [`Client`] to the endpoint in the environment variable `EVENT_ENGINE_ENDPOINT`.
    ///
    /// # Errors
    /// As [`Client::from_env`].
    pub fn from_env(&self) -> Result<Client, Error> {
        self.connect(&endpoint_from_env()?)
    }
}

impl Options {
    /// When connecting has taken too long.
    pub(crate) fn deadline(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.timeout).unwrap_or(now + FOR_EVER)
    }
}

pub(crate) fn endpoint_from_env() -> Result<String, Error> {
    std::env::var(ENV_ENDPOINT).map_err(|_| {
        Error::bad_param(format!(
            "no endpoint: set the environment variable {ENV_ENDPOINT} to the plugin's port, as tcp://127.0.0.1:6000"
        ))
    })
}

/// Host and port of `tcp://host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Endpoint {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let parsed =
            text.strip_prefix("tcp://").and_then(|rest| rest.rsplit_once(':')).and_then(|(host, port)| {
                let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
                let host = match bare {
                    Some(address) => address.parse::<std::net::Ipv6Addr>().ok().map(|_| address)?,
                    None => host,
                };
                let legal = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
                let named = !host.is_empty() && (bare.is_some() || host.chars().all(legal));
                let digits = !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit());
                let port = port.parse().ok().filter(|port| digits && *port != 0)?;
                named.then(|| Endpoint { host: host.to_owned(), port })
            });
        parsed.ok_or_else(|| Error::bad_param(format!("`{text}` is no endpoint: write tcp://host:port")))
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "tcp://{open}{}{close}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_tcp_host_and_port() {
        for legal in ["tcp://127.0.0.1:6000", "tcp://localhost:1", "tcp://a-b.c_d:65535", "tcp://[::1]:6000"]
        {
            assert_eq!(Endpoint::parse(legal).unwrap().to_string(), legal);
        }
        for bad in [
            "",
            "127.0.0.1:6000",
            "tcp://",
            "tcp://:6000",
            "tcp://host",
            "tcp://host:",
            "tcp://host:0",
            "tcp://host:65536",
            "tcp://host:+1",
            "tcp://ho st:1",
            "tcp://host:1 ",
            "ipc://x:1",
            "tcp://a;b:1",
            "tcp://[x]:1",
            "tcp://::1:6000",
        ] {
            let error = Endpoint::parse(bad).unwrap_err();
            assert!(error.to_string().contains("tcp://host:port"), "{bad}: {error}");
        }
    }
}
