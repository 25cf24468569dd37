//! The client of tasks.

use std::sync::Arc;
use std::time::Duration;

use event_engine_client::tokio::Client;
use event_engine_client::{Options, Profile};
use tokio::time::timeout;

use crate::peer::{number, up, Peer, Random, PATIENCE};

/// Runs a test on a runtime of its own, within a bound.
fn run(test: impl std::future::Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async { timeout(PATIENCE, test).await.expect("the test takes too long") });
}

#[test]
fn events_and_publishes() {
    run(async {
        let mut engine = Peer::engine(&[]);
        let client = Client::connect(&engine.endpoint()).await.unwrap();
        engine.tell("batch 100000 100");
        for expected in 0..100_000 {
            let event = client.next_event().await.unwrap();
            assert_eq!((number(&event), event.sequence()), (expected, Some(expected + 1)));
        }
        assert_eq!(engine.line(), "published 100000");
        assert_eq!(client.try_next_event().await, Ok(None));
        assert_eq!(client.publish(up(0)).await, Ok(1));
        assert_eq!(client.publish_batch((1..100_000).map(up)).await, Ok(100_000));
        engine.expect_collected(100_000);
        client.quit().await.unwrap();
        client.quit().await.unwrap();
        assert_eq!(engine.ended(), "ended COMPLETED");
        assert_eq!(client.next().await, Ok(None));
        assert!(client.publish(up(1)).await.unwrap_err().is_closed());
    });
}

/// Cancels at random moments while 10,000 events flow.
async fn cancel(profile: Profile) {
    let mut engine = Peer::engine(&[]);
    let options = Options::default().profile(profile);
    let client = Client::connect_with(&options, &engine.endpoint()).await.unwrap();
    let mut random = Random(11);
    engine.tell("publish-slowly 10000 20000");
    let (mut expected, mut cancelled) = (0, 0);
    while expected < 10_000 {
        tokio::select! {
            biased;
            event = client.next_event() => {
                assert_eq!(number(&event.unwrap()), expected);
                expected += 1;
            }
            () = yield_times(random.below(4)) => cancelled += 1,
            _ = timeout(Duration::from_micros(random.below(200)), client.publish(up(0))), if random.below(20) == 0 => {}
        }
    }
    assert!(cancelled > 0);
    assert_eq!(engine.line(), "published 10000");
    client.quit().await.unwrap();
}

async fn yield_times(times: u64) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

#[test]
fn cancelling_loses_nothing_in_a_session() {
    run(cancel(Profile::Session));
}

#[test]
fn cancelling_loses_nothing_in_basic() {
    run(cancel(Profile::Basic));
}

#[test]
fn twenty_thousand_each_way_through_a_proxy_that_cuts() {
    const EVENTS: u64 = 20_000;
    run(async {
        let mut engine = Peer::engine(&[]);
        let mut proxy =
            Peer::proxy(&engine, &["--seed", "5", "--cut-after-bytes", "100000", "--delay-ms", "3"]);
        proxy.expect("faults off", "faults off");
        let client = Arc::new(Client::connect(&proxy.endpoint()).await.unwrap());
        proxy.expect("faults on", "faults on");
        let publisher = tokio::spawn({
            let client = client.clone();
            async move {
                for chunk in 0..EVENTS / 100 {
                    client.publish_batch((chunk * 100..(chunk + 1) * 100).map(up)).await.unwrap();
                }
            }
        });
        engine.tell(&format!("batch {EVENTS} 40"));
        for expected in 0..EVENTS {
            let event = client.next_event().await.unwrap();
            assert_eq!((number(&event), event.redelivered()), (expected, false));
        }
        publisher.await.unwrap();
        assert_eq!(engine.line(), format!("published {EVENTS}"));
        proxy.expect("faults off", "faults off");
        engine.expect_collected(EVENTS);
        client.quit().await.unwrap();
    });
}

#[test]
fn tasks_share_a_client() {
    run(async {
        let mut engine = Peer::engine(&[]);
        let client = Arc::new(Client::connect(&engine.endpoint()).await.unwrap());
        let waiting = tokio::spawn({
            let client = client.clone();
            async move { number(&client.next_event().await.unwrap()) }
        });
        let publishers: Vec<_> = ["a", "b", "c", "d"]
            .map(|name| {
                let client = client.clone();
                tokio::spawn(async move {
                    for number in 0..500 {
                        client.publish(format!("up:{name}:{number:08}")).await.unwrap();
                    }
                })
            })
            .into();
        for publisher in publishers {
            publisher.await.unwrap();
        }
        let collected = engine.ask("collected-wait 2000 30000");
        assert!(collected.starts_with("collected 2000 distinct 2000 in_order true"), "{collected}");
        engine.expect("publish 1", "published 1");
        assert_eq!(waiting.await.unwrap(), 0);
        client.quit().await.unwrap();
    });
}

#[test]
fn stop_ends_the_iteration() {
    run(async {
        let mut engine = Peer::engine(&["--stop-within-ms", "30000"]);
        let client = Client::connect(&engine.endpoint()).await.unwrap();
        engine.expect("publish 100", "published 100");
        engine.expect("stop", "stopping");
        let mut count = 0;
        while let Some(event) = client.next().await.unwrap() {
            assert_eq!(number(&event), count);
            count += 1;
        }
        assert_eq!(count, 100);
        client.quit().await.unwrap();
    });
}

#[test]
fn a_source_sees_stop() {
    run(async {
        let mut engine = Peer::engine(&["--stop-within-ms", "30000"]);
        let client = Client::connect(&engine.endpoint()).await.unwrap();
        let mut published = 0;
        while !client.stopping() {
            published = client.publish(up(published)).await.unwrap();
            if published == 100 {
                engine.expect("stop", "stopping");
            }
        }
        assert!(published >= 100);
        assert_eq!(client.publish(up(published)).await, Ok(published + 1));
        client.quit().await.unwrap();
        assert!(client.stopping());
        assert!(engine.ended().starts_with("ended"));
    });
}

#[test]
fn stop_is_seen_beside_a_task_that_waits_for_events() {
    run(async {
        let mut engine = Peer::engine(&["--stop-within-ms", "30000"]);
        let client = Arc::new(Client::connect(&engine.endpoint()).await.unwrap());
        let reader = client.clone();
        let waiting = tokio::spawn(async move { reader.next_event().await });
        assert!(!client.stopping());
        engine.expect("stop", "stopping");
        while !client.stopping() {
            tokio::task::yield_now().await;
        }
        assert!(waiting.await.unwrap().unwrap_err().is_closed());
        client.quit().await.unwrap();
    });
}

#[test]
fn a_closed_client_leaves_its_events() {
    run(async {
        let mut engine = Peer::engine(&[]);
        let client = Client::connect(&engine.endpoint()).await.unwrap();
        engine.expect("publish 2", "published 2");
        assert_eq!(number(&client.next_event().await.unwrap()), 0);
        client.close().await;
        assert!(client.next_event().await.unwrap_err().is_closed());
        let client = Client::connect(&engine.endpoint()).await.unwrap();
        let event = client.next_event().await.unwrap();
        assert_eq!((number(&event), event.redelivered()), (0, true));
    });
}
