//! Engines that break the protocol or refuse, played by a socket that answers from a script.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use event_engine_client::{Client, Error, Profile};

use crate::peer::PATIENCE;

type Message = Vec<Vec<u8>>;

/// A ROUTER that answers each message of a client with those that its script says.
struct Fake {
    endpoint: String,
    stop: Sender<()>,
    heard: Receiver<String>,
    thread: Option<JoinHandle<()>>,
}

fn frames(frames: &[&str]) -> Message {
    frames.iter().map(|frame| frame.as_bytes().to_vec()).collect()
}

const WELCOME: &str = "event-engine: welcome version=1 engine=fake/1 plugin=p resumed=0 received=0 \
                       max-event-bytes=1000 publish-window=10 publish-window-bytes=10000 ping-ms=30000 grace-ms=60000";

/// What an engine says to begin with.
fn handshake(header: &str) -> Vec<Message> {
    match header.split(' ').nth(1) {
        Some("hello") => vec![frames(&[WELCOME])],
        Some("ready") => vec![frames(&["event-engine: ok"])],
        _ => vec![],
    }
}

impl Fake {
    fn start(script: impl Fn(&str) -> Vec<Message> + Send + 'static) -> Self {
        let context = zmq::Context::new();
        let socket = context.socket(zmq::ROUTER).unwrap();
        socket.set_linger(0).unwrap();
        socket.set_rcvtimeo(20).unwrap();
        socket.bind("tcp://127.0.0.1:*").unwrap();
        let endpoint = socket.get_last_endpoint().unwrap().unwrap();
        let (stop, stopped) = mpsc::channel::<()>();
        let (tell, heard) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            while matches!(stopped.try_recv(), Err(mpsc::TryRecvError::Empty)) {
                let Ok(message) = socket.recv_multipart(0) else { continue };
                let header = String::from_utf8_lossy(&message[1]).into_owned();
                for answer in script(&header) {
                    let message = std::iter::once(message[0].clone()).chain(answer);
                    socket.send_multipart(message, 0).unwrap();
                }
                let _ = tell.send(header);
            }
        });
        Fake { endpoint, stop, heard, thread: Some(thread) }
    }

    fn connect(&self) -> Result<Client, Error> {
        Client::options().timeout(Duration::from_secs(5)).connect(&self.endpoint)
    }

    /// Waits until the client has said something that begins so.
    fn wait_for(&self, beginning: &str) -> String {
        loop {
            let header = self.heard.recv_timeout(PATIENCE).expect("the client does not say it");
            if header.strip_prefix("plugin_command: ").is_some_and(|header| header.starts_with(beginning)) {
                return header;
            }
        }
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _ = self.stop.send(());
        self.thread.take().unwrap().join().unwrap();
    }
}

/// A fake whose answer to the first `ack` is this.
fn saying(message: &'static [&'static str]) -> Fake {
    Fake::start(move |header| {
        if header.starts_with("plugin_command: ack seq=0") {
            return vec![frames(message)];
        }
        handshake(header)
    })
}

#[test]
fn a_port_that_is_closed_behind_quit_is_its_end_at_once() {
    let fake = Fake::start(handshake);
    let options = Client::options().quit_timeout(Duration::from_secs(60));
    let client = options.connect(&fake.endpoint).unwrap();
    let begun = std::time::Instant::now();
    std::thread::scope(|scope| {
        let quit = scope.spawn(|| client.quit());
        fake.wait_for("quit");
        drop(fake);
        quit.join().unwrap().unwrap();
    });
    assert!(begun.elapsed() < Duration::from_secs(20), "it waited until its time was up");
}

#[test]
fn a_refused_publish_ends_the_session_and_is_named() {
    let fake = Fake::start(|header| match header.split(' ').nth(1) {
        Some("publish") => vec![frames(&["event-engine: error code=window id=2", "too many"])],
        _ => handshake(header),
    });
    let client = fake.connect().unwrap();
    let error = client.publish_batch(["a", "b"]).unwrap_err();
    assert!(
        matches!(&error, Error::Rejected { code, text, .. } if code == "window" && text == "too many"),
        "{error}"
    );
    assert_eq!(error.unsettled(), Some(1..=2));
    // From now on it is Closed, with the first reason in its text.
    let closed = |error: Error| {
        assert!(error.is_closed() && error.to_string().contains("too many"), "{error}");
        assert_eq!(error.unsettled(), Some(1..=2));
    };
    closed(client.publish("c").unwrap_err());
    closed(client.next_event().unwrap_err());
    closed(client.quit().unwrap_err());
}

#[test]
fn everybody_who_waits_hears_the_reason() {
    let fake = Fake::start(|header| match header.split(' ').nth(1) {
        Some("publish") => vec![frames(&["event-engine: error code=internal", "broken"])],
        _ => handshake(header),
    });
    let client = fake.connect().unwrap();
    std::thread::scope(|scope| {
        let waiting: Vec<_> = (0..3).map(|_| scope.spawn(|| client.next_event().unwrap_err())).collect();
        // All wait when each has asked once; whoever asks later gets Closed, which is right as well.
        let first = client.publish("a").unwrap_err();
        assert!(matches!(first, Error::Rejected { .. } | Error::Closed { .. }), "{first}");
        let errors: Vec<_> = waiting.into_iter().map(|thread| thread.join().unwrap()).collect();
        for error in errors.iter().chain([&first]) {
            assert!(error.to_string().contains("broken"), "{error}");
        }
    });
}

#[test]
fn what_breaks_the_protocol_is_named() {
    for message in [
        &["event-engine: events seq=2", "x"][..],
        &["event-engine: events seq=1 count=2", "x"],
        &["event-engine: events seq=1"],
        &["event-engine: events seq=one", "x"],
        &["event-engine: published id=1"],
        &["event-engine: made-up"],
        &["nonsense"],
        &[""],
        &["", "event-engine: ok"],
        &["a", "b", "c", "d"],
        &["event-engine: bye"],
    ] {
        let fake = saying(message);
        let error = match fake.connect() {
            Err(error) => error,
            Ok(client) => client.next_event_timeout(PATIENCE).unwrap_err(),
        };
        assert!(matches!(error, Error::Protocol { .. }), "{message:?}: {error}");
    }
}

#[test]
fn pings_are_answered_by_whoever_waits() {
    let fake = saying(&["event-engine: ping"]);
    let client = fake.connect().unwrap();
    std::thread::scope(|scope| {
        // Ended by the client's end, below.
        scope.spawn(|| client.next_event().unwrap_err());
        fake.wait_for("pong");
        client.close();
    });
}

#[test]
fn a_redelivered_event_is_acknowledged_by_the_next_call() {
    let fake = saying(&["event-engine: events seq=1 redelivered=1", "x"]);
    let client = fake.connect().unwrap();
    assert!(client.next_event_timeout(PATIENCE).unwrap().redelivered());
    assert_eq!(client.try_next_event(), Ok(None));
    assert_eq!(fake.wait_for("ack seq=1"), "plugin_command: ack seq=1 upto=8193");
}

#[test]
fn a_version_that_nobody_speaks_is_rejected() {
    let fake =
        Fake::start(|_| vec![frames(&["event-engine: error code=unsupported-version versions=7", "only 7"])]);
    let error = fake.connect().unwrap_err();
    assert!(matches!(&error, Error::Rejected { code, .. } if code == "unsupported-version"), "{error}");
}

#[test]
fn an_engine_that_does_not_welcome_is_a_time_out_that_says_so() {
    let fake = Fake::start(|_| vec![]);
    let options = Client::options().timeout(Duration::from_millis(300));
    let error = options.connect(&fake.endpoint).unwrap_err();
    assert!(error.is_timeout() && error.to_string().contains("does not welcome"), "{error}");
    let fake = Fake::start(|header| {
        handshake(header).into_iter().take(usize::from(header.contains("hello"))).collect()
    });
    let error = options.connect(&fake.endpoint).unwrap_err();
    assert!(error.is_timeout() && error.to_string().contains("waits for other plugins"), "{error}");
    fake.wait_for("ready");
}

#[test]
fn an_answer_that_is_none_breaks_the_basic_profile() {
    let fake = Fake::start(|_| vec![frames(&["", "event-engine: made-up"])]);
    let basic = Client::options().profile(Profile::Basic);
    let client = basic.connect(&fake.endpoint).unwrap();
    let error = client.publish("a").unwrap_err();
    assert!(matches!(error, Error::Protocol { .. }), "{error}");
    assert_eq!(error.unsettled(), Some(1..=1));
    assert!(client.next_event().unwrap_err().is_closed());
}

#[test]
fn a_time_out_that_no_clock_can_hold_is_no_fault() {
    let fake = saying(&["event-engine: events seq=1", "x"]);
    let client = Client::options()
        .timeout(Duration::MAX)
        .quit_timeout(Duration::MAX)
        .heartbeat(Duration::MAX)
        .connect(&fake.endpoint)
        .unwrap();
    assert_eq!(&*client.next_event_timeout(Duration::MAX).unwrap(), b"x");
}
