//! Nothing is lost: late and slow readers, full queues, circles, and load without a pause.

use std::fs;
use std::sync::{mpsc, Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use event_engine::errors::EngineError;
use event_engine::events::EventType;
use event_engine::plugins::Plugin;
use event_engine::zmq::Socket;
use event_engine::{App, Builder, Context, Ledger, Overflow, PluginSpec, QueueLimits, Report};
use uuid::Uuid;

use crate::support::client::Client;
use crate::support::{child, end, eventually, seed, start, told, within};

mod circles;
mod load;

/// Longer than all of a test's events take on a machine that is busy with other things.
const LONG: Duration = Duration::from_secs(120);

fn at_most(max_events: usize) -> QueueLimits {
    QueueLimits { max_events, ..QueueLimits::default() }
}

/// A numbered event of 100 bytes.
fn event(number: usize) -> Vec<u8> {
    let mut event = format!("n/{number:08}/").into_bytes();
    event.resize(100, b'.');
    event
}

fn number(event: &[u8]) -> usize {
    std::str::from_utf8(&event[2..10]).unwrap().parse().unwrap()
}

fn assert_all_delivered(report: &Report, sinks: usize, events: usize) {
    assert!(report.is_success() && report.ledger.balances(), "{report}");
    let handled: u64 = report.ledger.plugins.iter().map(|plugin| plugin.delivered + plugin.handed_over).sum();
    assert_eq!(handled, (sinks * events) as u64, "{report}");
    assert_eq!(report.ledger.accepted, events as u64);
}

/// EE-SYNC-3, EE-ORDER-2: a process that joins after 50,000 events.
#[test]
fn a_late_process_gets_50000_events_in_order() {
    const EVENTS: usize = 50_000;
    let (handle, source) = start(Builder::new().external(PluginSpec::new("late").subscribe("n/"), 0));
    for number in 0..EVENTS {
        source.publish(event(number));
    }
    assert_eq!(handle.ledger().plugin("late").unwrap().queued, EVENTS as u64);
    let port = handle.port("late").unwrap();
    within(LONG, "the late reader", move || {
        let client = Client::req(port);
        (0..EVENTS).for_each(|expected| assert_eq!(number(&client.next()), expected));
        client.quit();
    });
    drop(source);
    assert_all_delivered(&end(handle), 1, EVENTS);
}

/// EE-DELIVERY-1, EE-DELIVERY-6: readers that take ten times as long as their publisher, with small queues.
#[test]
fn slow_readers_lose_nothing() {
    const EVENTS: usize = 4_000;
    let slow = |context: &mut Context, pause: Duration| {
        for expected in 0..EVENTS {
            assert_eq!(number(&context.next_event()?), expected);
            let start = Instant::now();
            while start.elapsed() < pause {
                std::hint::spin_loop();
            }
        }
        Ok(())
    };
    let handle = Builder::new()
        .external(PluginSpec::new("outside").subscribe("n/").queue_limits(at_most(100)), 0)
        .plugin(PluginSpec::new("slow").subscribe("n/").queue_limits(at_most(10)), move |context| {
            slow(context, Duration::from_micros(50))
        })
        .plugin(PluginSpec::new("quick").subscribe("n/"), move |context| slow(context, Duration::ZERO))
        .plugin(PluginSpec::new("source"), |context| {
            for number in 0..EVENTS {
                context.publish(event(number))?;
            }
            Ok(())
        })
        .start()
        .unwrap();
    let client = Client::req(handle.port("outside").unwrap());
    (0..EVENTS).for_each(|expected| assert_eq!(number(&client.next()), expected));
    client.quit();
    assert_all_delivered(&end(handle), 3, EVENTS);
}

/// Memory of this process in KiB: now, or the most so far.
fn memory_kib(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// EE-DELIVERY-3: 1,000,000 × 100 B for a process that never reads cost at most 200 MB.
#[test]
fn reader_that_never_reads_costs_bounded_memory() {
    const EVENTS: usize = 1_000_000;
    if !child::in_child("lossless::reader_that_never_reads_costs_bounded_memory", &[]) {
        return;
    }
    let limits = at_most(2 * EVENTS);
    let (handle, source) = start(
        Builder::new()
            .stop_within(Duration::ZERO)
            .external(PluginSpec::new("never reads").subscribe("n/").queue_limits(limits), 0),
    );
    let before = memory_kib("VmRSS:");
    for number in 0..EVENTS {
        source.publish(event(number));
    }
    let grown = memory_kib("VmHWM:") - before;
    println!("{EVENTS} events of 100 B: {grown} KiB");
    assert!(grown * 1024 <= 200_000_000, "{grown} KiB");
    drop(source);
    handle.stop();
    let report = end(handle);
    assert!(report.ledger.balances(), "{report}");
    assert_eq!(report.ledger.plugin("never reads").unwrap().matched, EVENTS as u64);
}

/// What of 1,000 events a reader gets that comes late to a queue of ten, and the ledger at that moment.
fn late_reader_of_ten(overflow: Overflow) -> (Vec<usize>, Ledger) {
    let limits = QueueLimits { overflow, ..at_most(10) };
    let (handle, source) =
        start(Builder::new().external(PluginSpec::new("late").subscribe("n/").queue_limits(limits), 0));
    for number in 0..1000 {
        source.publish(event(number));
    }
    let ledger = handle.ledger();
    let client = Client::req(handle.port("late").unwrap());
    let got = (0..10).map(|_| number(&client.next())).collect();
    client.quit();
    drop(source);
    let report = end(handle);
    assert!(report.is_success() && report.ledger.balances(), "{report}");
    (got, ledger)
}

/// EE-DELIVERY-13
#[test]
fn drop_oldest_keeps_the_newest_and_counts() {
    let (got, ledger) = late_reader_of_ten(Overflow::DropOldest);
    assert!(got.into_iter().eq(990..1000));
    let late = ledger.plugin("late").unwrap();
    assert_eq!((late.matched, late.queued, late.shed), (1000, 10, 990));
}

/// EE-DELIVERY-13
#[test]
fn drop_newest_keeps_the_oldest_and_counts() {
    let (got, ledger) = late_reader_of_ten(Overflow::DropNewest);
    assert!(got.into_iter().eq(0..10));
    let late = ledger.plugin("late").unwrap();
    assert_eq!((late.matched, late.queued, late.shed), (1000, 10, 990));
}

/// EE-BASIC-11, EE-DELIVERY-6, EE-DELIVERY-9: the reply to a publish waits for room; the port goes on serving.
#[test]
fn publish_reply_waits_for_room() {
    let (handle, source) =
        start(Builder::new().external(PluginSpec::new("itself").subscribe("n/").queue_limits(at_most(3)), 0));
    for number in 0..3 {
        source.publish(event(number));
    }
    let port = handle.port("itself").unwrap();
    let (writes, reads) = (Client::req(port), Client::req(port));
    // Not in a circle: the queue is waited for by another plugin's thread.
    let other = thread::spawn(move || source.publish(event(3)));
    eventually("the publish waits", || handle.ledger().parked == 1);
    assert_eq!(handle.ledger().accepted, 3);
    assert_eq!(number(&reads.next()), 0);
    assert_eq!(other.join().unwrap(), 4);
    (1..4).for_each(|expected| assert_eq!(number(&reads.next()), expected));
    writes.publish(event(4));
    assert_eq!(number(&reads.next()), 4);
    reads.quit();
    assert!(end(handle).is_success());
}

/// A plugin of the seed's API with limits of its own.
struct Limited(Arc<Box<dyn Plugin>>, QueueLimits);

impl Plugin for Limited {
    fn start(&self, pub_socket: Socket, sub_socket: Socket) -> Result<(), EngineError> {
        self.0.start(pub_socket, sub_socket)
    }
    fn get_subscriptions(&self) -> Result<Vec<Box<dyn EventType>>, EngineError> {
        self.0.get_subscriptions()
    }
    fn get_id(&self) -> Uuid {
        self.0.get_id()
    }
    fn get_name(&self) -> String {
        self.0.get_name()
    }
    fn queue_limits(&self) -> QueueLimits {
        self.1
    }
}

fn limited<F>(
    name: &str,
    prefixes: &'static [&'static str],
    limits: QueueLimits,
    work: F,
) -> Arc<Box<dyn Plugin>>
where
    F: Fn(Socket, Socket) -> Result<(), EngineError> + Send + Sync + 'static,
{
    Arc::new(Box::new(Limited(seed::internal(name, prefixes, work).0, limits)))
}

/// EE-DELIVERY-14: a plugin of the seed's API that ends with unread events holds up nobody; they are counted.
#[test]
fn finished_plugin_releases_its_publishers() {
    const EVENTS: usize = 50_000;
    let (tell, sent) = mpsc::channel();
    let (source, _) = seed::internal("source", &[], move |publish, _| {
        for number in 0..EVENTS {
            publish.send(event(number), 0)?;
        }
        let _ = tell.send(());
        Ok(())
    });
    // Its socket outlives it, so that what is in its queue when it ends stays there.
    let (give, given) = mpsc::channel();
    let (go, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let leaves = limited("leaves", &["n/"], at_most(100), move |_, subscribe| {
        for expected in 0..10 {
            assert_eq!(number(&subscribe.recv_bytes(0)?), expected);
        }
        let _ = gate.lock().unwrap().recv();
        let _ = give.send(subscribe);
        Ok(())
    });
    let handle = App::new(0, 0).register_plugin(source).register_plugin(leaves).start().unwrap();
    // Its socket holds 2,000: the rest waits, and the publisher with it.
    eventually("the publisher waits for the plugin", || {
        let ledger = handle.ledger();
        let leaves = ledger.plugin("leaves").unwrap();
        ledger.parked > 0 && leaves.handed_over >= 2_000 && leaves.queued + leaves.in_flight == 100
    });
    go.send(()).unwrap();
    let socket = told(&given);
    told(&sent);
    drop(socket);
    let report = end(handle);
    assert!(report.is_success() && report.ledger.balances(), "{report}");
    assert_eq!(report.ledger.accepted, EVENTS as u64);
    let leaves = report.ledger.plugin("leaves").unwrap();
    assert!(leaves.discarded > 0, "{report}");
    assert_eq!(leaves.matched + report.ledger.unmatched, EVENTS as u64, "{report}");
}
