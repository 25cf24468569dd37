//! Metrics and health over HTTP (spec/control.md). A request is a few lines and so is this: the head is parsed by `httparse`, the
//! bounds are the engine's own (spec/decisions/0014-http-by-hand.md).

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use event_engine_protocol::constants;
use serde::Serialize;

use super::connections::{accept_until, Connections};
use super::messages::Status;
use super::{metrics, Control};
use crate::start_error::StartError;
use crate::wake::Waker;

/// So many times the longest head is read and thrown away behind an answered request.
const MAX_UNREAD_HEADS: usize = 8;

/// An open address that nobody answers yet.
pub(crate) struct MetricsAddress {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
}

impl MetricsAddress {
    /// Opens `address`; one that is not loopback must be meant.
    ///
    /// # Errors
    /// [`StartError::Metrics`], which says what to do.
    pub(crate) fn open(text: &str, exposed: bool) -> Result<Self, StartError> {
        let error = |what: String| StartError::Metrics { address: text.to_string(), what };
        let address: SocketAddr = text.parse().map_err(|_| {
            error("it is no address; give an IP address and a port, such as 127.0.0.1:9100".into())
        })?;
        if !address.ip().is_loopback() {
            if !exposed {
                return Err(error(
                    "it is no loopback address, and whoever reaches it could read along; \
                     bind 127.0.0.1, or call metrics_exposed() if that is meant"
                        .into(),
                ));
            }
            tracing::warn!("metrics are open to everybody who reaches {address}");
        }
        let opened = TcpListener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(MetricsAddress { address: listener.local_addr()?, listener })
        });
        opened.map_err(|source| {
            let advice = match source.kind() {
                ErrorKind::AddrInUse => "; another process uses it: end that, or choose another port",
                ErrorKind::PermissionDenied => "; ports below 1024 need privileges: choose another port",
                ErrorKind::AddrNotAvailable => "; this machine does not have that address",
                _ => "",
            };
            error(format!("it could not be opened: {source}{advice}"))
        })
    }

    /// Answers from now on.
    ///
    /// # Errors
    /// The system has no thread or descriptors for it.
    pub(crate) fn start(self, control: Control) -> io::Result<MetricsServer> {
        let waker = Waker::new()?;
        let connections = Connections::new(constants::HTTP_MAX_CONNECTIONS);
        let (own_waker, own_connections) = (Arc::clone(&waker), Arc::clone(&connections));
        let thread = thread::Builder::new().name("ee-metrics".into()).spawn(move || {
            let listener = self.listener;
            accept_until(listener.as_fd(), &own_waker, || {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(false)?;
                let control = control.clone();
                // One too many is dropped, and closed by that.
                own_connections.serve(stream, "ee-metrics-peer", move |stream| {
                    // A peer that is slow or gone is not told.
                    let _ = Exchange::new(&stream).answer(&control);
                })?;
                Ok(())
            });
        })?;
        Ok(MetricsServer { waker, connections, thread: Some(thread) })
    }
}

/// Answers until it is dropped.
pub(crate) struct MetricsServer {
    waker: Arc<Waker>,
    connections: Arc<Connections<TcpStream>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        self.waker.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.connections.finish(Duration::from_millis(constants::LINGER_MS));
    }
}

/// What is answered.
struct Response {
    status: &'static str,
    kind: &'static str,
    /// Further headers, each with the end of its line.
    headers: &'static str,
    body: String,
}

impl Response {
    fn text(status: &'static str, body: &str) -> Self {
        let kind = "text/plain; charset=utf-8";
        Response { status, kind, headers: "", body: format!("{body}\n") }
    }

    fn too_large(body: &str) -> Self {
        Response::text("431 Request Header Fields Too Large", body)
    }

    fn wrong_method() -> Self {
        let response = Response::text("405 Method Not Allowed", "only GET and HEAD are answered");
        Response { headers: "Allow: GET, HEAD\r\n", ..response }
    }
}

/// One request and its answer, by a deadline.
struct Exchange<'a> {
    stream: &'a TcpStream,
    deadline: Instant,
}

impl<'a> Exchange<'a> {
    fn new(stream: &'a TcpStream) -> Self {
        Exchange { stream, deadline: Instant::now() + Duration::from_millis(constants::HTTP_REQUEST_MS) }
    }

    fn answer(&mut self, control: &Control) -> io::Result<()> {
        let mut head = Vec::new();
        let (response, with_body) = loop {
            if let Some(decided) = respond(&head, control) {
                break decided;
            }
            if !self.read_into(&mut head)? {
                return Ok(());
            }
        };
        let Response { status, kind, headers, body } = response;
        let length = body.len();
        let mut answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{headers}Connection: close\r\n\r\n"
        );
        if with_body {
            answer.push_str(&body);
        }
        self.write(answer.as_bytes())?;
        self.stream.shutdown(Shutdown::Write)?;
        // Closing with something unread would take the answer back.
        let (mut unread, mut heads) = (Vec::new(), 0);
        while heads < MAX_UNREAD_HEADS && self.read_into(&mut unread)? {
            if unread.len() >= constants::HTTP_HEAD_MAX_BYTES {
                unread.clear();
                heads += 1;
            }
        }
        Ok(())
    }

    fn time_left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        Ok(left)
    }

    /// Reads what comes next, up to the longest head; false at the end.
    fn read_into(&mut self, bytes: &mut Vec<u8>) -> io::Result<bool> {
        self.stream.set_read_timeout(Some(self.time_left()?))?;
        let mut chunk = [0; 2048];
        let room = constants::HTTP_HEAD_MAX_BYTES.saturating_sub(bytes.len()).min(chunk.len());
        let read = self.stream.read(chunk.get_mut(..room).unwrap_or_default())?;
        bytes.extend_from_slice(chunk.get(..read).unwrap_or_default());
        Ok(read > 0)
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.stream.set_write_timeout(Some(self.time_left()?))?;
            let written = self.stream.write(bytes)?;
            bytes = bytes.get(written..).unwrap_or_default();
        }
        Ok(())
    }
}

/// What a request is answered, and whether with its body; none as long as it is not complete.
fn respond(head: &[u8], control: &Control) -> Option<(Response, bool)> {
    let mut headers = [httparse::EMPTY_HEADER; constants::HTTP_MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) if head.len() < constants::HTTP_HEAD_MAX_BYTES => return None,
        Ok(httparse::Status::Partial) => {
            let what =
                format!("the head of the request has more than {} bytes", constants::HTTP_HEAD_MAX_BYTES);
            return Some((Response::too_large(&what), true));
        }
        Err(httparse::Error::TooManyHeaders) => {
            let what = format!("the request has more than {} headers", constants::HTTP_MAX_HEADERS);
            return Some((Response::too_large(&what), true));
        }
        Err(error) => {
            return Some((
                Response::text("400 Bad Request", &format!("this is no HTTP request: {error}")),
                true,
            ));
        }
    }
    let with_body = match request.method {
        Some("GET") => true,
        Some("HEAD") => false,
        _ => return Some((Response::wrong_method(), true)),
    };
    let path = request.path.unwrap_or_default();
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    let response = match path {
        "/metrics" => Response {
            status: "200 OK",
            kind: "text/plain; version=0.0.4; charset=utf-8",
            headers: "",
            body: metrics::text(&control.status()),
        },
        "/health" => health(&control.status()),
        _ => Response::text("404 Not Found", "there are /metrics and /health"),
    };
    Some((response, with_body))
}

/// `200` when the application runs, else `503`.
fn health(status: &Status) -> Response {
    #[derive(Serialize)]
    struct Health<'a> {
        phase: &'a str,
        /// Plugins that have failed.
        failed: Vec<&'a str>,
    }
    let failed = |state: &str| matches!(state, "failed" | "panicked" | "given-up");
    let failed = status.plugins.iter().filter(|plugin| failed(&plugin.state));
    let health = Health { phase: &status.phase, failed: failed.map(|plugin| plugin.name.as_str()).collect() };
    Response {
        status: if status.phase == "running" { "200 OK" } else { "503 Service Unavailable" },
        kind: "application/json",
        headers: "",
        body: serde_json::to_string(&health).unwrap_or_default(),
    }
}
