//! The bus: processes that are not registered listen and publish with plain SUB and PUB sockets (spec/bus.md).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{mpsc, Arc};
use std::thread;

use event_engine::{zmq, Builder, Handle, PluginLedger, PluginSpec, QueueLimits};

use crate::support::client::Client;
use crate::support::listener::Listener;
use crate::support::raw::{frame, message, Raw};
use crate::support::{end, eventually, logs, observer, ports, start, told, within, SOON};

fn bus(handle: &Handle) -> PluginLedger {
    handle.ledger().plugin("bus").unwrap().clone()
}

/// A PUB that the engine hears, as it subscribes to everything.
fn publisher(port: u16) -> Raw {
    let mut publisher = Raw::handshake(port, "PUB");
    let (_, command) = publisher.read_frame();
    assert_eq!(command, b"\x09SUBSCRIBE");
    publisher
}

/// What the peer of a SUB gets told of a subscription that ends.
fn cancel(prefix: &[u8]) -> Vec<u8> {
    frame(&[b"\0", prefix].concat(), false)
}

/// A SUB gets every event, whoever published it, in order.
///
/// EE-BUS-1, EE-BUS-4
#[test]
fn subscriber_gets_every_event_from_its_subscription_on() {
    let (handle, source) = start(Builder::new().bus(0, 0).external(PluginSpec::new("x"), 0));
    let (publish, subscribe) = handle.bus_ports().unwrap();
    let listener = Listener::new(&source, subscribe, &[b"event "]);
    let client = Client::req(handle.port("x").unwrap());
    let mut publisher = publisher(publish);
    for number in 0..200 {
        let events = ["internal", "external", "bus"].map(|from| format!("event {number} of {from}"));
        source.publish(&events[0]);
        client.publish(&events[1]);
        // The next one is published when this one is out, so that the order is known.
        publisher.send(&message(&[&events[2]]));
        for event in events {
            assert_eq!(listener.next(), event.as_bytes());
        }
    }
    client.quit();
    drop(source);
    let report = end(handle);
    assert!(report.is_success() && report.ledger.balances(), "{report}");
}

/// Each SUB gets the events that begin with one of its subscriptions, once.
///
/// EE-BUS-2
#[test]
fn subscriber_filters_by_prefix() {
    let (handle, source) = start(Builder::new().bus(0, 0));
    let (_, subscribe) = handle.bus_ports().unwrap();
    let a = Listener::new(&source, subscribe, &[b"a"]);
    let b = Listener::new(&source, subscribe, &[b"b", b"b1"]);
    let all = Listener::new(&source, subscribe, &[b""]);
    let events = ["a1", "b1", "c1", "a2", "", "b2"];
    for event in events {
        source.publish(event);
    }
    assert_eq!([a.next(), a.next()], [b"a1", b"a2"]);
    assert_eq!([b.next(), b.next()], [b"b1", b"b2"]);
    for event in events {
        assert_eq!(all.next(), event.as_bytes());
    }
}

/// A SUB that has ended a subscription gets no more of it, and its other one goes on.
///
/// EE-BUS-2
#[test]
fn subscriber_gets_nothing_more_after_it_unsubscribed() {
    let (handle, source) = start(Builder::new().bus(0, 0));
    let (_, subscribe) = handle.bus_ports().unwrap();
    let listener = Listener::new(&source, subscribe, &[b"a", b"b"]);
    let other = Listener::new(&source, subscribe, &[b"a"]);
    source.publish("a1");
    assert_eq!(listener.next(), b"a1");
    listener.client.socket.set_unsubscribe(b"a").unwrap();
    // Subscriptions and their ends are read in order: once this one is in force the other one has ended.
    listener.client.socket.set_subscribe(b"mark").unwrap();
    listener.client.socket.set_rcvtimeo(10).unwrap();
    eventually("the mark is heard", || {
        source.publish("mark");
        listener.client.socket.recv_bytes(0).is_ok_and(|event| event == b"mark")
    });
    listener.client.socket.set_rcvtimeo(SOON.as_millis() as i32).unwrap();
    source.publish("a2");
    source.publish("b1");
    let mut event = listener.next();
    while event == b"mark" {
        event = listener.next();
    }
    assert_eq!(event, b"b1");
    assert_eq!([other.next(), other.next()], [b"a1", b"a2"]);
}

/// Without a subscription the bus takes no event; with the last listener's connection its cost ends.
///
/// EE-BUS-1
#[test]
fn bus_without_listeners_costs_nothing() {
    let (handle, source) = start(Builder::new().bus(0, 0));
    let (_, subscribe) = handle.bus_ports().unwrap();
    for number in 0..1_000 {
        source.publish(format!("event {number}"));
    }
    assert_eq!(bus(&handle).matched, 0);
    assert_eq!(handle.ledger().unmatched, 1_000);
    let listener = Listener::new(&source, subscribe, &[b"event "]);
    source.publish("event heard");
    assert_eq!(listener.next(), b"event heard");
    drop(listener);
    eventually("nobody listens", || {
        let before = bus(&handle).matched;
        source.publish("event");
        bus(&handle).matched == before
    });
}

/// Regression: a peer that ends a subscription which it never had must not end somebody else's.
///
/// EE-BUS-1, EE-LIMIT-8
#[test]
fn stranger_cannot_end_the_subscriptions_of_others() {
    let (handle, source) = start(Builder::new().bus(0, 0));
    let (publish, subscribe) = handle.bus_ports().unwrap();
    let listener = Listener::new(&source, subscribe, &[b""]);
    let mut publisher = publisher(publish);
    let mut stranger = Raw::handshake(subscribe, "SUB");
    for prefix in [&b""[..], b"event ", b"nobody's", b"", b"\0\0", b""] {
        stranger.send(&cancel(prefix));
    }
    let from = stranger.local_port();
    drop(stranger);
    eventually("the engine has read all that", || !ports::holds_connection(subscribe, from));
    for number in 0..3 {
        let event = format!("event {number}");
        publisher.send(&message(&[&event]));
        assert_eq!(listener.next(), event.as_bytes());
    }
}

/// Fault (n): a message of more than one frame is refused as a whole, counted and logged; the connection goes on.
///
/// EE-BUS-5
#[test]
fn n_multi_part_bus_message_is_refused() {
    logs::capture();
    let (events, observe) = observer();
    let builder = Builder::new()
        .bus(0, 0)
        .plugin(PluginSpec::new("observer").subscribe("event "), observe)
        .external(PluginSpec::new("x").subscribe("event "), 0);
    let (handle, source) = start(builder);
    let (publish, subscribe) = handle.bus_ports().unwrap();
    let listener = Listener::new(&source, subscribe, &[b""]);
    let mut publisher = publisher(publish);
    publisher.send(&message(&["event with", "two parts"]));
    publisher.send(&message(&["event with", "event and", "event parts"]));
    publisher.send(&message(&["event of one"]));
    let client = Client::req(handle.port("x").unwrap());
    assert_eq!(client.next(), b"event of one");
    assert_eq!(listener.next(), b"event of one");
    assert_eq!(told(&events), b"event of one");
    assert_eq!((bus(&handle).refused, bus(&handle).published), (2, 1));
    assert!(!logs::lines_with(&["bus: ", "nothing was published", "has 3"]).is_empty());
    client.quit();
    drop((source, events));
    handle.stop();
    assert!(end(handle).ledger.balances());
}

/// While an event of the bus waits for room nothing more is read from there; all else goes on, and nothing is lost.
///
/// EE-BUS-8, EE-BUS-10
#[test]
fn publish_port_is_not_read_while_parked() {
    const EVENTS: u64 = 6_000;
    let (read, may_read) = mpsc::channel::<()>();
    let limits = QueueLimits { max_events: 10, ..QueueLimits::default() };
    let builder = Builder::new()
        .bus(0, 0)
        .plugin(PluginSpec::new("slow").subscribe("flood ").queue_limits(limits), move |context| {
            let _ = may_read.recv();
            for number in 0..EVENTS {
                let event = context.next_event()?;
                assert!(
                    event.starts_with(format!("flood {number} ").as_bytes()),
                    "event {number} is missing"
                );
            }
            Ok(())
        })
        .external(PluginSpec::new("x").subscribe("event "), 0);
    let handle = builder.start().unwrap();
    let (publish, _) = handle.bus_ports().unwrap();
    let sent = Arc::new(AtomicU64::new(0));
    let flood = {
        let sent = Arc::clone(&sent);
        thread::spawn(move || {
            let mut publisher = publisher(publish);
            for number in 0..EVENTS {
                let mut event = format!("flood {number} ").into_bytes();
                event.resize(16 << 10, b'.');
                publisher.send(&message(&[event]));
                sent.store(number + 1, Ordering::SeqCst);
            }
            publisher
        })
    };
    eventually("an event of the bus waits", || handle.ledger().parked == 1);
    let client = Client::req(handle.port("x").unwrap());
    let mut stood_still = 0;
    let mut before = 0;
    eventually("the publisher stands still", || {
        client.publish("event beside");
        assert_eq!(client.next(), b"event beside");
        let now = sent.load(Ordering::SeqCst);
        stood_still = if now == before { stood_still + 1 } else { 0 };
        before = now;
        stood_still > 200
    });
    assert!(before < EVENTS / 2, "{before} of {EVENTS} events were read while one waited");
    read.send(()).unwrap();
    let publisher = within(SOON, "the rest of the flood", move || flood.join().unwrap());
    eventually("the whole flood is published", || bus(&handle).published == EVENTS);
    drop(publisher);
    client.quit();
    let report = end(handle);
    assert!(report.is_success() && report.ledger.balances(), "{report}");
    assert_eq!(report.ledger.plugin("bus").unwrap().published, EVENTS);
}

/// A SUB that never reads delays nobody; it misses events, which the bus says.
///
/// EE-BUS-9, EE-BUS-10
#[test]
fn stopped_subscriber_delays_no_plugin() {
    const EVENTS: usize = 100_000;
    let (go, may_go) = mpsc::channel::<()>();
    let builder = Builder::new()
        .bus(0, 0)
        .plugin(PluginSpec::new("sink").subscribe("event "), |context| {
            for _ in 0..EVENTS {
                context.next_event()?;
            }
            Ok(())
        })
        .plugin(PluginSpec::new("producer"), move |context| {
            let _ = may_go.recv();
            for number in 0..EVENTS {
                context.publish(format!("event {number:0100}"))?;
            }
            Ok(())
        });
    let (handle, source) = start(builder);
    let (_, subscribe) = handle.bus_ports().unwrap();
    let stopped = Listener::new(&source, subscribe, &[b"event "]);
    go.send(()).unwrap();
    drop(source);
    let report = end(handle);
    assert!(report.is_success() && report.ledger.balances(), "{report}");
    let bus = report.ledger.plugin("bus").unwrap();
    assert!(bus.matched >= EVENTS as u64, "{report}");
    assert_eq!(bus.matched, bus.handed_over + bus.discarded, "{report}");
    drop(stopped);
}

/// A PUB on libzmq's own socket reaches plugins and listeners.
///
/// EE-BUS-3, EE-BUS-4
#[test]
fn publisher_on_a_library_socket_is_heard() {
    let (events, observe) = observer();
    let handle = Builder::new()
        .bus(0, 0)
        .plugin(PluginSpec::new("observer").subscribe("event "), observe)
        .start()
        .unwrap();
    let (publish, _) = handle.bus_ports().unwrap();
    for kind in [zmq::PUB, zmq::XPUB] {
        let publisher = Client::connect(kind, publish);
        // It drops what it sends before it knows that the engine listens.
        eventually("the publisher is heard", || {
            publisher.send("event from outside");
            events.try_recv().is_ok()
        });
    }
    drop(events);
    handle.stop();
    end(handle);
}
