//! The session profile with our engine.

use std::collections::HashSet;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use event_engine_client::{Client, Error, Event, Profile};

use crate::peer::{lines, number, up, Peer, Random, PATIENCE};

fn session(peer: &Peer) -> Client {
    Client::options().profile(Profile::Session).connect(&peer.endpoint()).unwrap()
}

fn next(client: &Client) -> Event {
    client.next_event_timeout(PATIENCE).unwrap()
}

#[test]
fn events_and_publishes() {
    let mut engine = Peer::engine(&[]);
    let client = Client::connect(&engine.endpoint()).unwrap();
    assert_eq!(client.profile(), Profile::Session);
    engine.expect("publish 20000", "published 20000");
    for expected in 0..20_000 {
        let event = next(&client);
        assert_eq!(
            (number(&event), event.sequence(), event.redelivered()),
            (expected, Some(expected + 1), false)
        );
    }
    for id in 1..=50 {
        assert_eq!(client.publish(up(id - 1)), Ok(id));
    }
    assert_eq!(client.publish_batch((50..100_000).map(up)), Ok(100_000));
    engine.expect_collected(100_000);
    client.quit().unwrap();
    client.quit().unwrap();
    assert_eq!(engine.ended(), "ended COMPLETED");
    assert!(client.next_event().unwrap_err().is_closed());
    assert!(client.publish("up:").unwrap_err().is_closed());
    assert_eq!(client.events().count(), 0);
}

#[test]
fn sizes_from_nothing_to_the_limit() {
    let mut engine = Peer::engine(&["--subscribe", "", "--max-event-bytes", "3000000"]);
    let client = session(&engine);
    engine.expect("hex", "published 1");
    assert_eq!(&*next(&client), b"");
    // A plugin gets its own events too, as it is subscribed to everything.
    let events: Vec<Vec<u8>> = [0, 1, 65_531, 65_532, 65_533, 65_536, 65_537, 1_048_576, 0, 3_000_000, 7]
        .iter()
        .map(|bytes| vec![b'x'; *bytes])
        .collect();
    assert_eq!(client.publish_batch(&events), Ok(11));
    for event in &events {
        assert_eq!(&*next(&client), &event[..]);
    }
    let large = vec![0; 3_000_001];
    let error = client.publish_batch([&b"small"[..], &large]).unwrap_err();
    assert!(
        matches!(&error, Error::Rejected { code, unsettled: None, .. } if code == "too-large"),
        "{error}"
    );
    assert_eq!(client.publish("plugin_command: quit"), Ok(12));
    assert_eq!(&*next(&client), b"plugin_command: quit");
    client.quit().unwrap();
}

#[test]
fn time_outs_lose_nothing() {
    let mut engine = Peer::engine(&[]);
    let client = session(&engine);
    let mut random = Random(3);
    engine.tell("publish-slowly 10000 20000");
    let (mut expected, mut time_outs) = (0, 0);
    while expected < 10_000 {
        match client.next_event_timeout(Duration::from_micros(random.below(300))) {
            Ok(event) => {
                assert_eq!(number(&event), expected);
                expected += 1;
            }
            Err(error) => {
                assert!(error.is_timeout(), "{error}");
                time_outs += 1;
            }
        }
        if random.below(20) == 0 {
            let _ = client.publish_timeout(up(0), Duration::ZERO);
        }
    }
    assert!(time_outs > 0);
    assert_eq!(engine.line(), "published 10000");
    assert_eq!(client.try_next_event(), Ok(None));
    client.quit().unwrap();
}

#[test]
fn a_hundred_thousand_each_way_through_a_proxy_that_cuts() {
    const EVENTS: u64 = 100_000;
    let mut engine = Peer::engine(&[]);
    let seed = std::env::var("TEST_SEED").unwrap_or("7".into());
    let mut proxy =
        Peer::proxy(&engine, &["--seed", &seed, "--cut-after-bytes", "100000", "--delay-ms", "3"]);
    proxy.expect("faults off", "faults off");
    let client = session(&proxy);
    proxy.expect("faults on", "faults on");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut from = 0;
            let mut random = Random(4);
            while from < EVENTS {
                let to = (from + 1 + random.below(2000)).min(EVENTS);
                assert_eq!(client.publish_batch((from..to).map(up)), Ok(to));
                from = to;
            }
        });
        engine.tell(&format!("batch {EVENTS} 40"));
        for expected in 0..EVENTS {
            let event = next(&client);
            assert_eq!((number(&event), event.redelivered()), (expected, false));
        }
    });
    assert_eq!(engine.line(), format!("published {EVENTS}"));
    proxy.expect("faults off", "faults off");
    engine.expect_collected(EVENTS);
    let stats = proxy.ask("stats");
    let cuts: u64 = stats.split(' ').nth(5).unwrap().parse().unwrap();
    // By the bytes alone, 32 are to be expected.
    assert!(cuts > 3, "{stats}");
    client.quit().unwrap();
    assert_eq!(engine.ended(), "ended COMPLETED");
}

#[test]
fn threads_share_a_client() {
    const EVENTS: u64 = 20_000;
    let mut engine = Peer::engine(&[]);
    let client = session(&engine);
    let received = AtomicU64::new(0);
    let done = AtomicBool::new(false);
    let mut seen = Vec::new();
    std::thread::scope(|scope| {
        let consumers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut numbers = Vec::new();
                    while !done.load(Ordering::Relaxed) {
                        match client.next_event_timeout(Duration::from_millis(50)) {
                            Ok(event) => {
                                numbers.push(number(&event));
                                received.fetch_add(1, Ordering::Relaxed);
                            }
                            Err(error) => assert!(error.is_timeout(), "{error}"),
                        }
                    }
                    numbers
                })
            })
            .collect();
        let publishers: Vec<_> = ["a", "b", "c"]
            .map(|name| {
                let client = &client;
                scope.spawn(move || {
                    for number in 0..1000 {
                        client.publish(format!("up:{name}:{number:08}")).unwrap();
                    }
                })
            })
            .into();
        engine.tell(&format!("publish {EVENTS}"));
        for publisher in publishers {
            publisher.join().unwrap();
        }
        let begun = Instant::now();
        while received.load(Ordering::Relaxed) < EVENTS {
            assert!(begun.elapsed() < PATIENCE);
            std::thread::yield_now();
        }
        done.store(true, Ordering::Relaxed);
        for consumer in consumers {
            let numbers = consumer.join().unwrap();
            assert!(numbers.is_sorted(), "each thread sees the order");
            seen.extend(numbers);
        }
    });
    seen.sort_unstable();
    assert_eq!(seen, (0..EVENTS).collect::<Vec<_>>());
    assert_eq!(engine.line(), format!("published {EVENTS}"));
    let collected = engine.ask("collected-wait 3000 30000");
    assert!(collected.starts_with("collected 3000 distinct 3000 in_order true"), "{collected}");
    client.quit().unwrap();
}

#[test]
fn publishing_does_not_wait_for_a_thread_that_waits_for_events() {
    let mut engine = Peer::engine(&[]);
    let client = session(&engine);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| number(&next(&client)));
        for id in 1..=200 {
            assert_eq!(client.publish(up(id - 1)), Ok(id));
        }
        engine.expect_collected(200);
        engine.expect("publish 1", "published 1");
        assert_eq!(waiting.join().unwrap(), 0);
    });
}

#[test]
fn closing_ends_the_calls_of_other_threads() {
    let engine = Peer::engine(&[]);
    let client = session(&engine);
    std::thread::scope(|scope| {
        let waiting: Vec<_> = (0..3).map(|_| scope.spawn(|| client.next_event().unwrap_err())).collect();
        client.close();
        for error in waiting {
            assert!(error.join().unwrap().is_closed());
        }
    });
    client.close();
    assert!(client.quit().unwrap_err().is_closed());
}

#[test]
fn stop_drains_and_ends_the_iteration() {
    let mut engine = Peer::engine(&["--stop-within-ms", "30000"]);
    let client = session(&engine);
    engine.expect("publish 3000", "published 3000");
    engine.expect("stop", "stopping");
    let mut expected = 0;
    for event in client.events() {
        assert_eq!(number(&event.unwrap()), expected);
        expected += 1;
    }
    assert_eq!(expected, 3000);
    let error = client.next_event().unwrap_err();
    assert!(error.is_closed() && error.to_string().contains("stopping"), "{error}");
    assert_eq!(client.publish(up(0)), Ok(1)); // still accepted; the engine's own plugin has gone already
    client.quit().unwrap();
    let ended = engine.ended();
    assert!(["ended COMPLETED", "ended STOPPED"].contains(&ended.as_str()), "{ended}");
}

#[test]
fn a_source_sees_stop() {
    let mut engine = Peer::engine(&["--stop-within-ms", "30000"]);
    let client = session(&engine);
    let bound = Instant::now() + PATIENCE;
    let mut published = 0;
    while !client.stopping() {
        published = client.publish(up(published)).unwrap();
        if published == 100 {
            engine.expect("stop", "stopping");
        }
        assert!(Instant::now() < bound, "it does not see that the application is ending");
    }
    assert!(published >= 100);
    assert_eq!(client.publish(up(published)), Ok(published + 1));
    client.quit().unwrap();
    assert!(client.stopping());
    assert!(engine.ended().starts_with("ended"));
}

#[test]
fn stop_is_seen_beside_a_thread_that_waits_for_events() {
    let mut engine = Peer::engine(&["--stop-within-ms", "30000"]);
    let client = session(&engine);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| client.events().map(Result::unwrap).count());
        assert!(!client.stopping());
        engine.expect("publish 10", "published 10");
        engine.expect("stop", "stopping");
        let bound = Instant::now() + PATIENCE;
        while !client.stopping() {
            assert!(Instant::now() < bound, "it does not see that the application is ending");
        }
        assert_eq!(waiting.join().unwrap(), 10);
    });
    client.quit().unwrap();
}

#[test]
fn an_engine_that_was_restarted_does_not_know_the_session() {
    let engine = Peer::engine(&[]);
    let port = engine.port().to_string();
    let client = session(&engine);
    assert_eq!(client.publish(up(0)), Ok(1));
    drop(engine);
    // The engine is gone: this one is in flight for ever.
    assert!(client.publish_timeout(up(1), Duration::from_millis(300)).unwrap_err().is_timeout());
    let mut engine = Peer::engine(&["--port", &port]);
    let error = client.next_event_timeout(PATIENCE).unwrap_err();
    assert!(error.is_closed(), "{error}");
    assert_eq!(error.unsettled(), Some(2..=2));
    let error = client.publish(up(2)).unwrap_err();
    assert_eq!((error.is_closed(), error.unsettled()), (true, Some(2..=2)));
    engine.expect("collected", "collected 0 distinct 0 in_order true last -");
}

#[test]
fn an_engine_that_stays_away_ends_the_session_after_its_grace() {
    let engine = Peer::engine(&["--grace-ms", "300"]);
    let client = session(&engine);
    drop(engine);
    let error = client.next_event_timeout(PATIENCE).unwrap_err();
    assert!(error.is_closed() && error.to_string().contains("not found again"), "{error}");
}

#[test]
fn a_client_that_closes_leaves_its_events_to_the_next() {
    let mut engine = Peer::engine(&[]);
    let client = session(&engine);
    engine.expect("publish 10", "published 10");
    for expected in 0..4 {
        assert_eq!(number(&next(&client)), expected);
    }
    drop(client);
    let client = session(&engine);
    // Number 3 was returned last and is not handled. The others are acknowledged on closing.
    for expected in 3..10 {
        let event = next(&client);
        assert_eq!((number(&event), event.redelivered()), (expected, true));
    }
    engine.expect("publish 1", "published 1");
    let event = next(&client);
    assert_eq!((number(&event), event.redelivered()), (10, false));
    client.quit().unwrap();
    assert_eq!(engine.ended(), "ended COMPLETED");
}

#[test]
fn replicas_share_the_work_and_the_last_quit_ends_the_plugin() {
    let mut engine = Peer::engine(&["--replicas", "2"]);
    let connect = || Client::options().receive_window(10).connect(&engine.endpoint()).unwrap();
    let clients = [connect(), connect()];
    engine.expect("publish 1000", "published 1000");
    let mut seen = Vec::new();
    while seen.len() < 1000 {
        for client in &clients {
            if let Ok(event) = client.next_event_timeout(Duration::from_millis(1)) {
                assert!(!event.redelivered());
                seen.push(number(&event));
            }
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..1000).collect::<Vec<_>>());
    let [first, second] = clients;
    first.quit().unwrap();
    engine.expect("wait 100", "running");
    engine.expect("publish 3", "published 3");
    for expected in 1000..1003 {
        assert_eq!(number(&next(&second)), expected);
    }
    second.quit().unwrap();
    assert_eq!(engine.ended(), "ended COMPLETED");
}

#[test]
fn quitting_an_engine_that_has_gone_succeeds_if_nothing_is_unsettled() {
    let engine = Peer::engine(&[]);
    let options = Client::options().quit_timeout(Duration::from_millis(500));
    let client = options.connect(&engine.endpoint()).unwrap();
    drop(engine);
    client.quit().unwrap();

    let engine = Peer::engine(&[]);
    let client = options.connect(&engine.endpoint()).unwrap();
    drop(engine);
    assert!(client.publish_timeout(up(0), Duration::from_millis(50)).unwrap_err().is_timeout());
    let error = client.quit().unwrap_err();
    assert_eq!((error.is_closed(), error.unsettled()), (true, Some(1..=1)), "{error}");
}

#[test]
fn an_engine_without_room_delays_a_publish_and_nothing_else() {
    let mut engine = Peer::engine(&["--subscribe", "loop:", "--queue-events", "10"]);
    let client = Client::options().receive_window(1).connect(&engine.endpoint()).unwrap();
    // The client's own queue fills up: the engine takes what a cycle may have, or parks; no call hangs for it.
    let events: Vec<String> = (0..200).map(|number| format!("loop:{number}")).collect();
    let late = client.publish_batch_timeout(&events, Duration::from_millis(100));
    assert!(late.is_ok() || late.unwrap_err().is_timeout());
    for expected in &events {
        assert_eq!(&*next(&client), expected.as_bytes());
    }
    assert_eq!(client.publish("up:00000000"), Ok(201));
    engine.expect_collected(1);
    client.quit().unwrap();
}

/// Not a test of its own: the process that the tests below start and harm. It prints what it gets.
#[test]
fn child() {
    let Ok(endpoint) = std::env::var("TEST_CHILD_ENDPOINT") else { return };
    println!(); // ends the line that the test harness has begun
    let client = Client::connect(&endpoint).unwrap();
    match std::env::var("TEST_CHILD_PUBLISHES").as_deref() {
        Ok("and exits") => {
            client.publish_batch((0..1000).map(up)).unwrap();
            std::process::exit(0); // without any destructor
        }
        Ok(_) => {
            client.publish_batch((0..1000).map(up)).unwrap();
            return;
        }
        Err(_) => {}
    }
    for event in client.events() {
        let event = event.unwrap();
        println!("child {} {}", number(&event), event.redelivered());
    }
}

struct TestChild {
    process: Child,
    lines: Receiver<String>,
}

impl TestChild {
    fn start(endpoint: &str, publishes: Option<&str>) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "session::child", "--nocapture", "--test-threads=1"]);
        command.env("TEST_CHILD_ENDPOINT", endpoint).stdout(Stdio::piped());
        if let Some(and_then) = publishes {
            command.env("TEST_CHILD_PUBLISHES", and_then);
        }
        let mut process = command.spawn().unwrap();
        let lines = lines(&mut process);
        TestChild { process, lines }
    }

    /// Number of the next event, and whether it is marked as redelivered; `None` when the process has ended.
    fn next(&self) -> Option<(u64, bool)> {
        loop {
            let line = match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => line,
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => panic!("the child prints nothing"),
            };
            if let Some((number, again)) = line.strip_prefix("child ").and_then(|line| line.split_once(' ')) {
                return Some((number.parse().unwrap(), again == "true"));
            }
        }
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.process.id().to_string()]).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for TestChild {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_killed_process_loses_nothing() {
    const EVENTS: u64 = 5000;
    let mut engine = Peer::engine(&[]);
    engine.tell(&format!("publish-slowly {EVENTS} 5000"));
    let mut random = Random(5);
    let mut seen = HashSet::new();
    let mut redelivered = 0;
    for kills in 0.. {
        let mut child = TestChild::start(&engine.endpoint(), None);
        let kill_after = if kills < 5 { 1 + random.below(700) } else { u64::MAX };
        let mut got = 0;
        while (seen.len() as u64) < EVENTS {
            if got == kill_after {
                child.process.kill().unwrap(); // SIGKILL; what it has printed is still read
            }
            let Some((number, again)) = child.next() else { break };
            assert!(again || !seen.contains(&number), "{number} came twice and is not marked");
            redelivered += u64::from(again);
            seen.insert(number);
            got += 1;
        }
        if seen.len() as u64 == EVENTS {
            break;
        }
    }
    assert!(redelivered > 0);
    assert_eq!(seen, (0..EVENTS).collect());
}

#[test]
fn a_process_may_end_as_soon_as_publish_has_returned() {
    for and_then in ["and exits", "and returns"] {
        let mut engine = Peer::engine(&[]);
        let begun = Instant::now();
        let mut child = TestChild::start(&engine.endpoint(), Some(and_then));
        assert!(child.process.wait().unwrap().success());
        assert!(begun.elapsed() < Duration::from_secs(10), "nothing to linger for");
        engine.expect_collected(1000);
    }
}

#[test]
fn a_process_suspended_for_longer_than_the_heartbeat_goes_on() {
    let mut engine = Peer::engine(&["--heartbeat-ms", "200"]);
    let child = TestChild::start(&engine.endpoint(), None);
    engine.expect("publish 10", "published 10");
    for expected in 0..10 {
        assert_eq!(child.next(), Some((expected, false)));
    }
    child.signal("-STOP");
    engine.expect("publish 10", "published 10");
    // Waiting is what is tested: for longer than the heartbeat's interval and time-out the process does not answer.
    engine.expect("other-wait 1 1000", "other 0");
    child.signal("-CONT");
    for expected in 10..20 {
        assert_eq!(child.next(), Some((expected, false)));
    }
}

#[test]
fn misuse_is_told_at_once() {
    for bad in ["", "127.0.0.1:6000", "ipc:///tmp/x", "tcp://127.0.0.1", "tcp://127.0.0.1:port"] {
        let error = Client::connect(bad).unwrap_err();
        assert!(matches!(&error, Error::Rejected { code, .. } if code == "bad-param"), "{error}");
    }
}

#[test]
fn nobody_listening_is_a_time_out_that_says_so() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let begun = Instant::now();
    let options = Client::options().timeout(Duration::from_millis(300));
    let error = options.connect(&format!("tcp://{unused}")).unwrap_err();
    assert!(error.is_timeout() && error.to_string().contains("no engine answers"), "{error}");
    assert!(begun.elapsed() >= Duration::from_millis(300) && begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn an_unknown_host_is_told_when_the_time_is_up() {
    let options = Client::options().timeout(Duration::from_millis(300));
    let error = options.connect("tcp://no-such-host.invalid:6000").unwrap_err();
    assert!(matches!(error, Error::Transport { .. }), "{error}");
}

#[test]
fn a_port_that_never_answers_is_a_time_out() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let options = Client::options().timeout(Duration::from_millis(300));
    let error = options.connect(&format!("tcp://{}", silent.local_addr().unwrap())).unwrap_err();
    assert!(error.is_timeout(), "{error}");
}

#[test]
fn a_peer_that_is_no_engine_is_recognised() {
    use std::io::Write;
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", other.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in other.incoming() {
            let _ = stream.unwrap().write_all(&[b'H'; 64]);
        }
    });
    let error = Client::connect(&endpoint).unwrap_err();
    assert!(matches!(error, Error::Protocol { .. }), "{error}");
}

#[test]
fn connecting_waits_for_the_start_barrier_and_says_so() {
    let engine = Peer::engine(&["--wait-for-external-ms", "60000", "--replicas", "2"]);
    let options = Client::options().timeout(Duration::from_millis(500));
    match options.connect(&engine.endpoint()) {
        Ok(_) => {} // one replica is enough for this engine's barrier
        Err(error) => assert!(error.to_string().contains("waits for other plugins"), "{error}"),
    }
}

#[test]
fn an_engine_that_comes_late_is_found() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let connecting = std::thread::spawn(move || Client::connect(&format!("tcp://localhost:{port}")));
    let engine = Peer::engine(&["--port", &port.to_string()]);
    let client = connecting.join().unwrap().unwrap();
    client.quit().unwrap();
    drop(engine);
}
