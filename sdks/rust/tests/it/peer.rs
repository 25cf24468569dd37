//! A peer as a child process: commands go to its stdin, each is answered by a line on its stdout.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

/// Longest wait for any answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What a child prints, line by line, so that waiting for it can be bounded.
pub(crate) fn lines(child: &mut Child) -> Receiver<String> {
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in stdout.lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

pub(crate) struct Peer {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    port: u16,
}

impl Peer {
    pub(crate) fn start(arguments: &[&str]) -> Peer {
        let binary = std::env::var_os("EVENT_ENGINE_PEERS").expect(
            "set EVENT_ENGINE_PEERS to the binary `peers`: cargo build --release -p event-engine-peers",
        );
        let mut child = Command::new(binary)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("EVENT_ENGINE_PEERS does not start");
        let stdin = child.stdin.take();
        let lines = lines(&mut child);
        let mut peer = Peer { child, stdin, lines, port: 0 };
        let line = peer.line();
        peer.port =
            line.strip_prefix("port ").and_then(|port| port.parse().ok()).unwrap_or_else(|| panic!("{line}"));
        peer
    }

    pub(crate) fn engine(arguments: &[&str]) -> Peer {
        Peer::start(&[&["engine"], arguments].concat())
    }

    pub(crate) fn ancestor() -> Peer {
        Peer::start(&["ancestor"])
    }

    /// A proxy in front of another peer.
    pub(crate) fn proxy(target: &Peer, arguments: &[&str]) -> Peer {
        let target = format!("127.0.0.1:{}", target.port);
        Peer::start(&[&["proxy", "--target", &target], arguments].concat())
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("tcp://127.0.0.1:{}", self.port)
    }

    /// Sends a command without waiting for its answer.
    pub(crate) fn tell(&mut self, command: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        writeln!(stdin, "{command}")
            .and_then(|()| stdin.flush())
            .unwrap_or_else(|e| panic!("{command}: {e}"));
    }

    /// The next answer.
    pub(crate) fn line(&mut self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("the peer does not answer")
    }

    /// Sends a command and returns its answer.
    pub(crate) fn ask(&mut self, command: &str) -> String {
        self.tell(command);
        self.line()
    }

    /// Asks, and wants that answer.
    #[track_caller]
    pub(crate) fn expect(&mut self, command: &str, answer: &str) {
        assert_eq!(self.ask(command), answer, "{command}");
    }

    /// Everything from one publisher came, once and in order.
    #[track_caller]
    pub(crate) fn expect_collected(&mut self, events: u64) {
        let answer = self.ask(&format!("collected-wait {events} 30000"));
        let expected = format!("collected {events} distinct {events} in_order true last {}", events - 1);
        assert_eq!(answer, expected);
    }

    /// How the application ended.
    pub(crate) fn ended(&mut self) -> String {
        let answer = self.ask("wait 30000");
        answer.split(' ').take(2).collect::<Vec<_>>().join(" ")
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.stdin.take(); // ends it
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The number of `down:00000017`.
pub(crate) fn number(event: &[u8]) -> u64 {
    let digits = event.strip_prefix(b"down:").and_then(|rest| rest.get(..8));
    std::str::from_utf8(digits.unwrap_or_else(|| panic!("{event:?}"))).unwrap().parse().unwrap()
}

/// `up:00000017`.
pub(crate) fn up(number: u64) -> String {
    format!("up:{number:08}")
}

/// Small random numbers, the same ones in each run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        // Xorshift.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}
