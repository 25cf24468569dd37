//! The control socket and what it tells (spec/control.md). Hostile peers are in `control/hostile.rs`, the socket's file in
//! `control/socket.rs`, taps in `control/tap.rs`.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use base64::prelude::{Engine, BASE64_STANDARD};
use event_engine::control::client::ClientError;
use event_engine::control::messages::{Plugin, Status};
use event_engine::control::Client;
use event_engine::{BoxError, Builder, Context, Error, Laggards, Overflow, PluginSpec, QueueLimits};

use crate::support::control::{code, Folder, RawControl};
use crate::support::{end, eventually, observer, ports, start, told, within, SOON};

mod hostile;
mod socket;
mod tap;

fn plugin<'a>(status: &'a Status, name: &str) -> &'a Plugin {
    status
        .plugins
        .iter()
        .find(|plugin| plugin.name == name)
        .unwrap_or_else(|| panic!("no {name}: {status:?}"))
}

/// A plugin that takes events until the application ends.
fn reads(context: &mut Context) -> Result<(), BoxError> {
    context.events().for_each(drop);
    Ok(())
}

/// EE-CONTROL-8, EE-CONTROL-9, EE-CONTROL-10, EE-CONTROL-15, EE-CONTROL-16: each request once, through the client.
#[test]
fn every_request_is_done() {
    let folder = Folder::new();
    let path = folder.path("camera.sock");
    let (events, observe) = observer();
    let (handle, source) = start(
        Builder::new()
            .name("camera")
            .control_socket(&path)
            .event_type("image", "IM")
            .external(PluginSpec::new("outside").subscribe("XX"), 0)
            .bus(0, 0)
            .plugin(PluginSpec::new("reader").subscribe("IM").publishes("image"), observe),
    );
    let mut client = Client::connect(&path).unwrap();
    source.publish("IM1");
    assert_eq!(client.publish(b"IM2").unwrap(), 2);
    assert_eq!((told(&events), told(&events)), (b"IM1".to_vec(), b"IM2".to_vec()));
    eventually("the reader waits again", || plugin(&client.status().unwrap(), "reader").state == "waiting");
    let status = client.status().unwrap();
    assert_eq!((status.application.as_str(), status.engine.as_str()), ("camera", env!("CARGO_PKG_VERSION")));
    assert_eq!((status.phase.as_str(), status.pid), ("running", std::process::id()));
    assert_eq!((status.accepted, status.unmatched, status.parked, status.balances), (2, 0, 0, true));
    assert_eq!((status.types[0].name.as_str(), status.types[0].prefix.as_str()), ("image", "SU0="));
    let names: Vec<&str> = status.plugins.iter().map(|plugin| plugin.name.as_str()).collect();
    assert_eq!(names, ["outside", "reader", "source", "bus", "control"]);
    let kinds: Vec<&str> = status.plugins.iter().map(|plugin| plugin.kind.as_str()).collect();
    assert_eq!(kinds, ["external", "internal", "internal", "bus", "control"]);
    let outside = plugin(&status, "outside");
    assert_eq!(
        (outside.port, outside.subscribes.as_slice()),
        (handle.port("outside"), &["WFg=".to_string()][..])
    );
    let reader = plugin(&status, "reader");
    assert_eq!((reader.matched, reader.delivered, reader.queued, reader.in_flight), (2, 2, 0, 0));
    assert_eq!((reader.publishes[0].as_str(), reader.source, reader.oldest_ms), ("image", false, None));
    assert!(plugin(&status, "source").source);
    assert_eq!((plugin(&status, "source").published, plugin(&status, "control").published), (1, 1));

    let mut waiting = Client::connect(&path).unwrap();
    assert_eq!(waiting.wait(Duration::from_millis(1)).unwrap(), None, "it runs still");
    drop(source);
    client.publish(b"XX waits").unwrap();
    client.stop(false).unwrap();
    // Nobody comes for what waits at the port: the stop waits for its deadline.
    assert_eq!(client.status().unwrap().phase, "draining");
    client.stop(true).unwrap();
    let report = end(handle);
    assert!(report.is_success() && report.ledger.balances(), "{report}");
    assert!(matches!(client.status(), Err(ClientError::Closed)));
    assert!(matches!(Client::connect(&path), Err(ClientError::NotRunning { .. })));
}

/// EE-CONTROL-16: whoever waits for the end is told of it, with the report, before the socket is gone.
#[test]
fn the_end_is_told_before_the_socket_closes() {
    let folder = Folder::new();
    let path = folder.path("ends.sock");
    let (go, gate) = mpsc::channel::<()>();
    let handle = Builder::new()
        .control_socket(&path)
        .plugin(PluginSpec::new("fails"), move |_| {
            let _ = gate.recv();
            Err("out of film".into())
        })
        .start()
        .unwrap();
    let control = handle.control();
    let mut waiting: Vec<RawControl> = (0..8).map(|_| RawControl::connect(&path)).collect();
    for connection in &waiting {
        connection.say("{\"id\":1,\"op\":\"wait\"}\n{\"id\":2,\"op\":\"status\"}\n");
    }
    let mut client = Client::connect(&path).unwrap();
    assert_eq!(control.ended(), None);
    assert!(!control.wait_ended(Duration::ZERO));
    drop(go);
    let asked = std::thread::spawn(move || client.wait(SOON).unwrap().unwrap());
    let report = end(handle);
    assert!(!report.is_success());
    let ended = asked.join().unwrap();
    assert!(!ended.success && ended.report.contains("fails: failed: out of film"), "{ended:?}");
    assert!(control.wait_ended(Duration::ZERO));
    assert_eq!(control.ended(), Some(ended.clone()));
    for connection in &mut waiting {
        let answer = connection.heard().expect("an answer");
        assert_eq!((answer["id"].as_u64(), answer["ok"]["report"].as_str()), (Some(1), Some(&*ended.report)));
        // What was asked behind it is answered, too.
        let answer = connection.heard().expect("an answer");
        let phase = answer["ok"]["phase"].as_str().unwrap();
        assert!(["stopping", "ended"].contains(&phase), "{phase}");
        assert!(connection.heard().is_none());
    }
    // The account can still be looked at.
    assert!(control.ledger().balances());
    assert_eq!(plugin(&control.status(), "fails").detail, "out of film");
}

/// EE-CONTROL-16: whoever is told of the end may have the port of the metrics, whatever keeps the socket from closing.
#[test]
fn the_metrics_are_closed_before_the_end_is_told() {
    let folder = Folder::new();
    let path = folder.path("ports.sock");
    let (handle, source) = start(Builder::new().control_socket(&path).metrics("127.0.0.1:0"));
    let port = handle.metrics_address().unwrap().port();
    // It reads nothing: the socket waits for it before it closes.
    let stuck = RawControl::connect(&path);
    stuck.say("{\"id\":1,\"op\":\"tap\"}\n");
    let mut client = Client::connect(&path).unwrap();
    (0..8_000).for_each(|_| assert!(source.publish([0; 1_000]) > 0));
    let control = handle.control();
    let near = std::thread::spawn(move || (control.wait_ended(SOON), ports::refuses(port)));
    let far = std::thread::spawn(move || (client.wait(SOON).unwrap().is_some(), ports::refuses(port)));
    drop(source);
    handle.stop();
    end(handle);
    assert_eq!((near.join().unwrap(), far.join().unwrap()), ((true, true), (true, true)));
    drop(stuck);
}

/// EE-CONTROL-8
#[test]
fn requests_are_answered_in_their_order() {
    let folder = Folder::new();
    let path = folder.path("order.sock");
    let (handle, source) = start(Builder::new().control_socket(&path));
    let mut connection = RawControl::connect(&path);
    let event = BASE64_STANDARD.encode("event");
    let mut requests = String::new();
    for id in 0..1_000 {
        requests.push_str(&match id % 4 {
            0 => format!("{{\"id\":{id},\"op\":\"publish\",\"event\":\"{event}\"}}\n"),
            1 => format!("{{\"op\":\"status\",\"id\":{id}}}\r\n"),
            2 => format!("{{\"id\":{id},\"op\":\"dance\"}}\n\n"),
            _ => format!("{{\"id\":{id},\"op\":\"publish\",\"event\":\"not base64\"}}\n"),
        });
    }
    let writer = connection.stream.try_clone().unwrap();
    let written =
        std::thread::spawn(move || std::io::Write::write_all(&mut &writer, requests.as_bytes()).unwrap());
    for id in 0..1_000u64 {
        let answer = connection.heard().unwrap();
        assert_eq!(answer["id"], id);
        match id % 4 {
            0 => assert_eq!(answer["ok"]["order"], id / 4 + 1),
            1 => assert_eq!(answer["ok"]["accepted"], id / 4 + 1),
            _ => assert_eq!(code(&answer), "bad-request"),
        }
    }
    written.join().unwrap();
    drop(source);
    handle.stop();
    assert!(end(handle).is_success());
}

/// EE-CONTROL-10, EE-CONTROL-11: an event is accepted as a whole or goes to nobody, and the ledger balances.
#[test]
fn a_publish_is_accepted_or_refused() {
    const MAX: usize = 100_000;
    let folder = Folder::new();
    let path = folder.path("publish.sock");
    let (go, gate) = mpsc::channel::<()>();
    let limits = QueueLimits { max_events: 1, overflow: Overflow::Wait, ..QueueLimits::default() };
    let (handle, source) = start(Builder::new().control_socket(&path).max_event_bytes(MAX).plugin(
        PluginSpec::new("full").subscribe("x").queue_limits(limits),
        move |context| {
            let _ = gate.recv();
            reads(context)
        },
    ));
    let control = handle.control();
    assert!(control.ledger().plugin("control").is_none(), "it has published nothing");
    let mut client = Client::connect(&path).unwrap();
    assert_eq!(client.publish(&vec![b'n'; MAX]).unwrap(), 1);
    let refused = client.publish(&vec![b'n'; MAX + 1]).unwrap_err();
    assert!(matches!(&refused, ClientError::Refused { code, .. } if code == "too-large"), "{refused}");
    assert_eq!(client.publish(b"").unwrap(), 2);
    assert_eq!(client.publish(b"x1").unwrap(), 3);
    // Room for one: the next waits, at most so long, and leaves nothing behind.
    assert_eq!(control.publish_timeout("x2", Duration::from_millis(5)), Err(Error::NoRoom));
    assert_eq!(control.ledger().parked, 0);
    let refused = client.publish(b"x3").unwrap_err();
    assert!(matches!(&refused, ClientError::Refused { code, .. } if code == "no-room"), "{refused}");
    let ledger = control.ledger();
    assert_eq!((ledger.accepted, ledger.unmatched, ledger.parked), (3, 2, 0));
    assert_eq!(ledger.plugin("control").unwrap().published, 3);
    assert!(ledger.balances());
    // One that waits longer gets its turn, behind who came first.
    let late = control.clone();
    let waits = std::thread::spawn(move || late.publish_timeout("x4", SOON));
    eventually("it waits", || control.ledger().parked == 1);
    assert_eq!(control.publish_timeout("x5", Duration::from_millis(5)), Err(Error::NoRoom));
    drop(go);
    assert_eq!(waits.join().unwrap(), Ok(4));
    assert_eq!(client.publish(b"x6").unwrap(), 5);
    drop(source);
    handle.stop();
    let refused = client.publish(b"x7").unwrap_err();
    assert!(matches!(&refused, ClientError::Refused { code, .. } if code == "stopping"), "{refused}");
    assert_eq!(control.publish("x8"), Err(Error::Closed));
    let report = end(handle);
    assert!(report.is_success() && report.ledger.balances(), "{report}");
    assert_eq!(report.ledger.plugin("full").unwrap().delivered, 3);
}

/// EE-CONTROL-9: how long the oldest event has waited, to within a hundredth of a second.
#[test]
fn the_oldest_event_has_an_age() {
    let (go, gate) = mpsc::channel::<()>();
    let (handle, source) =
        start(Builder::new().plugin(PluginSpec::new("slow").subscribe("x"), move |context| {
            for event in context.events() {
                drop(event);
                if gate.recv().is_err() {
                    break;
                }
            }
            reads(context)
        }));
    let control = handle.control();
    let oldest = || plugin(&control.status(), "slow").oldest_ms;
    source.publish("x-in-hand");
    eventually("it is in its hands", || plugin(&control.status(), "slow").in_flight == 1);
    assert_eq!(oldest(), None);
    let before = Instant::now();
    source.publish("x-waits");
    let after = Instant::now();
    eventually("it ages", || {
        let at_least = after.elapsed().as_millis() as u64;
        let age = oldest().unwrap();
        let at_most = before.elapsed().as_millis() as u64;
        // The clock moves every few milliseconds.
        assert!(age + 20 >= at_least && age <= at_most + 20, "{at_least} <= {age} <= {at_most}");
        age >= 150
    });
    // Many younger ones change nothing about it.
    for _ in 0..10_000 {
        source.publish("x-young");
    }
    let status = control.status();
    let slow = plugin(&status, "slow");
    assert!(slow.oldest_ms.unwrap() >= 150 && slow.queued == 10_001, "{slow:?}");
    assert_eq!(slow.queued_bytes, 10_001 * 7);
    drop(go);
    eventually("nothing waits", || oldest().is_none());
    drop(source);
    handle.stop();
    end(handle);
}

/// EE-CONTROL-9: phases and states.
#[test]
fn states_say_where_a_plugin_stands() {
    let (fail, failing) = mpsc::channel::<()>();
    let handle = Builder::new()
        .wait_for_external(SOON, Laggards::Fail)
        .external(PluginSpec::new("late").subscribe("x"), 0)
        .plugin(PluginSpec::new("panics"), move |_| {
            let _ = failing.recv();
            panic!("of the test")
        })
        .plugin(PluginSpec::new("completes"), |_| Ok(()))
        .plugin(PluginSpec::new("waits").subscribe("x"), reads)
        .start()
        .unwrap();
    let control = handle.control();
    let status = control.status();
    assert_eq!((status.phase.as_str(), plugin(&status, "late").state.as_str()), ("starting", "starting"));
    assert_eq!(control.name(), "application");
    let session = crate::support::session::Session::open(handle.port("late").unwrap(), 7, 10);
    eventually("everybody has got somewhere", || {
        let status = control.status();
        let state = |name| plugin(&status, name).state.clone();
        status.phase == "running" && state("completes") == "completed" && state("waits") == "waiting"
    });
    assert_eq!(plugin(&control.status(), "panics").state, "running");
    drop(fail);
    eventually("it panics", || plugin(&control.status(), "panics").state == "panicked");
    assert_eq!(plugin(&control.status(), "panics").detail, "of the test");
    session.say("quit");
    eventually("it has quit", || plugin(&control.status(), "late").state == "completed");
    control.stop();
    eventually("it stops", || plugin(&control.status(), "waits").state == "completed");
    end(handle);
    assert_eq!(control.status().phase, "ended");
}

/// EE-CONTROL-15: without letting anything drain.
#[test]
fn stop_now_waits_for_nobody() {
    let (_keep, gate) = mpsc::channel::<()>();
    let (handle, source) =
        start(Builder::new().external(PluginSpec::new("nobody connects").subscribe("x"), 0).plugin(
            PluginSpec::new("reads").subscribe("x"),
            |context| {
                context.next_event()?;
                // It does not come back for what waits.
                while !context.stopping() {
                    std::thread::yield_now();
                }
                Err(context.next_event().unwrap_err().into())
            },
        ));
    drop(gate);
    (0..100).for_each(|_| assert!(source.publish("x") > 0));
    drop(source);
    let started = Instant::now();
    handle.control().stop_now();
    let report = within(SOON, "the end", move || handle.wait());
    assert!(started.elapsed() < Duration::from_secs(9), "the deadline of a stop is 10 s");
    assert!(report.ledger.balances(), "{report}");
    let outside = report.ledger.plugin("nobody connects").unwrap();
    assert_eq!((outside.matched, outside.discarded), (100, 100), "{report}");
}
