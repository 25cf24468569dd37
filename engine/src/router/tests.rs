//! The router alone: against a model, in circles, and with many sleepers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{mpsc, Arc};
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::queue::{Item, Overflow};

mod batons;
mod circles;
mod model;
mod quiescence;

/// Everything that there is.
const ALL: (usize, usize) = (usize::MAX, usize::MAX);

fn limits(max_events: usize) -> QueueLimits {
    QueueLimits { max_events, cycle_max_bytes: 3 * (1 + 64), ..QueueLimits::default() }
}

/// Runs `work`; fails when it has not ended after `bound`.
fn within(bound: Duration, work: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel();
    let worker = thread::spawn(move || {
        work();
        let _ = done.send(());
    });
    if ended.recv_timeout(bound) == Err(mpsc::RecvTimeoutError::Timeout) {
        panic!("has not ended within {bound:?}");
    }
    if let Err(panic) = worker.join() {
        std::panic::resume_unwind(panic);
    }
}

/// A router of plugins that edges read, so that one thread can play all of them.
struct Bench {
    router: Arc<Router>,
    wakers: Vec<Arc<Waker>>,
}

impl Bench {
    fn new() -> Self {
        Bench { router: Arc::new(Router::new()), wakers: Vec::new() }
    }

    fn plugin(&mut self, name: &str, limits: QueueLimits, filters: &[&str]) -> PluginId {
        let waker = Waker::new().unwrap();
        let plugin = self.router.register(name, limits, Some(&waker));
        self.wakers.push(waker);
        for filter in filters {
            self.router.subscribe(plugin, filter.as_bytes());
        }
        plugin
    }

    /// The ticket, if the event was parked.
    fn offer(&self, source: PluginId, event: &[u8]) -> Option<Ticket> {
        match self.router.offer(source, Payload::from(event), None) {
            Offer::Accepted => None,
            Offer::Parked(ticket) => Some(ticket),
            Offer::Refused => panic!("refused"),
        }
    }

    fn take(&self, plugin: PluginId, max_events: usize) -> VecDeque<Item> {
        let mut batch = VecDeque::new();
        self.router.take_or_sleep(plugin, Settled::default(), (max_events, usize::MAX), &mut batch);
        batch
    }

    /// Reads and handles up to `max_events` events; returns their bytes.
    fn read(&self, plugin: PluginId, max_events: usize) -> Vec<Vec<u8>> {
        let batch = self.take(plugin, max_events);
        self.router.settle(plugin, settled(&batch));
        batch.into_iter().map(|(_, payload)| payload.to_vec()).collect()
    }

    /// What waits, left as it is.
    fn peek(&self, plugin: PluginId) -> Vec<(u64, Vec<u8>)> {
        let mut batch = VecDeque::new();
        self.router.take_or_sleep(plugin, Settled::default(), ALL, &mut batch);
        let seen = batch.iter().map(|(order, payload)| (*order, payload.to_vec())).collect();
        self.router.give_back(plugin, &mut batch);
        seen
    }

    fn parked(&self) -> BTreeSet<Ticket> {
        self.router.state.lock().parked.keys().copied().collect()
    }
}

fn settled<'a>(items: impl IntoIterator<Item = &'a Item>) -> Settled {
    let mut settled = Settled::default();
    items.into_iter().for_each(|(_, payload)| settled.add(payload.len()));
    settled
}

/// EE-DELIVERY-7: first come, first served, also when the first needs more room than the second.
#[test]
fn parked_publishes_are_first_come_first_served() {
    let mut bench = Bench::new();
    let reader = bench.plugin("reader", QueueLimits { max_bytes: 10, ..limits(100) }, &["x"]);
    let sources: Vec<_> = (0..3).map(|i| bench.plugin(&format!("source{i}"), limits(1), &[])).collect();
    assert_eq!(bench.offer(sources[0], b"x23456"), None);
    assert!(bench.offer(sources[1], b"x1234567").is_some());
    assert!(bench.offer(sources[2], b"x2").is_some(), "a small event has overtaken a large one");
    assert_eq!(bench.read(reader, 9), [b"x23456"]);
    assert_eq!(bench.read(reader, 9), [&b"x1234567"[..], &b"x2"[..]]);
    assert!(bench.router.ledger().balances());
}

/// EE-DELIVERY-5: an event that has no room in one queue is in none.
#[test]
fn an_event_enters_all_queues_or_none() {
    let mut bench = Bench::new();
    let full = bench.plugin("full", limits(1), &["x"]);
    let empty = bench.plugin("empty", limits(1), &["xy"]);
    let source = bench.plugin("source", limits(1), &[]);
    assert_eq!(bench.offer(source, b"x"), None);
    let ticket = bench.offer(source, b"xy").unwrap();
    assert_eq!(bench.peek(empty), []);
    assert_eq!(bench.router.ledger().accepted, 1);
    bench.read(full, 1);
    assert_eq!(bench.router.take_completed(source).unwrap(), [ticket]);
    assert_eq!(bench.peek(empty), [(2, b"xy".to_vec())]);
    assert_eq!(bench.peek(full), [(2, b"xy".to_vec())]);
}

/// EE-ORDER-4: what an edge offers behind a parked publish waits with it, and each event is told of when it is accepted.
#[test]
fn events_behind_a_parked_publish_keep_their_order() {
    let mut bench = Bench::new();
    let full = bench.plugin("full", limits(1), &["x"]);
    let roomy = bench.plugin("roomy", limits(9), &["y"]);
    let source = bench.plugin("source", limits(1), &[]);
    assert_eq!(bench.offer(source, b"x0"), None);
    let ticket = bench.offer(source, b"x1").unwrap();
    for event in ["y2", "x3", "y4"] {
        let offer = bench.router.offer(source, Payload::from(event), Some(ticket));
        assert!(matches!(offer, Offer::Parked(same) if same == ticket));
    }
    assert_eq!(bench.router.ledger().parked, 4);
    assert_eq!(bench.peek(roomy), []);
    bench.read(full, 1);
    assert_eq!(bench.router.take_completed(source).unwrap(), [ticket; 2]);
    assert_eq!(bench.peek(roomy), [(3, b"y2".to_vec())]);
    bench.read(full, 1);
    assert_eq!(bench.router.take_completed(source).unwrap(), [ticket; 2]);
    assert_eq!(bench.peek(full), [(4, b"x3".to_vec())]);
    assert_eq!(bench.peek(roomy).last(), Some(&(5, b"y4".to_vec())));
    // Nothing is parked any more, and the ticket stands for nothing.
    assert!(matches!(bench.router.offer(source, Payload::from("y5"), Some(ticket)), Offer::Accepted));
    assert!(bench.router.ledger().balances());
}

/// EE-DELIVERY-14: who finishes holds up nobody.
#[test]
fn a_finished_plugin_releases_its_publishers() {
    let mut bench = Bench::new();
    let reader = bench.plugin("reader", limits(2), &["x"]);
    let source = bench.plugin("source", limits(1), &[]);
    for _ in 0..2 {
        assert_eq!(bench.offer(source, b"x"), None);
    }
    let parked: Vec<_> = (0..5).map(|_| bench.offer(source, b"x").unwrap()).collect();
    bench.router.close(reader);
    assert_eq!(bench.router.take_completed(source).unwrap(), parked);
    let ledger = bench.router.ledger();
    assert_eq!((ledger.accepted, ledger.unmatched, ledger.parked), (7, 5, 0));
    assert_eq!(ledger.plugin("reader").unwrap().discarded, 2);
    assert!(ledger.balances());
}

/// A thread in `publish_batch` keeps its order when only part of the batch finds room.
#[test]
fn a_batch_waits_for_room_event_by_event() {
    let mut bench = Bench::new();
    let reader = bench.plugin("reader", limits(3), &["x"]);
    let source = bench.plugin("source", limits(1), &[]);
    let router = Arc::clone(&bench.router);
    let publisher = thread::spawn(move || {
        let mut events: VecDeque<Payload> = (0..200u8).map(|i| Payload::from(&[b'x', i])).collect();
        router.publish_batch(source, &mut events, Settled::default()).unwrap()
    });
    let mut got = Vec::new();
    let start = Instant::now();
    while got.len() < 200 {
        assert!(start.elapsed() < Duration::from_secs(30), "{got:?}");
        let events = bench.read(reader, 2);
        if events.is_empty() {
            thread::yield_now();
        }
        got.extend(events);
        assert!(bench.router.ledger().balances());
    }
    assert_eq!(publisher.join().unwrap(), 200);
    assert_eq!(got, (0..200u8).map(|i| vec![b'x', i]).collect::<Vec<_>>());
}
