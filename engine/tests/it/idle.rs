//! Nothing to do costs nothing.

use std::fs;
use std::sync::mpsc;
use std::time::Duration;

use event_engine::{zmq, App, Builder, PluginSpec, QueueLimits};

use crate::support::client::{Client, NEXT_MSG};
use crate::support::session::Session;
use crate::support::{child, end, eventually, observer, seed, start};

/// Processor time of this process so far, in ticks of a hundredth of a second.
fn processor_ticks() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// EE-LIFE-14: plugins that wait in both APIs, ports with and without a waiting client, the bus with a subscriber.
#[test]
fn idle_engine_uses_no_processor_time() {
    if !child::in_child("idle::idle_engine_uses_no_processor_time", &[]) {
        return;
    }
    let mut app = App::new(0, 0);
    let (tell, heard) = mpsc::channel();
    for name in ["first", "second", "third"] {
        let tell = tell.clone();
        let (plugin, _) = seed::internal(name, &["n/"], move |_, subscribe| loop {
            let event = subscribe.recv_bytes(0)?;
            let _ = tell.send(event);
        });
        app = app.register_plugin(plugin);
    }
    app = app.register_external_plugin(seed::external("outside", &["n/"], 0).0);
    let seeds = app.start().unwrap();

    let mut builder = Builder::new()
        .external(PluginSpec::new("waited for").subscribe("n/"), 0)
        .external(PluginSpec::new("comes late").subscribe("n/"), 0)
        .bus(0, 0)
        .stop_within(Duration::ZERO);
    let mut observed = Vec::new();
    for name in ["first", "second", "third"] {
        let (events, run) = observer();
        observed.push(events);
        builder = builder.plugin(PluginSpec::new(name).subscribe("n/"), run);
    }
    let (own, source) = start(builder);

    // Everything has worked once before it rests.
    let waiting = Client::req(own.port("waited for").unwrap());
    let listener = Client::connect(zmq::SUB, own.bus_ports().unwrap().1);
    listener.socket.set_subscribe(b"n/").unwrap();
    let outside = Client::req(seeds.port("outside").unwrap());
    outside.publish("n/0");
    for _ in 0..3 {
        assert_eq!(heard.recv_timeout(crate::support::SOON).unwrap(), b"n/0");
    }
    source.publish("n/1");
    assert_eq!(waiting.next(), b"n/1");
    for events in &observed {
        assert_eq!(crate::support::told(events), b"n/1");
    }
    waiting.send(NEXT_MSG);
    eventually("the bus has a subscriber", || {
        source.publish("n/2");
        listener.socket.poll(zmq::POLLIN, 1).unwrap() == 1
    });

    let rests_for = |rest: Duration| {
        while heard.try_recv().is_ok() {}
        let before = processor_ticks();
        assert!(heard.recv_timeout(rest).is_err(), "somebody has published");
        processor_ticks() - before
    };
    // What the start has left behind is not what this is about.
    rests_for(Duration::from_millis(300));
    let ticks = rests_for(Duration::from_secs(2));
    assert!(ticks <= 2, "{ticks} ticks in 2 s");

    drop(source);
    own.stop();
    drop(seeds);
    drop(end(own));
}

/// EE-LIFE-14: events that nobody may have yet are waited for, not looked at again and again: one that waits for room behind what a
/// session has in hand, beside a basic client that waits, and a redelivered one beside many sessions that have others in hand.
#[test]
fn events_that_nobody_may_have_yet_use_no_processor_time() {
    if !child::in_child("idle::events_that_nobody_may_have_yet_use_no_processor_time", &[]) {
        return;
    }
    const SESSIONS: u32 = 20;
    let one = QueueLimits { max_events: 1, ..QueueLimits::default() };
    let (handle, source) = start(
        Builder::new()
            .external(PluginSpec::new("full").subscribe("f").queue_limits(one).replicas(2), 0)
            .external(PluginSpec::new("publisher"), 0)
            .external(PluginSpec::new("shared").subscribe("s").replicas(2), 0)
            .session_grace(Duration::from_millis(50))
            .stop_within(Duration::ZERO),
    );
    let account = |name: &str| handle.ledger().plugin(name).unwrap().clone();

    let port = handle.port("full").unwrap();
    let busy = Session::open(port, 1, 10);
    source.publish("f0");
    busy.read_events(1);
    let publisher = Session::open(handle.port("publisher").unwrap(), 1, 10);
    publisher.publish(1, "f1");
    eventually("it waits for room", || handle.ledger().parked == 1);
    let waiting = Session::connect(port, 2);
    waiting.client.socket.send_multipart([&b""[..], NEXT_MSG], 0).unwrap();
    waiting.say("pong");
    waiting.read_error("no-session");

    let port = handle.port("shared").unwrap();
    let victim = Session::open(port, 1000, 1);
    source.publish("s");
    victim.read_events(1);
    // Each takes one and may have a second one.
    let workers: Vec<Session> = (0..SESSIONS).map(|id| Session::open(port, id, 1)).collect();
    for _ in &workers {
        source.publish("s");
        eventually("it is handed out", || account("shared").queued == 0);
    }
    for worker in &workers {
        worker.read_events(1);
        worker.say("ack seq=0 upto=2");
    }
    drop(victim);
    eventually("its event has come back", || account("shared").redelivered == 1);

    let (_alive, nothing) = mpsc::channel::<()>();
    let rests_for = |rest: Duration| {
        let before = processor_ticks();
        assert!(nothing.recv_timeout(rest).is_err());
        processor_ticks() - before
    };
    rests_for(Duration::from_millis(300));
    let ticks = rests_for(Duration::from_secs(2));
    assert!(ticks <= 10, "{ticks} ticks in 2 s");

    // And everybody gets what is theirs as soon as they may.
    busy.say("ack seq=1 upto=10");
    assert_eq!(waiting.client.socket.recv_multipart(0).expect("no event in time"), [&b""[..], b"f1"]);
    drop((workers, source));
    handle.stop();
    end(handle);
}
