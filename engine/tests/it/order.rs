//! One order for the whole application, whoever publishes and whoever reads.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread;

use event_engine::{zmq, App, BoxError, Builder, Context, PluginSpec, QueueLimits};

use crate::support::client::{Client, BAD_MSG, PUBLISHED};
use crate::support::{end, eventually, ports, seed, start, told};

const EVENTS: usize = 3_000;

/// `publisher/number` as its parts.
fn parts(event: &[u8]) -> (String, usize) {
    let text = std::str::from_utf8(event).unwrap();
    let (publisher, number) = text.split_once('/').unwrap();
    (publisher.to_string(), number.parse().unwrap())
}

/// Each publisher's events are there once, in its order.
fn assert_first_in_first_out<'a>(
    events: impl IntoIterator<Item = &'a [u8]>,
    publishers: &[&str],
    each: usize,
) {
    let mut next: BTreeMap<String, usize> = BTreeMap::new();
    for event in events {
        let (publisher, number) = parts(event);
        let expected = next.entry(publisher.clone()).or_default();
        assert_eq!(number, *expected, "of {publisher}");
        *expected += 1;
    }
    let all: BTreeMap<String, usize> =
        publishers.iter().map(|publisher| (publisher.to_string(), each)).collect();
    assert_eq!(next, all);
}

type Seen = Vec<(u64, Vec<u8>)>;

/// A plugin that tells what it has seen, with its orders.
fn recorder(
    events: usize,
    tell: mpsc::Sender<Seen>,
) -> impl FnOnce(&mut Context) -> Result<(), BoxError> + Send + 'static {
    move |context| {
        let mut seen = Vec::new();
        while seen.len() < events {
            let event = context.next_event()?;
            seen.push((event.order(), event.to_vec()));
        }
        tell.send(seen)?;
        Ok(())
    }
}

/// EE-ORDER-1, EE-ORDER-2, EE-ORDER-4: own API and an external client, small queues, so that publishers wait.
#[test]
fn order_is_total_under_concurrent_publishers() {
    let small = QueueLimits { max_events: 50, ..QueueLimits::default() };
    let (tell_all, all) = mpsc::channel();
    let (tell_some, some) = mpsc::channel();
    let (tell_own, own) = mpsc::channel();
    let spec = |name: &str| PluginSpec::new(name).queue_limits(small);
    let mut builder = Builder::new()
        .plugin(spec("all").subscribe(""), recorder(5 * EVENTS, tell_all))
        .plugin(spec("some").subscribe("a/").subscribe("x/"), recorder(2 * EVENTS, tell_some))
        .external(spec("x").subscribe("b/"), 0);
    for name in ["a", "b"] {
        builder = builder.plugin(PluginSpec::new(name), move |context| {
            for number in 0..EVENTS {
                context.publish(format!("{name}/{number}"))?;
            }
            Ok(())
        });
    }
    // Publishes in batches, from two threads, and reads some of it itself.
    builder = builder.plugin(spec("c").subscribe("d/"), |context| {
        let publisher = context.publisher();
        let other =
            thread::spawn(move || publisher.publish_batch((0..EVENTS).map(|number| format!("d/{number}"))));
        let publisher = context.publisher();
        let one =
            thread::spawn(move || publisher.publish_batch((0..EVENTS).map(|number| format!("c/{number}"))));
        recorder(EVENTS, tell_own)(context)?;
        other.join().unwrap()?;
        one.join().unwrap()?;
        Ok(())
    });
    let handle = builder.start().unwrap();
    let port = handle.port("x").unwrap();
    let publishing = thread::spawn(move || {
        let client = Client::req(port);
        for number in 0..EVENTS {
            client.publish(format!("x/{number}"));
        }
    });
    let client = Client::req(port);
    let external: Vec<Vec<u8>> = (0..EVENTS).map(|_| client.next()).collect();
    publishing.join().unwrap();
    client.quit();

    let (all, some, own) = (told(&all), told(&some), told(&own));
    assert!(all.iter().map(|(order, _)| *order).eq(1..=5 * EVENTS as u64), "not consecutive from 1");
    assert_first_in_first_out(all.iter().map(|(_, event)| &event[..]), &["a", "b", "c", "d", "x"], EVENTS);
    let only = |prefixes: &[&str]| -> Seen {
        let matches = |event: &[u8]| prefixes.iter().any(|prefix| event.starts_with(prefix.as_bytes()));
        all.iter().filter(|(_, event)| matches(event)).cloned().collect()
    };
    assert_eq!(some, only(&["a/", "x/"]));
    assert_eq!(own, only(&["d/"]));
    assert!(external.iter().eq(only(&["b/"]).iter().map(|(_, event)| event)));
    let report = end(handle);
    assert!(report.is_success() && report.ledger.balances(), "{report}");
}

/// EE-ORDER-1, EE-ORDER-2, EE-ORDER-4: the same through the seed's sockets, which do not show the order.
#[test]
fn order_is_total_through_the_seeds_sockets() {
    let mut app = App::new(0, 0);
    for name in ["a", "b", "c"] {
        app = app.register_plugin(
            seed::internal(name, &[], move |publish, _| {
                for number in 0..EVENTS {
                    publish.send(&format!("{name}/{number}"), 0)?;
                }
                Ok(())
            })
            .0,
        );
    }
    let mut seen = Vec::new();
    for (name, prefixes, events) in [
        ("all", &[""][..], 3 * EVENTS),
        ("again", &["a", "b", "c"], 3 * EVENTS),
        ("some", &["a/", "c/"], 2 * EVENTS),
    ] {
        let (tell, told) = mpsc::channel();
        seen.push(told);
        app = app.register_plugin(
            seed::internal(name, prefixes, move |_, subscribe| {
                let got: Result<Vec<Vec<u8>>, zmq::Error> =
                    (0..events).map(|_| subscribe.recv_bytes(0)).collect();
                let _ = tell.send(got?);
                Ok(())
            })
            .0,
        );
    }
    let handle = app.start().unwrap();
    let (all, again, some) = (told(&seen[0]), told(&seen[1]), told(&seen[2]));
    assert_first_in_first_out(all.iter().map(|event| &event[..]), &["a", "b", "c"], EVENTS);
    assert_eq!(all, again);
    let expected: Vec<_> = all.into_iter().filter(|event| !event.starts_with(b"b/")).collect();
    assert_eq!(some, expected);
    assert!(end(handle).is_success());
}

/// Every question is there before its answer, and both once.
fn assert_answers_follow(events: &[Vec<u8>], questions: usize) {
    let mut asked = vec![false; questions];
    let mut answered = vec![false; questions];
    for event in events {
        let (kind, number) = parts(event);
        if kind == "question" {
            assert!(!std::mem::replace(&mut asked[number], true));
        } else {
            assert!(asked[number], "answer {number} before its question");
            assert!(!std::mem::replace(&mut answered[number], true));
        }
    }
    assert!(asked.iter().chain(&answered).all(|there| *there));
}

/// EE-ORDER-3: causality under load. A plugin and a process answer, others watch.
#[test]
fn answers_come_after_their_questions() {
    let (tell_own, own) = mpsc::channel();
    let handle = Builder::new()
        .plugin(PluginSpec::new("asks"), |context| {
            for number in 0..EVENTS {
                context.publish(format!("question/{number}"))?;
            }
            Ok(())
        })
        .plugin(PluginSpec::new("answers").subscribe("question/"), |context| {
            for _ in 0..EVENTS / 2 {
                let (_, number) = parts(&context.next_event()?);
                if number % 2 == 0 {
                    context.publish(format!("answer/{number}"))?;
                }
            }
            let publisher = context.publisher();
            for event in context.events().take(EVENTS - EVENTS / 2) {
                let (_, number) = parts(&event);
                if number % 2 == 0 {
                    publisher.publish(format!("answer/{number}"))?;
                }
            }
            Ok(())
        })
        .external(PluginSpec::new("answers outside").subscribe("question/"), 0)
        .plugin(PluginSpec::new("watches").subscribe(""), recorder(2 * EVENTS, tell_own))
        .external(PluginSpec::new("watches outside").subscribe(""), 0)
        .start()
        .unwrap();
    let port = |name| handle.port(name).unwrap();
    let (answers_at, watches_at) = (port("answers outside"), port("watches outside"));
    let answering = thread::spawn(move || {
        let client = Client::req(answers_at);
        for _ in 0..EVENTS {
            let (_, number) = parts(&client.next());
            if number % 2 == 1 {
                client.publish(format!("answer/{number}"));
            }
        }
        client.quit();
    });
    let client = Client::req(watches_at);
    let outside: Vec<Vec<u8>> = (0..2 * EVENTS).map(|_| client.next()).collect();
    client.quit();
    answering.join().unwrap();
    let own = told(&own);
    assert_answers_follow(&outside, EVENTS);
    assert!(own.iter().map(|(_, event)| event).eq(&outside), "two watchers, two orders");
    assert!(end(handle).is_success());
}

/// EE-ORDER-3 through the seed's sockets.
#[test]
fn answers_come_after_their_questions_in_the_seeds_api() {
    let (asks, _) = seed::internal("asks", &[], |publish, _| {
        for number in 0..EVENTS {
            publish.send(&format!("question/{number}"), 0)?;
        }
        Ok(())
    });
    let (answers, _) = seed::internal("answers", &["question/"], |publish, subscribe| {
        for _ in 0..EVENTS {
            let (_, number) = parts(&subscribe.recv_bytes(0)?);
            publish.send(&format!("answer/{number}"), 0)?;
        }
        Ok(())
    });
    let mut app = App::new(0, 0).register_plugin(asks).register_plugin(answers);
    let mut watchers = Vec::new();
    for name in ["watches", "watches too"] {
        let (tell, told) = mpsc::channel();
        watchers.push(told);
        let (watches, _) = seed::internal(name, &[""], move |_, subscribe| {
            let got: Result<Vec<Vec<u8>>, zmq::Error> =
                (0..2 * EVENTS).map(|_| subscribe.recv_bytes(0)).collect();
            let _ = tell.send(got?);
            Ok(())
        });
        app = app.register_plugin(watches);
    }
    let handle = app.start().unwrap();
    let (first, second) = (told(&watchers[0]), told(&watchers[1]));
    assert_answers_follow(&first, EVENTS);
    assert_eq!(first, second);
    assert!(end(handle).is_success());
}

/// EE-ORDER-4: a publish that waits for room is not overtaken by the next one of its connection, wherever that goes.
#[test]
fn a_parked_publish_is_not_overtaken_by_its_own_connection() {
    let one = QueueLimits { max_events: 1, ..QueueLimits::default() };
    let (handle, source) = start(
        Builder::new()
            .external(PluginSpec::new("full").subscribe("full").queue_limits(one), 0)
            .external(PluginSpec::new("roomy").subscribe("other"), 0)
            .external(PluginSpec::new("pipelines"), 0),
    );
    source.publish("full/0");
    let dealer = Client::connect(zmq::DEALER, handle.port("pipelines").unwrap());
    for event in ["full/1", "other/2", "full/3", "other/4", "plugin_command: wrong"] {
        dealer.socket.send_multipart(["", event], 0).unwrap();
    }
    let refused = || handle.ledger().plugin("pipelines").unwrap().refused;
    eventually("the engine has read all requests", || refused() == 1);
    assert_eq!(handle.ledger().accepted, 1, "{}", handle.ledger());
    let full = Client::req(handle.port("full").unwrap());
    let at_full: Vec<_> = (0..3).map(|_| full.next()).collect();
    assert_eq!(at_full, [b"full/0", b"full/1", b"full/3"]);
    let roomy = Client::req(handle.port("roomy").unwrap());
    let at_roomy: Vec<_> = (0..2).map(|_| roomy.next()).collect();
    assert_eq!(at_roomy, [b"other/2", b"other/4"]);
    for expected in [PUBLISHED, PUBLISHED, PUBLISHED, PUBLISHED, BAD_MSG] {
        assert_eq!(dealer.socket.recv_multipart(0).unwrap(), [&b""[..], expected]);
    }
    drop(source);
    full.quit();
    roomy.quit();
    dealer.socket.send_multipart(["", "plugin_command: quit"], 0).unwrap();
    for plugin in ["full", "roomy", "pipelines"] {
        let port = handle.port(plugin).unwrap();
        eventually(&format!("{plugin} has quit"), || ports::refuses(port));
    }
    assert!(end(handle).is_success());
}
