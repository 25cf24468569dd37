//! Publishers that wait for each other.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::span;

use super::*;

/// Remembers what is logged; uses the router meanwhile, as a log that is published as events would.
#[derive(Clone)]
struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    router: Arc<Router>,
}

impl Log {
    fn of(router: &Arc<Router>) -> Self {
        Log { lines: Arc::default(), router: Arc::clone(router) }
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().clone()
    }

    fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        tracing::subscriber::with_default(self.clone(), work)
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

impl tracing::Subscriber for Log {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.router.ledger();
        self.lines.lock().push(line.0);
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// EE-DELIVERY-10, EE-DELIVERY-11
#[test]
fn a_burst_to_itself_goes_beyond_the_limit_up_to_the_cap() {
    let mut bench = Bench::new();
    let narcissus = bench.plugin("narcissus", limits(2), &["x"]);
    let log = Log::of(&bench.router);
    log.during(|| {
        for _ in 0..2 + 3 {
            assert_eq!(bench.offer(narcissus, b"x"), None);
        }
        assert!(bench.offer(narcissus, b"x").is_some(), "past the cap and accepted");
    });
    let warnings: Vec<_> =
        log.lines().into_iter().filter(|line| line.contains("narcissus → narcissus")).collect();
    assert_eq!(warnings.len(), 1, "{:?}", log.lines());
    // It goes on once the queue is within its limit again.
    assert_eq!(bench.read(narcissus, 4).len(), 4);
    assert_eq!(bench.parked().len(), 0);
    assert_eq!(bench.read(narcissus, 9).len(), 2);
    assert!(bench.router.ledger().balances());
}

/// EE-DELIVERY-10
#[test]
fn two_plugins_with_full_queues_go_beyond_their_limits() {
    let mut bench = Bench::new();
    let (ping, pong) =
        (bench.plugin("ping", limits(1), &["to ping"]), bench.plugin("pong", limits(1), &["to pong"]));
    assert_eq!(bench.offer(ping, b"to pong"), None);
    let first = bench.offer(ping, b"to pong").expect("waits: pong may still read");
    assert_eq!(bench.offer(pong, b"to ping"), None);
    assert_eq!(bench.offer(pong, b"to ping"), None, "waits in a circle");
    assert_eq!(bench.parked(), BTreeSet::from([first]));
    assert_eq!(bench.router.ledger().plugin("ping").unwrap().queued, 2);
    assert_eq!(bench.read(pong, 1).len(), 1);
    assert_eq!(bench.router.take_completed(ping).unwrap(), [first]);
}

/// EE-DELIVERY-10: waiting for somebody who does not wait is no circle, however many wait.
#[test]
fn publishers_to_a_slow_and_a_roomy_queue_are_no_circle() {
    let mut bench = Bench::new();
    let slow = bench.plugin("slow", limits(2), &["both"]);
    let roomy = bench.plugin("roomy", limits(1000), &["both", "roomy"]);
    let sources =
        [bench.plugin("first", limits(1), &["nothing"]), bench.plugin("second", limits(1), &["nothing"])];
    for _ in 0..2 {
        assert_eq!(bench.offer(sources[0], b"both"), None);
    }
    let log = Log::of(&bench.router);
    log.during(|| {
        for round in 0..50 {
            assert!(bench.offer(sources[round % 2], b"both").is_some());
            assert!(bench.offer(sources[(round + 1) % 2], b"roomy").is_some());
        }
    });
    assert_eq!(log.lines(), [""; 0]);
    assert_eq!(bench.peek(slow).len(), 2);
    assert_eq!(bench.peek(roomy).len(), 2);
    // Neither do readers that publish make one, as long as they are not waited for.
    assert_eq!(bench.offer(slow, b"other"), None);
    let mut total = 0;
    while !bench.parked().is_empty() {
        total += bench.read(slow, 1).len();
        assert!(bench.peek(slow).len() <= 2);
    }
    assert_eq!(total, 50);
    assert_eq!(bench.peek(roomy).len(), 102);
}

/// EE-DELIVERY-12: past the cap, the application fails with the circle's names once nobody has read for 5 s.
#[test]
fn a_circle_past_its_cap_fails_the_application_with_its_names() {
    let mut bench = Bench::new();
    let (ping, pong) =
        (bench.plugin("ping", limits(1), &["to ping"]), bench.plugin("pong", limits(1), &["to pong"]));
    bench.plugin("bystander", limits(1), &["to ping nobody", "other"]);
    let router = Arc::clone(&bench.router);
    let (reports, report) = mpsc::channel();
    let watch = thread::spawn(move || {
        let log = Log::of(&router);
        log.during(|| router.watch());
        let _ = reports.send(log.lines());
    });
    let start = Instant::now();
    // Both publish whenever they do not wait, and neither reads.
    let lines = loop {
        assert!(start.elapsed() < Duration::from_secs(30), "the application has not failed");
        for (source, event) in [(ping, "to pong"), (pong, "to ping")] {
            if !bench.is_waiting(source) {
                bench.router.offer(source, Payload::from(event), None);
            }
        }
        if let Ok(lines) = report.recv_timeout(Duration::from_millis(5)) {
            break lines;
        }
    };
    watch.join().unwrap();
    let ledger = bench.router.ledger();
    assert!(ledger.plugins.iter().all(|plugin| plugin.queued <= 1 + 3), "{ledger}");
    assert!(start.elapsed() >= Duration::from_secs(5), "{:?}", start.elapsed());
    let failure = bench.router.failure().unwrap();
    assert!(failure.contains("ping → pong → ping") || failure.contains("pong → ping → pong"), "{failure}");
    assert!(!failure.contains("bystander"), "{failure}");
    assert!(lines.contains(&failure), "{lines:?}");
    assert!(matches!(bench.router.offer(ping, Payload::from("x"), None), Offer::Refused));
    assert!(bench.router.ledger().balances());
}

impl Bench {
    fn is_waiting(&self, source: PluginId) -> bool {
        self.router.state.lock().parked.values().any(|parked| parked.source == source)
    }
}

/// EE-DELIVERY-8: a publish that waits for long is logged with both names; waiting alone fails nothing.
#[test]
fn a_slow_publish_is_logged_with_both_names() {
    let mut bench = Bench::new();
    let reader = bench.plugin("sleepy", limits(1), &["x"]);
    let source = bench.plugin("eager", limits(1), &[]);
    let log = Log::of(&bench.router);
    let watch = {
        let (router, log) = (Arc::clone(&bench.router), log.clone());
        thread::spawn(move || log.during(|| router.watch()))
    };
    bench.offer(source, b"x");
    let ticket = bench.offer(source, b"x").unwrap();
    let start = Instant::now();
    let said = |log: &Log| log.lines().iter().any(|line| line.contains("eager") && line.contains("sleepy"));
    while !said(&log) {
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", log.lines());
        thread::park_timeout(Duration::from_millis(5));
    }
    assert!(start.elapsed() >= Duration::from_secs(4), "too early: {:?}", start.elapsed());
    assert_eq!(bench.router.failure(), None);
    bench.read(reader, 1);
    assert_eq!(bench.router.take_completed(source).unwrap(), [ticket]);
    bench.router.abort(None);
    watch.join().unwrap();
}

/// An event behind one that was accepted beyond the limit waited for a queue that had room, and for ever if the reader of that queue
/// waited for its publisher.
#[test]
fn what_follows_an_event_beyond_the_limit_does_not_wait_without_need() {
    let mut bench = Bench::new();
    let a = bench.plugin("a", limits(1), &["a"]);
    let b = bench.plugin("b", limits(5), &["b"]);
    assert_eq!(bench.offer(b, b"a0"), None);
    let events = [&b"a1"[..], b"b1", b"b2"].map(Payload::from);
    assert!(bench.router.offer_batch(a, VecDeque::from(events), None).is_ok());
    assert_eq!(bench.parked(), BTreeSet::new());
    assert_eq!(bench.read(b, 5), [b"b1", b"b2"]);
    assert_eq!(bench.read(a, 5), [b"a0", b"a1"]);
}
