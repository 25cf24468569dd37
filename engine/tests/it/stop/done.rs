//! Applications that end by themselves.

use std::sync::mpsc;
use std::time::Duration;

use event_engine::{Builder, Handle, Laggards, Phase, PluginSpec, QueueLimits};

use super::{assert_nothing_left, passes_on};
use crate::support::client::{Client, BAD_MSG, NEXT_MSG};
use crate::support::session::Session;
use crate::support::{end, eventually, logs, observer, ports, start, told, SOON};

/// Whoever is told to stop quits.
fn quits_at_stop(session: Session) {
    session.quit_after("stop");
}

/// An application that ends by itself with a sink for `s…`, and one source that publishes `x0` and has ended.
fn with_x(builder: Builder, x: PluginSpec) -> (Handle, mpsc::Receiver<Vec<u8>>) {
    let (events, observe) = observer();
    let handle = builder
        .until_done()
        .plugin(PluginSpec::new("source"), |context| Ok(context.publish("x0").map(drop)?))
        .external(x.subscribe("x"), 0)
        .external(PluginSpec::new("other").subscribe("never"), 0)
        .plugin(PluginSpec::new("sink").subscribe("s"), observe)
        .start()
        .unwrap();
    (handle, events)
}

/// Everything that another plugin publishes arrives, so that the application cannot have been taken for done.
fn goes_on(other: &Session, from_id: u64, events: &mpsc::Receiver<Vec<u8>>) {
    for id in from_id..from_id + 50 {
        other.publish(id, "s");
        other.read_verb("published");
        assert_eq!(told(events), b"s");
    }
}

/// EE-LIFE-15
#[test]
fn a_pipeline_ends_when_it_is_done() {
    let (events, observe) = observer();
    let handle = Builder::new()
        .until_done()
        .plugin(PluginSpec::new("source"), |context| {
            context.publish_batch((0..5_000).map(|number| format!("a/{number}")))?;
            Ok(())
        })
        .plugin(PluginSpec::new("a").subscribe("a/"), passes_on("a", "b"))
        .plugin(PluginSpec::new("b").subscribe("b/"), passes_on("b", "c"))
        .plugin(PluginSpec::new("sink").subscribe("c/"), observe)
        .start()
        .unwrap();
    let control = handle.control();
    let report = end(handle);
    assert_nothing_left(&report);
    assert_eq!(events.iter().count(), 5_000);
    assert_eq!(control.phase(), Phase::Ended);
}

/// EE-LIFE-15: also without a source, and with nothing to do.
#[test]
fn without_a_source_it_ends_when_everybody_waits() {
    let (events, observe) = observer();
    let handle = Builder::new()
        .until_done()
        .plugin(PluginSpec::new("a").subscribe("a/"), |context| {
            context.publish("b/1")?;
            context.next_event_timeout(SOON).map(drop).or(Ok(()))
        })
        .plugin(PluginSpec::new("sink").subscribe("b/"), observe)
        .start()
        .unwrap();
    assert_nothing_left(&end(handle));
    assert_eq!(events.iter().count(), 1);
}

/// EE-LIFE-15: not before it has started.
#[test]
fn it_does_not_end_before_it_starts() {
    let handle = Builder::new()
        .until_done()
        .wait_for_external(Duration::from_secs(3600), Laggards::KeepWaiting)
        .plugin(PluginSpec::new("internal").subscribe("i"), |context| {
            assert_eq!(&context.next_event()?[..], b"i");
            Ok(())
        })
        .external(PluginSpec::new("first").subscribe("f"), 0)
        .external(PluginSpec::new("second").subscribe("f"), 0)
        .start()
        .unwrap();
    let (first, _) = Session::hello(handle.port("first").unwrap(), 1);
    first.say("ready");
    first.say("ack seq=0 upto=9");
    first.publish(1, "i");
    first.read_verb("published");
    assert_eq!(handle.control().phase(), Phase::Starting);
    let second = Session::open(handle.port("second").unwrap(), 2, 9);
    first.read_verb("ok");
    quits_at_stop(first);
    quits_at_stop(second);
    assert_nothing_left(&end(handle));
}

/// EE-LIFE-15: who was handed an event by the basic profile works until it asks again, though another connection publishes its answer.
#[test]
fn a_basic_client_works_until_it_asks_again() {
    let (handle, events) = with_x(Builder::new(), PluginSpec::new("x").replicas(2).stop_event("bye"));
    let (works, waits) = (Client::req(handle.port("x").unwrap()), Client::req(handle.port("x").unwrap()));
    let other = Session::open(handle.port("other").unwrap(), 1, 8);
    assert_eq!(works.next(), b"x0");
    waits.send(NEXT_MSG);
    goes_on(&other, 1, &events);
    let answers = Client::req(handle.port("x").unwrap());
    answers.publish("s answer");
    assert_eq!(told(&events), b"s answer");
    goes_on(&other, 51, &events);
    works.send(NEXT_MSG);
    quits_at_stop(other);
    assert_eq!(waits.receive(), b"bye");
    waits.quit();
    // A REQ that waits for its reply cannot say anything else.
    answers.quit();
    assert_nothing_left(&end(handle));
}

/// EE-LIFE-15: a client that has died may come back with more, though it has handled everything; its session is waited for.
#[test]
fn a_session_in_its_grace_is_waited_for() {
    let (events, observe) = observer();
    let (handle, source) = start(
        Builder::new()
            .until_done()
            .external(PluginSpec::new("x").subscribe("x"), 0)
            .external(PluginSpec::new("other").subscribe("never"), 0)
            .plugin(PluginSpec::new("sink").subscribe("s"), observe),
    );
    let port = handle.port("x").unwrap();
    let other = Session::open(handle.port("other").unwrap(), 1, 8);
    let victim = Session::open(port, 1, 8);
    source.publish("x0");
    assert_eq!(victim.read_events(1)[0].1, b"x0");
    victim.say("ack seq=1 upto=8");
    victim.publish(1, "s last words");
    drop(victim);
    assert_eq!(told(&events), b"s last words");
    eventually("the connection has gone", || ports::connections(port) == 0);
    // This answer comes behind the end of connections that have ended before.
    assert_eq!(Client::req(port).ask("plugin_command: fence"), BAD_MSG);
    drop(source);
    goes_on(&other, 1, &events);
    let (session, welcome) = Session::hello(port, 1);
    assert_eq!((welcome.number("resumed"), welcome.number("received")), (1, 1));
    session.read_verb("published");
    goes_on(&other, 51, &events);
    session.publish(2, "s again");
    assert_eq!(told(&events), b"s again");
    session.read_verb("published");
    session.say("ready");
    session.say("ack seq=1 upto=8");
    session.read_verb("ok");
    quits_at_stop(session);
    quits_at_stop(other);
    assert_nothing_left(&end(handle));
}

/// EE-LIFE-15: an event in a session's hands, and the same event redelivered, hold the application up; so does a dead letter.
#[test]
fn redelivered_events_and_dead_letters_are_waited_for() {
    let spec = PluginSpec::new("x").redelivery_limit(1).dead_letter("s dead ");
    let (handle, events) = with_x(Builder::new(), spec);
    let port = handle.port("x").unwrap();
    let other = Session::open(handle.port("other").unwrap(), 1, 8);
    for attempt in 0..2 {
        let victim = Session::open(port, 10 + attempt, 8);
        assert_eq!(victim.read_events(1)[0].1, b"x0");
        goes_on(&other, 1 + 50 * u64::from(attempt), &events);
        drop(victim);
        eventually("the connection has gone", || ports::connections(port) == 0);
    }
    let last = Session::open(port, 20, 8);
    assert_eq!(told(&events), b"s dead x0");
    quits_at_stop(last);
    quits_at_stop(other);
    let report = end(handle);
    assert!(report.is_success() && report.ledger.balances(), "{report}");
    assert!(report.to_string().contains("x: completed; not delivered: 1 dead-lettered"), "{report}");
}

/// EE-LIFE-15: publishes that wait for room are waited for, though every reader that is there sleeps.
#[test]
fn parked_publishes_are_waited_for() {
    let one = QueueLimits { max_events: 1, ..QueueLimits::default() };
    let (handle, events) = with_x(Builder::new(), PluginSpec::new("x").queue_limits(one).stop_event("bye"));
    let other = Session::open(handle.port("other").unwrap(), 1, 8);
    eventually("the queue is full", || handle.ledger().accepted == 1);
    other.publish_packed(1, &["x1", "x2"]);
    eventually("both wait", || handle.ledger().parked == 2);
    let client = Client::req(handle.port("x").unwrap());
    for expected in ["x0", "x1", "x2"] {
        assert_eq!(client.next(), expected.as_bytes());
    }
    client.publish("s");
    assert_eq!(told(&events), b"s");
    client.send(NEXT_MSG);
    while other.read().verb != "stop" {}
    other.quit();
    assert_eq!(client.receive(), b"bye");
    client.quit();
    assert_nothing_left(&end(handle));
}

/// EE-LIFE-15: a plugin that nobody has connected for waits for nothing, and is named.
#[test]
fn a_plugin_that_nobody_connected_for_is_waited_for_and_named() {
    logs::capture();
    let handle = Builder::new()
        .until_done()
        .plugin(PluginSpec::new("source"), |_| Ok(()))
        .external(PluginSpec::new("late-comer").subscribe("x"), 0)
        .start()
        .unwrap();
    eventually("it is named", || {
        !logs::lines_with(&["before the application is done", "late-comer (nobody is connected)"]).is_empty()
    });
    assert_eq!(handle.control().phase(), Phase::Running);
    quits_at_stop(Session::open(handle.port("late-comer").unwrap(), 1, 8));
    assert_nothing_left(&end(handle));
}

/// EE-LIFE-15: an application that would end by itself can be stopped before.
#[test]
fn it_can_be_stopped_before_it_is_done() {
    let (go, held) = mpsc::channel::<()>();
    let (events, observe) = observer();
    let handle = Builder::new()
        .until_done()
        .plugin(PluginSpec::new("source"), move |context| {
            context.publish("e1")?;
            let _ = held.recv();
            context.publish("e2")?;
            Ok(())
        })
        .plugin(PluginSpec::new("sink").subscribe("e"), observe)
        .start()
        .unwrap();
    assert_eq!(told(&events), b"e1");
    handle.stop();
    assert_eq!(handle.control().phase(), Phase::Draining);
    drop(go);
    assert_nothing_left(&end(handle));
    assert_eq!(told(&events), b"e2");
}
