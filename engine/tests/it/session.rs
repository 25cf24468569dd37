//! The session profile at a real port (spec/session.md): what the vectors cannot show.

use std::time::Duration;

use event_engine::{Builder, Handle, Laggards, Outcome, PluginSpec, QueueLimits};

use crate::support::client::Client;
use crate::support::raw::{message, Raw};
use crate::support::session::Session;
use crate::support::{end, eventually, logs, observer, ports, start, told, Source};

const LONG: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(50);

/// An application with the external plugin `x`, which gets `x…`.
fn with_x(builder: Builder, spec: impl FnOnce(PluginSpec) -> PluginSpec) -> (Handle, Source, u16) {
    let (handle, source) = start(builder.external(spec(PluginSpec::new("x").subscribe("x")), 0));
    let port = handle.port("x").unwrap();
    (handle, source, port)
}

fn plain() -> (Handle, Source, u16) {
    with_x(Builder::new(), |spec| spec)
}

fn end_well(handle: Handle, source: Source) {
    drop(source);
    let report = end(handle);
    assert!(report.is_success() && report.ledger.balances(), "{report}");
}

fn numbered(source: &Source, numbers: std::ops::Range<u32>) {
    for number in numbers {
        source.publish(format!("x{number}"));
    }
}

fn in_flight(handle: &Handle) -> u64 {
    handle.ledger().plugin("x").unwrap().in_flight
}

/// The connection ends as with the death of its process, and the engine knows.
fn cut(handle: &Handle, session: Session) {
    let port = handle.port("x").unwrap();
    let connections = ports::connections(port);
    drop(session);
    eventually("the engine has let go of the connection", || ports::connections(port) < connections);
}

/// Both profiles share one queue, and what a session acknowledges counts as delivered.
#[test]
fn both_profiles_are_served_side_by_side() {
    let (handle, source, port) = with_x(Builder::new(), |spec| spec.replicas(2));
    let session = Session::open(port, 1, 1);
    let basic = Client::req(port);
    source.publish("x1");
    assert_eq!(session.read_events(1), [(1, b"x1".to_vec(), false)]);
    source.publish("x2");
    assert_eq!(basic.next(), b"x2");
    session.say("ack seq=1 upto=2");
    eventually("the ledger knows both", || {
        let ledger = handle.ledger().plugin("x").unwrap().clone();
        (ledger.delivered, ledger.handed_over) == (1, 1)
    });
    session.publish(1, "from the session");
    assert_eq!(session.read_verb("published").number("id"), 1);
    basic.publish("from basic");
    session.quit();
    basic.quit();
    end_well(handle, source);
}

/// What a broken connection swallowed comes again on the next one, with the same numbers and unmarked.
#[test]
fn a_broken_connection_loses_and_repeats_nothing() {
    let (handle, source, port) = plain();
    let session = Session::open(port, 1, 100);
    numbered(&source, 0..10);
    assert_eq!(session.read_events(10).len(), 10);
    session.say("ack seq=4 upto=100");
    session.publish(1, "one");
    session.publish(2, "two");
    assert!(session.read_verb("published").number("id") >= 1);
    eventually("the acknowledgement has come", || in_flight(&handle) == 6);
    eventually("both are taken", || handle.ledger().plugin("x").unwrap().published == 2);
    cut(&handle, session);
    numbered(&source, 10..12);
    let (session, welcome) = Session::hello(port, 1);
    assert_eq!((welcome.number("resumed"), welcome.number("received")), (1, 2));
    assert_eq!(session.read_verb("published").number("id"), 2);
    session.publish(2, "two");
    session.publish(3, "three");
    session.say("ready");
    session.say("ack seq=5 upto=100");
    // What was published meanwhile may be answered before.
    while session.read().verb != "ok" {}
    let mut seen = Vec::new();
    while seen.len() < 7 {
        let said = session.read();
        if said.verb == "events" {
            assert!(!said.keys.contains_key("redelivered"));
            seen.extend((said.number("seq")..).zip(said.events));
        }
    }
    let expected: Vec<_> = (6..=12).map(|seq| (seq, format!("x{}", seq - 1).into_bytes())).collect();
    assert_eq!(seen, expected);
    session.say("quit");
    while session.read().verb != "bye" {}
    assert_eq!(handle.ledger().plugin("x").unwrap().published, 3);
    end_well(handle, source);
}

/// A new client gets first what its dead predecessor did not acknowledge, one at a time and marked.
#[test]
fn a_restarted_client_gets_what_the_dead_one_had() {
    let (handle, source, port) = with_x(Builder::new().session_grace(LONG), |spec| spec);
    let victim = Session::open(port, 1, 100);
    numbered(&source, 0..3);
    victim.read_events(3);
    victim.say("ack seq=1 upto=100");
    eventually("the acknowledgement has come", || in_flight(&handle) == 2);
    cut(&handle, victim);
    numbered(&source, 3..5);
    let session = Session::open(port, 2, 100);
    assert_eq!(session.read_events(1), [(1, b"x1".to_vec(), true)]);
    assert_eq!(in_flight(&handle), 1);
    session.say("ack seq=1 upto=100");
    assert_eq!(session.read_events(1), [(2, b"x2".to_vec(), true)]);
    session.say("ack seq=2 upto=100");
    assert_eq!(session.read_events(2), [(3, b"x3".to_vec(), false), (4, b"x4".to_vec(), false)]);
    session.say("ack seq=4 upto=100");
    session.quit();
    assert_eq!(handle.ledger().plugin("x").unwrap().redelivered, 2);
    end_well(handle, source);
}

/// As above, when the new client's hello comes first.
#[test]
fn a_client_that_comes_before_its_predecessors_end_is_known_waits_no_longer() {
    let (handle, source, port) = with_x(Builder::new().session_grace(LONG), |spec| spec);
    let victim = Session::open(port, 1, 100);
    source.publish("x0");
    victim.read_events(1);
    let session = Session::open(port, 2, 100);
    drop(victim);
    assert_eq!(session.read_events(1), [(1, b"x0".to_vec(), true)]);
    session.say("ack seq=1 upto=100");
    session.quit();
    end_well(handle, source);
}

/// When its grace is over a session's events go to whoever is there.
#[test]
fn events_of_a_lost_session_go_back_after_its_grace() {
    let (handle, source, port) = with_x(Builder::new().session_grace(SHORT), |spec| spec.replicas(2));
    let victim = Session::open(port, 1, 1);
    source.publish("x0");
    victim.read_events(1);
    let other = Session::open(port, 2, 10);
    cut(&handle, victim);
    assert_eq!(other.read_events(1), [(1, b"x0".to_vec(), true)]);
    other.say("ack seq=1 upto=10");
    // Its session has ended: what it says is refused, and it may begin anew.
    let (late, welcome) = Session::hello(port, 1);
    assert_eq!(welcome.keys["resumed"], "0");
    late.quit();
    other.quit();
    end_well(handle, source);
}

/// What a client says just before it closes its connection is heard.
#[test]
fn the_last_words_of_a_connection_count() {
    let (handle, source, port) = plain();
    for round in 0..100 {
        let session = Session::open(port, round + 1, 10);
        source.publish("x");
        let (seq, _, redelivered) = session.read_events(1).remove(0);
        assert!(!redelivered, "round {round}");
        session.publish(1, "last words");
        session.say(&format!("ack seq={seq} upto=10"));
    }
    eventually("all are handled", || handle.ledger().plugin("x").unwrap().delivered == 100);
    let ledger = handle.ledger().plugin("x").unwrap().clone();
    assert_eq!((ledger.published, ledger.refused, ledger.redelivered), (100, 0, 0), "{ledger:?}");
    Session::open(port, 1000, 10).quit();
    end_well(handle, source);
}

/// A stop event is the last event, also for a session, and `stop` comes after it.
#[test]
fn a_stop_event_comes_before_stop() {
    for round in 0..50 {
        let (handle, source, port) = with_x(Builder::new(), |spec| spec.stop_event("the end").source(true));
        let session = Session::open(port, 1, 100);
        source.publish("x");
        handle.stop();
        let events: Vec<_> = session.read_events(2).into_iter().map(|(_, event, _)| event).collect();
        assert_eq!(events, [&b"x"[..], b"the end"], "round {round}");
        session.read_verb("stop");
        session.say("ack seq=2 upto=100");
        session.quit();
        end_well(handle, source);
    }
}

/// An event that every client dies of is given up, and does not take its neighbours with it.
#[test]
fn a_poison_event_is_given_up() {
    logs::capture();
    let (letters, run) = observer();
    let builder = Builder::new().plugin(PluginSpec::new("letters").subscribe("dead: "), run);
    let (handle, source, port) = with_x(builder, |spec| spec.redelivery_limit(2).dead_letter("dead: "));
    numbered(&source, 0..3);
    let mut sessions = 0;
    let mut session = || {
        sessions += 1;
        Session::open(port, sessions, 100)
    };
    let first = session();
    assert_eq!(first.read_events(3).len(), 3);
    cut(&handle, first);
    for _ in 0..2 {
        let victim = session();
        assert_eq!(victim.read_events(1), [(1, b"x0".to_vec(), true)]);
        cut(&handle, victim);
    }
    let survivor = session();
    assert_eq!(survivor.read_events(1), [(1, b"x1".to_vec(), true)]);
    survivor.say("ack seq=1 upto=100");
    assert_eq!(survivor.read_events(1), [(2, b"x2".to_vec(), true)]);
    survivor.say("ack seq=2 upto=100");
    assert_eq!(told(&letters), b"dead: x0");
    assert_eq!(handle.ledger().plugin("x").unwrap().dead_lettered, 1);
    assert!(!logs::lines_with(&["x: an event", "it is given up"]).is_empty());
    survivor.quit();
    handle.stop();
    end_well(handle, source);
}

/// A publish that waits for room is not answered, and not forgotten when its connection breaks.
#[test]
fn parked_publishes_are_answered_once_there_is_room() {
    let small = QueueLimits { max_events: 2, ..QueueLimits::default() };
    let builder = Builder::new().external(PluginSpec::new("full").subscribe("f").queue_limits(small), 0);
    let (handle, source, port) = with_x(builder, |spec| spec);
    let session = Session::open(port, 1, 10);
    session.publish_packed(1, &["f1", "f2", "f3", "f4", "f5"]);
    session.publish(6, "f6");
    eventually("four wait", || handle.ledger().parked == 4);
    source.publish("x goes on");
    while session.read().verb != "events" {}
    cut(&handle, session);
    let full = Client::req(handle.port("full").unwrap());
    for number in 1..=3 {
        assert_eq!(full.next(), format!("f{number}").as_bytes());
    }
    eventually("one waits", || handle.ledger().parked == 1);
    let (session, welcome) = Session::hello(port, 1);
    assert_eq!((welcome.number("resumed"), welcome.number("received")), (1, 6));
    // The port may have come back before it heard of the last three, and tells of those before them first.
    while session.read_verb("published").number("id") < 5 {}
    for number in 4..=6 {
        assert_eq!(full.next(), format!("f{number}").as_bytes());
    }
    assert_eq!(session.read_verb("published").number("id"), 6);
    session.quit();
    full.quit();
    end_well(handle, source);
}

/// What a client may leave unanswered is bounded; past it its session ends, and nothing of the refused message is published.
#[test]
fn the_publish_window_is_kept() {
    let small = QueueLimits { max_events: 1, ..QueueLimits::default() };
    let builder = Builder::new().external(PluginSpec::new("full").subscribe("f").queue_limits(small), 0);
    let (handle, source, port) = with_x(builder, |spec| spec);
    source.publish("f");
    let session = Session::open(port, 1, 10);
    let events = vec!["f"; 8192];
    session.publish_packed(1, &events);
    session.publish_packed(8193, &events);
    session.publish(16_385, "f too many");
    session.read_error("window");
    assert_eq!(handle.ledger().parked, 16_384);
    session.say("pong");
    session.read_error("no-session");
    Client::req(handle.port("full").unwrap()).quit();
    Session::open(port, 2, 10).quit();
    end_well(handle, source);
}

/// A silent client is pinged; not answering costs it nothing, since it may be busy.
#[test]
fn an_unanswered_ping_costs_nothing() {
    let (handle, source, port) = with_x(Builder::new().ping_every(SHORT), |spec| spec);
    let session = Session::open(port, 1, 10);
    for _ in 0..5 {
        session.read_verb("ping");
    }
    source.publish("x0");
    assert_eq!(session.read_events(1), [(1, b"x0".to_vec(), false)]);
    session.say("pong");
    session.say("ack seq=1 upto=10");
    session.quit();
    end_well(handle, source);
}

/// A connection whose peer does not answer heartbeats is cut, and its session may be resumed.
///
/// EE-LIMIT-6
#[test]
fn a_connection_without_heartbeat_is_cut() {
    let (handle, source, port) = with_x(Builder::new().heartbeat(SHORT, SHORT), |spec| spec);
    let mut frozen = Raw::handshake(port, "DEALER");
    frozen.send(&message(&[format!("plugin_command: hello version=1 session={:032x} client=test/1", 1)]));
    let from = frozen.local_port();
    eventually("the engine has cut it", || !ports::holds_connection(port, from));
    let (session, welcome) = Session::hello(port, 1);
    assert_eq!(welcome.keys["resumed"], "1");
    session.read_verb("published");
    session.quit();
    end_well(handle, source);
}

/// A stopped application hands out what is queued, says `stop`, and waits for `quit`.
#[test]
fn stop_comes_after_the_last_event() {
    let (handle, source, port) = with_x(Builder::new(), |spec| spec.source(true));
    numbered(&source, 0..1000);
    let session = Session::open(port, 1, 10);
    handle.stop();
    assert_eq!(session.read_events(10).len(), 10);
    session.say("ack seq=10 upto=5000");
    assert_eq!(session.read_events(990).last().unwrap().1, b"x999");
    session.read_verb("stop");
    session.publish(1, "last words");
    session.read_verb("published");
    session.say("ack seq=1000 upto=5000");
    session.quit();
    drop(source);
    let report = end(handle);
    assert_eq!(report.outcome("x"), Some(&Outcome::Completed), "{report}");
    assert_eq!(report.ledger.plugin("x").unwrap().delivered, 1000, "{report}");
}

/// 100,000 events each way, packed, in order.
#[test]
fn a_hundred_thousand_events_each_way() {
    const EVENTS: u32 = 100_000;
    let (up, run) = observer();
    let (handle, source, port) =
        with_x(Builder::new().plugin(PluginSpec::new("up").subscribe("up"), run), |spec| spec);
    let session = Session::open(port, 1, 5_000);
    std::thread::scope(|scope| {
        scope.spawn(|| numbered(&source, 0..EVENTS));
        let (mut next, mut sent, mut published) = (0, 0, 0);
        while next < EVENTS || published < u64::from(EVENTS) {
            while sent < EVENTS && u64::from(sent) - published < 10_000 {
                let events: Vec<String> = (sent..sent + 500).map(|number| format!("up{number}")).collect();
                session.publish_packed(u64::from(sent) + 1, &events);
                sent += 500;
            }
            let said = session.read();
            match &*said.verb {
                "published" => published = said.number("id"),
                "events" => {
                    assert_eq!(said.number("seq"), u64::from(next) + 1);
                    for event in said.events {
                        assert_eq!(event, format!("x{next}").into_bytes());
                        next += 1;
                    }
                    session.say(&format!("ack seq={next} upto={}", next + 5_000));
                }
                other => panic!("{other}"),
            }
        }
    });
    for number in 0..EVENTS {
        assert_eq!(told(&up), format!("up{number}").as_bytes());
    }
    session.quit();
    handle.stop();
    end_well(handle, source);
}

/// Whatever somebody says at the port, others are served and the ledger balances.
#[test]
fn nonsense_hurts_only_who_says_it() {
    let (handle, source, port) = plain();
    let good = Session::open(port, 1, 100);
    let words = [
        "",
        "hello",
        "hello version=1",
        "hello version=x session=1 client=",
        "ready",
        "ack seq=1 upto=1",
        "pong extra=1",
        "publish id=0",
        "publish id=1 count=99999999999",
        "quit",
        "quit quit",
        "welcome",
        "events seq=1",
        "\u{7f}",
        "ack  seq=1",
        "hello version=1 session=00000000000000000000000000000009 client=%zz",
        "next_msg",
        "publish",
        "bye",
    ];
    for (number, word) in words.iter().enumerate() {
        for payload in [None, Some(&b"payload"[..])] {
            let bad = Session::connect(port, 77);
            let header = format!("plugin_command: {word}");
            let mut frames = vec![header.as_bytes()];
            frames.extend(payload);
            bad.client.socket.send_multipart(frames, 0).unwrap();
            assert_eq!(bad.read().verb, "error", "{word}");
        }
        source.publish(format!("x{number}"));
        assert_eq!(good.read_events(1)[0].1, format!("x{number}").as_bytes());
    }
    good.say(&format!("ack seq={} upto=100", words.len()));
    good.quit();
    end_well(handle, source);
}

// ---- the start barrier with external processes ---------------------------------------------------------------

/// Nothing starts, and no session gets `ok`, before the last external process is ready.
///
/// EE-SYNC-4
#[test]
fn the_barrier_waits_for_external_processes_if_told_to() {
    let (started, run) = observer();
    let handle = Builder::new()
        .plugin(PluginSpec::new("internal"), |context| {
            context.publish("internal has started")?;
            Ok(())
        })
        .plugin(PluginSpec::new("observer").subscribe("internal"), run)
        .external(PluginSpec::new("session").subscribe("internal"), 0)
        .external(PluginSpec::new("basic"), 0)
        .wait_for_external(LONG, Laggards::KeepWaiting)
        .start()
        .unwrap();
    let (session, _) = Session::hello(handle.port("session").unwrap(), 1);
    session.say("ready");
    session.say("ack seq=0 upto=9");
    // The answer to this shows that what came before it was read.
    session.publish(1, "early");
    session.read_verb("published");
    assert!(started.try_recv().is_err());
    let basic = Client::req(handle.port("basic").unwrap());
    basic.publish("first request");
    session.read_verb("ok");
    assert_eq!(session.read_events(1)[0].1, b"internal has started");
    assert_eq!(told(&started), b"internal has started");
    session.say("ack seq=1 upto=9");
    session.quit();
    basic.quit();
    handle.stop();
    assert!(end(handle).is_success());
}

fn never_ready(laggards: Laggards) -> Handle {
    Builder::new()
        .plugin(PluginSpec::new("internal"), |_| Ok(()))
        .external(PluginSpec::new("absent").stop_event("x"), 0)
        .wait_for_external(SHORT, laggards)
        .stop_within(SHORT)
        .start()
        .unwrap()
}

/// EE-SYNC-4
#[test]
fn an_application_may_fail_when_an_external_process_is_late() {
    let report = end(never_ready(Laggards::Fail));
    assert!(report.failure.as_deref().is_some_and(|why| why.contains("absent")), "{report}");
    assert_eq!(report.outcome("internal"), Some(&Outcome::Stopped), "{report}");
}

/// EE-SYNC-4
#[test]
fn an_application_may_start_without_a_late_external_process() {
    logs::capture();
    let handle = never_ready(Laggards::StartWithout);
    eventually("the late one is named", || !logs::lines_with(&["starts without", "absent"]).is_empty());
    handle.stop();
    let report = end(handle);
    assert_eq!(report.outcome("internal"), Some(&Outcome::Completed), "{report}");
}

/// EE-SYNC-4
#[test]
fn a_late_external_process_is_waited_for_and_named() {
    logs::capture();
    let handle = never_ready(Laggards::KeepWaiting);
    eventually("the late one is named", || !logs::lines_with(&["still waits for", "absent"]).is_empty());
    handle.stop();
    let report = end(handle);
    assert_eq!(report.outcome("internal"), Some(&Outcome::Stopped), "{report}");
}

// ---- regressions -------------------------------------------------------------------------------------------------

/// What a session gave back stayed in the queue although a basic client waited for it.
#[test]
fn a_waiting_basic_client_gets_what_a_session_gives_back() {
    for quits in [true, false] {
        let (handle, source, port) = with_x(Builder::new().session_grace(SHORT), |spec| spec.replicas(2));
        let session = Session::open(port, 1, 10);
        source.publish("x0");
        session.read_events(1);
        let basic = Session::connect(port, 2);
        basic.client.socket.send_multipart([&b""[..], b"plugin_command: next_msg"], 0).unwrap();
        // Its answer shows that the request before it was read.
        basic.say("pong");
        basic.read_error("no-session");
        if quits {
            session.quit();
        } else {
            cut(&handle, session);
        }
        assert_eq!(basic.client.socket.recv_multipart(0).expect("no event in time"), [&b""[..], b"x0"]);
        for _ in 0..2 {
            Client::req(port).quit();
        }
        end_well(handle, source);
    }
}

/// `stop` overtook what a dead client had left to the next one, which then never asked for it.
#[test]
fn stop_does_not_overtake_what_a_dead_client_had() {
    let (handle, source, port) = with_x(Builder::new(), |spec| spec.source(true));
    let victim = Session::open(port, 1, 10);
    numbered(&source, 0..2);
    victim.read_events(2);
    handle.stop();
    victim.read_verb("stop");
    cut(&handle, victim);
    let session = Session::open(port, 2, 10);
    for (seq, event) in [(1, "x0"), (2, "x1")] {
        assert_eq!(session.read_events(1), [(seq, event.as_bytes().to_vec(), true)]);
        session.say(&format!("ack seq={seq} upto=10"));
    }
    session.read_verb("stop");
    session.quit();
    end_well(handle, source);
}

/// `stop` overtook an event that waited for room in the queue.
#[test]
fn stop_does_not_overtake_a_parked_event() {
    let one = QueueLimits { max_events: 1, ..QueueLimits::default() };
    let builder = Builder::new().external(PluginSpec::new("other"), 0);
    let (handle, source, port) = with_x(builder, |spec| spec.queue_limits(one).source(true));
    let session = Session::open(port, 1, 10);
    source.publish("x0");
    session.read_events(1);
    let other = Session::open(handle.port("other").unwrap(), 2, 10);
    other.publish(1, "x1");
    eventually("it waits", || handle.ledger().parked == 1);
    handle.stop();
    other.read_verb("stop");
    session.say("ack seq=1 upto=10");
    assert_eq!(session.read_events(1), [(2, b"x1".to_vec(), false)]);
    session.say("ack seq=2 upto=10");
    session.read_verb("stop");
    other.quit_after("published");
    session.quit();
    end_well(handle, source);
}

/// A stop event before the first accepted event said `order=0`, which is no position.
#[test]
fn a_stop_event_in_an_idle_application_has_no_order() {
    let (handle, source, port) = with_x(Builder::new(), |spec| spec.stop_event("the end").source(true));
    let session = Session::open(port, 1, 10);
    handle.stop();
    let said = session.read_verb("events");
    assert_eq!((said.events, said.keys.get("order")), (vec![b"the end".to_vec()], None));
    session.say("ack seq=1 upto=10");
    session.quit_after("stop");
    end_well(handle, source);
}

/// A plugin that finished without `ready` kept the application from starting.
#[test]
fn a_plugin_that_has_finished_is_not_waited_for() {
    let handle = Builder::new()
        .plugin(PluginSpec::new("internal"), |_| Ok(()))
        .external(PluginSpec::new("x"), 0)
        .wait_for_external(LONG, Laggards::KeepWaiting)
        .start()
        .unwrap();
    let (session, _) = Session::hello(handle.port("x").unwrap(), 1);
    session.quit();
    let report = end(handle);
    assert_eq!(report.outcome("internal"), Some(&Outcome::Completed), "{report}");
}

/// Events that two sessions gave back came out of order.
#[test]
fn events_given_back_by_two_sessions_keep_their_order() {
    let (handle, source, port) = with_x(Builder::new(), |spec| spec.replicas(3));
    let first = Session::open(port, 1, 1);
    source.publish("x0");
    first.read_events(1);
    let second = Session::open(port, 2, 1);
    source.publish("x1");
    second.read_events(1);
    first.quit();
    second.quit();
    let third = Session::open(port, 3, 10);
    let events: Vec<_> = third.read_events(2).into_iter().map(|(_, event, _)| event).collect();
    assert_eq!(events, [b"x0", b"x1"]);
    third.say("ack seq=2 upto=10");
    third.quit();
    end_well(handle, source);
}

/// A session whose id was used before heard of the earlier one's publishes, and could not quit.
#[test]
fn a_session_with_a_used_id_knows_nothing_of_the_earlier_one() {
    let small = QueueLimits { max_events: 1, ..QueueLimits::default() };
    let builder = Builder::new().external(PluginSpec::new("full").subscribe("f").queue_limits(small), 0);
    let (handle, source, port) = with_x(builder, |spec| spec);
    source.publish("f0");
    let session = Session::open(port, 1, 10);
    session.publish(1, "f1");
    session.publish(2, "f2");
    eventually("they wait", || handle.ledger().parked == 2);
    session.say("ack seq=7 upto=7");
    session.read_error("bad-param");
    let (again, welcome) = Session::hello(port, 1);
    assert_eq!((welcome.number("resumed"), welcome.number("received")), (0, 0));
    let full = Client::req(handle.port("full").unwrap());
    for event in ["f0", "f1", "f2"] {
        assert_eq!(full.next(), event.as_bytes());
    }
    again.quit();
    full.quit();
    end_well(handle, source);
}
