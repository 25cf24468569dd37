//! The basic profile, with both engines.

use std::time::{Duration, Instant};

use event_engine_client::{Client, Error, Profile};

use crate::peer::{number, up, Peer, Random, PATIENCE};

fn basic(peer: &Peer) -> Client {
    Client::options().profile(Profile::Basic).connect(&peer.endpoint()).unwrap()
}

#[test]
fn events_and_publishes_with_our_engine() {
    let mut engine = Peer::engine(&[]);
    let client = basic(&engine);
    assert_eq!(client.profile(), Profile::Basic);
    engine.expect("publish 100", "published 100");
    for expected in 0..100 {
        let event = client.next_event_timeout(PATIENCE).unwrap();
        assert_eq!((number(&event), event.sequence(), event.redelivered()), (expected, None, false));
    }
    for id in 1..=50 {
        assert_eq!(client.publish(up(id - 1)), Ok(id));
    }
    assert_eq!(client.publish_batch((50..5000).map(up)), Ok(5000));
    engine.expect_collected(5000);
    client.quit().unwrap();
    client.quit().unwrap();
    assert_eq!(engine.ended(), "ended COMPLETED");
    assert!(client.next_event().unwrap_err().is_closed());
    assert!(client.publish("up:").unwrap_err().is_closed());
}

#[test]
fn time_outs_lose_nothing() {
    let mut engine = Peer::engine(&[]);
    let client = basic(&engine);
    let mut random = Random(1);
    engine.tell("publish-slowly 2000 2000");
    let mut next = 0;
    let mut time_outs = 0;
    while next < 2000 {
        match client.next_event_timeout(Duration::from_micros(random.below(1500))) {
            Ok(event) => {
                assert_eq!(number(&event), next);
                next += 1;
            }
            Err(error) => {
                assert!(error.is_timeout(), "{error}");
                time_outs += 1;
            }
        }
    }
    assert!(time_outs > 0);
    assert_eq!(engine.line(), "published 2000");
}

#[test]
fn an_owed_request_does_not_hinder_publishing_or_quitting() {
    let mut engine = Peer::engine(&[]);
    let client = basic(&engine);
    assert!(client.next_event_timeout(Duration::ZERO).unwrap_err().is_timeout());
    assert_eq!(client.publish(up(0)), Ok(1));
    engine.expect_collected(1);
    engine.expect("publish 1", "published 1");
    assert_eq!(number(&client.next_event_timeout(PATIENCE).unwrap()), 0);
    assert!(client.next_event_timeout(Duration::ZERO).unwrap_err().is_timeout());
    client.quit().unwrap();
    assert_eq!(engine.ended(), "ended COMPLETED");
    engine.expect("other", "other 0");
}

#[test]
fn quitting_while_an_event_is_owed_is_heard() {
    let mut engine = Peer::engine(&[]);
    let client = basic(&engine);
    assert!(client.next_event_timeout(Duration::ZERO).unwrap_err().is_timeout());
    client.quit().unwrap(); // by a connection that is opened for it
    assert_eq!(engine.ended(), "ended COMPLETED");
}

#[test]
fn the_reserved_prefix_is_refused_before_it_is_sent() {
    let engine = Peer::engine(&[]);
    let client = basic(&engine);
    let error = client.publish_batch(["up:00000000", "plugin_command: hello"]).unwrap_err();
    assert!(matches!(&error, Error::Rejected { code, .. } if code == "bad-command"), "{error}");
    assert_eq!(client.publish(up(0)), Ok(1));
}

#[test]
fn a_refused_publish_is_named() {
    let mut engine = Peer::engine(&["--max-event-bytes", "100"]);
    let client = basic(&engine);
    let events: Vec<Vec<u8>> = vec![up(0).into(), vec![b'x'; 101], up(1).into()];
    let error = client.publish_batch(&events).unwrap_err();
    assert!(matches!(&error, Error::Rejected { code, .. } if code == "bad-msg"), "{error}");
    assert_eq!(error.unsettled(), Some(2..=2));
    engine.expect_collected(2);
    assert_eq!(client.publish(up(2)), Ok(4));
}

#[test]
fn an_owed_event_comes_over_the_next_connection() {
    let mut engine = Peer::engine(&[]);
    let mut proxy = Peer::proxy(&engine, &[]);
    let client = basic(&proxy);
    let begun = Instant::now();
    for expected in 0..20 {
        assert!(client.next_event_timeout(Duration::ZERO).unwrap_err().is_timeout());
        let connections = |proxy: &mut Peer| -> u64 {
            let stats = proxy.ask("stats");
            stats.split(' ').nth(1).unwrap().parse().unwrap()
        };
        let before = connections(&mut proxy);
        proxy.ask("cut");
        // An event for a connection whose end the engine has not heard of yet is lost in this profile.
        while connections(&mut proxy) == before {
            assert!(client.next_event_timeout(Duration::from_millis(5)).unwrap_err().is_timeout());
            assert!(begun.elapsed() < PATIENCE);
        }
        engine.expect("publish 1", "published 1");
        assert_eq!(number(&client.next_event_timeout(PATIENCE).unwrap()), expected);
    }
}

#[test]
fn a_publish_whose_connection_broke_has_an_unknown_outcome() {
    let mut engine = Peer::engine(&[]);
    let mut proxy = Peer::proxy(&engine, &[]);
    let client = basic(&proxy);
    assert_eq!(client.publish(up(0)), Ok(1));
    proxy.expect("pause", "paused");
    assert!(client.publish_timeout(up(1), Duration::from_millis(20)).unwrap_err().is_timeout());
    proxy.ask("cut");
    proxy.expect("resume", "resumed");
    // Whoever publishes next is told, before anything of it is sent; it may take until the break is seen.
    let error = client.publish(up(2)).unwrap_err();
    assert!(matches!(error, Error::Transport { .. }), "{error}");
    assert!(error.unsettled().unwrap().contains(&2), "{error}");
    let again = client.publish(up(2)).unwrap();
    assert!(again > 2);
    let other = engine.ask("collected-wait 2 10000");
    assert!(other.ends_with("last 2"), "{other}");
}

#[test]
fn an_engine_that_is_gone_ends_the_client_after_the_connect_time_out() {
    let engine = Peer::engine(&[]);
    let client = Client::options()
        .profile(Profile::Basic)
        .timeout(Duration::from_millis(500))
        .connect(&engine.endpoint())
        .unwrap();
    drop(engine);
    let begun = Instant::now();
    let error = client.next_event().unwrap_err();
    assert!(error.is_closed() && error.to_string().contains("gone"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn quit_is_out_when_it_returns() {
    for _ in 0..20 {
        let mut engine = Peer::engine(&[]);
        let client = basic(&engine);
        client.quit().unwrap();
        std::mem::forget(client); // as a process that exits without running destructors
        assert_eq!(engine.ended(), "ended COMPLETED");
    }
}

#[test]
fn the_ancestor_is_recognised_and_gets_nothing_but_what_was_published() {
    let mut engine = Peer::ancestor();
    let client = Client::connect(&engine.endpoint()).unwrap();
    // What is published just after its start may reach nobody.
    let mut ready = 0;
    loop {
        ready += 1;
        client.publish(up(0)).unwrap();
        if engine.ask("collected-wait 1 50") != "collected 0 distinct 0 in_order true last -" {
            break;
        }
        assert!(ready < 1000);
    }
    let mut random = Random(2);
    let mut time_outs = 0;
    for round in 0..300 {
        let first = random.below(2) == 0;
        if first && client.next_event_timeout(Duration::from_micros(random.below(300))).is_err() {
            time_outs += 1;
        }
        engine.expect("publish 1", "published 1");
        if !first || time_outs > 0 {
            assert_eq!(number(&client.next_event_timeout(PATIENCE).unwrap()), round, "{round}");
            time_outs = 0;
        }
    }
    assert_eq!(client.publish_batch((1..100).map(up)), Ok(ready + 99));
    let collected = engine.ask("collected-wait 100 30000");
    assert!(collected.contains("distinct 100 ") && collected.ends_with("last 99"), "{collected}");
    engine.expect("other", "other 0");
    client.quit().unwrap();
    assert_eq!(engine.ended(), "ended COMPLETED");
}

#[test]
fn a_session_cannot_be_forced_on_the_ancestor() {
    let engine = Peer::ancestor();
    let error = Client::options().profile(Profile::Session).connect(&engine.endpoint()).unwrap_err();
    assert!(matches!(error, Error::Protocol { .. }), "{error}");
}

#[test]
fn nobody_says_that_the_application_is_ending() {
    let engine = Peer::engine(&[]);
    let client = basic(&engine);
    assert!(!client.stopping());
    assert_eq!(client.publish(up(0)), Ok(1));
    assert!(!client.stopping());
    client.quit().unwrap();
    assert!(client.stopping());
}
