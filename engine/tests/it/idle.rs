//! Nothing to do costs nothing.

use std::fs;
use std::sync::mpsc;
use std::time::Duration;

use event_engine::{zmq, App, Builder, PluginSpec};

use crate::support::client::{Client, NEXT_MSG};
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
