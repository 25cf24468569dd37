//! A running peer, and clients in both profiles.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

/// Every answer comes so soon, or the test has failed.
const WITHIN: Duration = Duration::from_secs(20);

pub(crate) struct Peer {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    pub(crate) port: u16,
}

impl Peer {
    pub(crate) fn start(arguments: &[&str]) -> Peer {
        let mut child = Command::new(env!("CARGO_BIN_EXE_peers"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = mpsc::channel();
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        let stdin = child.stdin.take();
        let mut peer = Peer { child, stdin, lines, port: 0 };
        let first = peer.line();
        peer.port = first.strip_prefix("port ").unwrap().parse().unwrap();
        peer
    }

    pub(crate) fn send(&mut self, command: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{command}").unwrap();
    }

    pub(crate) fn line(&mut self) -> String {
        self.lines.recv_timeout(WITHIN).expect("no answer")
    }

    pub(crate) fn ask(&mut self, command: &str) -> String {
        self.send(command);
        self.line()
    }

    /// Closes stdin and waits for the process's end.
    pub(crate) fn close_stdin(mut self) -> bool {
        self.stdin = None;
        let (send, ended) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| send.send(self.child.wait()));
            ended.recv_timeout(WITHIN).expect("the process has not ended").unwrap().success()
        })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A REQ socket.
pub(crate) struct Basic(zmq::Socket);

impl Basic {
    pub(crate) fn connect(port: u16) -> Basic {
        let socket = zmq::Context::new().socket(zmq::REQ).unwrap();
        socket.set_linger(1000).unwrap();
        socket.set_rcvtimeo(i32::try_from(WITHIN.as_millis()).unwrap()).unwrap();
        socket.connect(&format!("tcp://127.0.0.1:{port}")).unwrap();
        Basic(socket)
    }

    pub(crate) fn request(&self, body: &[u8]) -> Vec<u8> {
        self.0.send(body, 0).unwrap();
        self.0.recv_bytes(0).unwrap()
    }

    pub(crate) fn next(&self) -> String {
        String::from_utf8(self.request(b"plugin_command: next_msg")).unwrap()
    }

    pub(crate) fn publish(&self, event: &[u8]) {
        assert_eq!(self.request(event), b"event-engine: msg published");
    }

    pub(crate) fn quit(self) {
        self.0.send(&b"plugin_command: quit"[..], 0).unwrap();
    }
}

/// A DEALER in the session profile.
pub(crate) struct Session(zmq::Socket);

impl Session {
    pub(crate) fn connect(port: u16) -> Session {
        let socket = zmq::Context::new().socket(zmq::DEALER).unwrap();
        // One socket, one connection. Not -1: then libzmq drops what came in just before the connection ended.
        socket.set_reconnect_ivl(i32::MAX).unwrap();
        socket.set_linger(1000).unwrap();
        socket.set_rcvtimeo(i32::try_from(WITHIN.as_millis()).unwrap()).unwrap();
        socket.connect(&format!("tcp://127.0.0.1:{port}")).unwrap();
        Session(socket)
    }

    pub(crate) fn send(&self, command: &str, payload: Option<&[u8]>) {
        let header = format!("plugin_command: {command}").into_bytes();
        let frames: Vec<&[u8]> = std::iter::once(&header[..]).chain(payload).collect();
        self.0.send_multipart(frames, 0).unwrap();
    }

    /// The next header, without its prefix, and the payload.
    pub(crate) fn receive(&self) -> (String, Option<Vec<u8>>) {
        let mut frames = self.0.recv_multipart(0).unwrap().into_iter();
        let header = String::from_utf8(frames.next().unwrap()).unwrap();
        (header.strip_prefix("event-engine: ").unwrap().to_string(), frames.next())
    }
}
