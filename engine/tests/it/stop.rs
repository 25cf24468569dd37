//! Stopping in stages, and ending when everything is done (spec/lifecycle.md).

use std::sync::mpsc;
use std::time::{Duration, Instant};

use event_engine::{
    Builder, Context, Control, Error, Handle, Laggards, Outcome, Overflow, Phase, PluginSpec, QueueLimits,
};

use crate::support::client::{Client, NEXT_MSG};
use crate::support::session::Session;
use crate::support::{end, eventually, logs, observer, start, told, SOON};

mod done;
mod model;

/// Passes events on until it is told to stop: `from/7` becomes `to/7`.
fn passes_on(
    from: &'static str,
    to: &'static str,
) -> impl FnOnce(&mut Context) -> Result<(), event_engine::BoxError> {
    move |context| {
        while let Ok(event) = context.next_event() {
            context.publish([to.as_bytes(), &event[from.len()..]].concat())?;
        }
        Ok(())
    }
}

/// Publishes `to/0`, `to/1` and so on until it is told to stop; returns how many that were.
fn publishes_until_told(context: &mut Context, to: &str) -> u64 {
    let mut published = 0;
    while !context.stopping() {
        context.publish(format!("{to}/{published}")).unwrap();
        published += 1;
    }
    assert_eq!(context.next_event_timeout(SOON).unwrap_err(), Error::Closed);
    published
}

fn small() -> QueueLimits {
    QueueLimits { max_events: 16, ..QueueLimits::default() }
}

fn assert_nothing_left(report: &event_engine::Report) {
    assert!(report.is_success() && report.ledger.balances(), "{report}");
    for plugin in &report.ledger.plugins {
        let left = plugin.queued + plugin.in_flight + plugin.discarded + plugin.shed + plugin.dead_lettered;
        assert_eq!(left, 0, "{}\n{report}", plugin.name);
    }
}

/// EE-LIFE-10: the last of a pipeline gets everything that the first has published.
#[test]
fn a_pipeline_runs_dry() {
    let (tell, published) = mpsc::channel();
    let (events, observe) = observer();
    let handle = Builder::new()
        .plugin(PluginSpec::new("source"), move |context| Ok(tell.send(publishes_until_told(context, "a"))?))
        .plugin(PluginSpec::new("a").subscribe("a/").queue_limits(small()), passes_on("a", "b"))
        .plugin(PluginSpec::new("b").subscribe("b/").queue_limits(small()), passes_on("b", "c"))
        .plugin(PluginSpec::new("c").subscribe("c/").queue_limits(small()), passes_on("c", "d"))
        .plugin(PluginSpec::new("last").subscribe("d/"), observe)
        .start()
        .unwrap();
    assert_eq!(told(&events), b"d/0");
    let begun = Instant::now();
    handle.stop();
    let report = end(handle);
    assert_nothing_left(&report);
    assert_eq!(events.iter().count() as u64 + 1, told(&published));
    assert!(begun.elapsed() < Duration::from_secs(5), "it did not wait for a deadline");
}

/// EE-LIFE-10: what goes round in a circle, and comes to an end there, drains too.
#[test]
fn a_cycle_that_ends_runs_dry() {
    fn player(to: &'static str) -> impl FnOnce(&mut Context) -> Result<(), event_engine::BoxError> {
        move |context| {
            while let Ok(event) = context.next_event() {
                let left: u32 = std::str::from_utf8(&event[5..])?.parse()?;
                if left > 0 {
                    context.publish(format!("{to}/{}", left - 1))?;
                }
            }
            Ok(())
        }
    }
    let (go, served) = mpsc::channel::<()>();
    let (tell, is_told) = mpsc::channel();
    let handle = Builder::new()
        .plugin(PluginSpec::new("serves"), move |context| {
            for _ in 0..100 {
                context.publish("ping/200")?;
            }
            go.send(())?;
            tell.send(context.next_event().unwrap_err())?;
            Ok(())
        })
        .plugin(PluginSpec::new("ping").subscribe("ping/"), player("pong"))
        .plugin(PluginSpec::new("pong").subscribe("pong/"), player("ping"))
        .start()
        .unwrap();
    told(&served);
    handle.stop();
    let report = end(handle);
    assert_eq!(told(&is_told), Error::Closed);
    assert_nothing_left(&report);
    assert_eq!(report.ledger.accepted, 100 * 201);
}

/// EE-LIFE-11: what never comes to an end is cut off, and named.
#[test]
fn an_endless_cycle_ends_at_the_deadline() {
    logs::capture();
    let handle = Builder::new()
        .stop_within(Duration::from_millis(800))
        .plugin(PluginSpec::new("endless-ping").subscribe("ping"), passes_on("ping", "pong"))
        .plugin(PluginSpec::new("endless-pong").subscribe("pong"), passes_on("pong", "ping"))
        .plugin(PluginSpec::new("serves").source(true), |context| Ok(context.publish("ping").map(drop)?))
        .start()
        .unwrap();
    eventually("it goes round", || handle.ledger().accepted > 10);
    let begun = Instant::now();
    handle.stop();
    let report = end(handle);
    assert!(begun.elapsed() >= Duration::from_millis(600), "{:?}", begun.elapsed());
    assert!(report.ledger.balances(), "{report}");
    let line = logs::lines_with(&["run dry", "endless-p"]);
    assert!(!line.is_empty(), "the log names who was not done");
}

/// EE-LIFE-10, EE-LIFE-12, EE-SESSION-47: a session and a basic client in the middle of a pipeline learn of the stop once nothing
/// more can come.
#[test]
fn internal_session_and_basic_plugins_run_dry_together() {
    let (tell, published) = mpsc::channel();
    let (events, observe) = observer();
    let handle = Builder::new()
        .plugin(PluginSpec::new("source"), move |context| {
            Ok(tell.send(publishes_until_told(context, "session"))?)
        })
        .external(PluginSpec::new("session").subscribe("session/").queue_limits(small()), 0)
        .external(
            PluginSpec::new("basic").subscribe("basic/").queue_limits(small()).stop_event("good bye"),
            0,
        )
        .plugin(PluginSpec::new("last").subscribe("last/"), observe)
        .start()
        .unwrap();
    let (port, basic) = (handle.port("session").unwrap(), handle.port("basic").unwrap());
    let session = std::thread::spawn(move || {
        let session = Session::open(port, 1, 8);
        let (mut seq, mut id) = (0, 0);
        loop {
            let said = session.read();
            match &*said.verb {
                "events" => {
                    for event in said.events {
                        (seq, id) = (seq + 1, id + 1);
                        session.publish(id, [b"basic", &event["session".len()..]].concat());
                    }
                    session.say(&format!("ack seq={seq} upto={}", seq + 8));
                }
                "published" => {}
                "stop" => {
                    session.say("quit");
                    while session.read().verb != "bye" {}
                    return seq;
                }
                verb => panic!("{verb}"),
            }
        }
    });
    let basic = std::thread::spawn(move || {
        let client = Client::req(basic);
        let mut got = 0;
        loop {
            let event = client.next();
            if event == b"good bye" {
                client.quit();
                return got;
            }
            got += 1;
            client.publish([b"last", &event["basic".len()..]].concat());
        }
    });
    assert_eq!(told(&events), b"last/0");
    handle.stop();
    let report = end(handle);
    assert_nothing_left(&report);
    let published: u64 = told(&published);
    assert_eq!((session.join().unwrap(), basic.join().unwrap()), (published, published));
    assert_eq!(events.iter().count() as u64 + 1, published);
}

/// EE-LIFE-10: sources are told first; the others get events until the last source has ended.
#[test]
fn others_go_on_while_a_source_ends() {
    let (go, may_end) = mpsc::channel::<()>();
    let (tell, stopping) = mpsc::channel();
    let (events, observe) = observer();
    let handle = Builder::new()
        .plugin(PluginSpec::new("source").subscribe("none").source(true), move |context| {
            tell.send(context.next_event().unwrap_err())?;
            may_end.recv()?;
            for number in 0..100 {
                context.publish(format!("last words {number}"))?;
            }
            Ok(())
        })
        .plugin(PluginSpec::new("sink").subscribe("last words"), observe)
        .start()
        .unwrap();
    let control = handle.control();
    handle.stop();
    assert_eq!(told(&stopping), Error::Closed);
    assert_eq!(control.phase(), Phase::Draining);
    go.send(()).unwrap();
    let report = end(handle);
    assert_nothing_left(&report);
    assert_eq!(events.iter().count(), 100);
    assert_eq!(control.phase(), Phase::Ended);
    assert_eq!(control.ledger(), report.ledger);
}

/// EE-LIFE-10, EE-LIFE-11: a source that does not end holds the drain up for half of the deadline, and is named.
#[test]
fn a_source_that_never_ends_is_named() {
    logs::capture();
    let (release, held) = mpsc::channel::<()>();
    let (events, observe) = observer();
    let handle = Builder::new()
        .stop_within(Duration::from_millis(600))
        .plugin(PluginSpec::new("never-ending"), move |context| {
            context.publish("e")?;
            let _ = held.recv();
            Ok(())
        })
        .plugin(PluginSpec::new("sink").subscribe("e"), observe)
        .start()
        .unwrap();
    assert_eq!(told(&events), b"e");
    let begun = Instant::now();
    handle.stop();
    let report = end(handle);
    assert!(begun.elapsed() >= Duration::from_millis(600), "{:?}", begun.elapsed());
    assert_eq!(report.outcome("never-ending"), Some(&Outcome::Unfinished));
    assert_eq!(report.outcome("sink"), Some(&Outcome::Completed));
    assert_eq!(logs::lines_with(&["have not ended", "never-ending"]).len(), 1);
    release.send(()).unwrap();
}

/// EE-LIFE-12, EE-SESSION-47: a source outside learns of the stop by `stop` or its stop-event, before the others.
#[test]
fn sources_outside_are_told_first() {
    let (handle, source) = start(
        Builder::new()
            .external(PluginSpec::new("session"), 0)
            .external(PluginSpec::new("basic").stop_event("bye"), 0)
            .external(PluginSpec::new("sink").subscribe("e").stop_event("the end"), 0),
    );
    let session = Session::open(handle.port("session").unwrap(), 1, 8);
    let basic = Client::req(handle.port("basic").unwrap());
    let sink = Client::req(handle.port("sink").unwrap());
    basic.send(NEXT_MSG);
    handle.stop();
    session.read_verb("stop");
    assert_eq!(basic.receive(), b"bye");
    session.publish(1, "e1");
    session.read_verb("published");
    basic.publish("e2");
    assert_eq!((sink.next(), sink.next()), (b"e1".to_vec(), b"e2".to_vec()));
    session.quit();
    basic.quit();
    drop(source);
    assert_eq!(sink.next(), b"the end");
    sink.quit();
    let report = end(handle);
    assert!(report.is_success() && report.ledger.balances(), "{report}");
}

/// EE-LIFE-11: an application that still waits for external plugins has nothing to drain.
#[test]
fn a_stop_during_the_start_barrier_ends_everything() {
    let handle = Builder::new()
        .wait_for_external(Duration::from_secs(3600), Laggards::KeepWaiting)
        .plugin(PluginSpec::new("internal"), |_| panic!("it has started"))
        .external(PluginSpec::new("ready"), 0)
        .external(PluginSpec::new("absent").subscribe("e"), 0)
        .stop_within(Duration::from_millis(400))
        .start()
        .unwrap();
    let ready = Client::req(handle.port("ready").unwrap());
    ready.publish("x");
    let control = handle.control();
    assert_eq!(control.phase(), Phase::Starting);
    control.stop();
    assert_eq!(control.phase(), Phase::Stopping);
    let report = end(handle);
    assert_eq!(report.outcome("internal"), Some(&Outcome::Stopped));
    assert!(report.is_success(), "{report}");
}

/// A second stop changes nothing, nor does one after the end.
#[test]
fn further_stops_change_nothing() {
    let (events, observe) = observer();
    let handle = Builder::new()
        .plugin(PluginSpec::new("source").stop_event("bye"), |context| {
            assert_eq!(&context.next_event()?[..], b"bye");
            context.publish("e")?;
            assert_eq!(context.next_event().unwrap_err(), Error::Closed);
            Ok(())
        })
        .plugin(PluginSpec::new("sink").subscribe("").stop_event("the end"), observe)
        .start()
        .unwrap();
    let control = handle.control();
    for _ in 0..3 {
        control.stop();
        handle.stop();
    }
    assert!(handle.wait_timeout(SOON));
    control.stop();
    let report = end(handle);
    control.stop();
    assert_nothing_left(&report);
    assert_eq!(events.iter().collect::<Vec<_>>(), [b"e".to_vec(), b"the end".to_vec()]);
}

/// EE-LIFE-11: `stop_now` waits for nothing, and the report names what was left.
#[test]
fn stop_now_ends_at_once_and_names_what_is_left() {
    let (handle, source) = start(
        Builder::new()
            .stop_within(Duration::from_secs(3600))
            .external(PluginSpec::new("absent").subscribe("e"), 0)
            .plugin(PluginSpec::new("holds").subscribe("e"), |context| {
                context.next_event()?;
                while !context.stopping() {
                    std::thread::yield_now();
                }
                // It was asked for the next one, and there is none any more.
                assert_eq!(context.next_event().unwrap_err(), Error::Closed);
                Ok(())
            }),
    );
    for _ in 0..3 {
        source.publish("e");
    }
    eventually("one is handled", || handle.ledger().plugin("holds").unwrap().queued < 3);
    let control: Control = handle.control();
    assert_eq!(control.phase(), Phase::Running);
    assert!(!handle.wait_timeout(Duration::ZERO));
    let begun = Instant::now();
    handle.stop();
    control.stop_now();
    drop(source);
    assert!(handle.wait_timeout(SOON));
    let report = end(handle);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(control.phase(), Phase::Ended);
    assert!(report.ledger.balances(), "{report}");
    let text = report.to_string();
    assert!(text.contains("absent: stopped; not delivered: 3 discarded"), "{text}");
}

/// EE-LIFE-11: events for a plugin that nobody has connected for hold up the drain for its share of the deadline; it is named.
#[test]
fn a_plugin_that_nobody_connected_for_is_named() {
    logs::capture();
    let (handle, source) = start(
        Builder::new()
            .stop_within(Duration::from_millis(400))
            .external(PluginSpec::new("unconnected").subscribe("e"), 0),
    );
    source.publish("e");
    drop(source);
    handle.stop();
    let report = end(handle);
    let lines = logs::lines_with(&["run dry", "unconnected", "1 events queued", "nobody is connected"]);
    assert_eq!(lines.len(), 1);
    assert!(report.to_string().contains("unconnected: stopped; not delivered: 1 discarded"), "{report}");
}

/// What the overflow policy shed is named, too.
#[test]
fn the_report_names_what_was_shed() {
    let limits = QueueLimits { max_events: 1, overflow: Overflow::DropNewest, ..QueueLimits::default() };
    let (handle, source): (Handle, _) =
        start(Builder::new().external(PluginSpec::new("full").subscribe("e").queue_limits(limits), 0));
    source.publish("e1");
    source.publish("e2");
    let client = Client::req(handle.port("full").unwrap());
    assert_eq!(client.next(), b"e1");
    client.quit();
    drop(source);
    let text = end(handle).to_string();
    assert!(text.contains("full: completed; not delivered: 1 shed"), "{text}");
}
