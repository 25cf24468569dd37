//! The engine's own API: contexts, publishers, the handle and its report.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{mpsc, Arc};
use std::thread;
use std::time::{Duration, Instant};

use event_engine::{BoxError, Builder, Context, Error, InternalPlugin, Outcome, PluginSpec, QueueLimits};

use crate::support::client::Client;
use crate::support::{end, eventually, observer, start, told, within, SOON};

fn number(event: &[u8]) -> u64 {
    std::str::from_utf8(event).unwrap().rsplit('/').next().unwrap().parse().unwrap()
}

/// EE-DELIVERY-1: time-outs so short that most calls end without an event.
#[test]
fn time_outs_lose_nothing() {
    const EVENTS: u64 = 10_000;
    let mut builder = Builder::new();
    for reader in 0..3u64 {
        builder =
            builder.plugin(PluginSpec::new(format!("reader {reader}")).subscribe("n/"), move |context| {
                let (mut next, mut dice) = (0, reader + 1);
                while next < EVENTS {
                    dice =
                        dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    match context.next_event_timeout(Duration::from_nanos((dice >> 33) % 200_000)) {
                        Ok(event) => {
                            assert_eq!(number(&event), next);
                            next += 1;
                        }
                        Err(Error::Timeout) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                assert!(!context.stopping());
                assert_eq!(context.next_event_timeout(Duration::ZERO).unwrap_err(), Error::Timeout);
                Ok(())
            });
    }
    let (handle, source) = start(builder);
    for event in 0..EVENTS {
        source.publish(format!("n/{event}"));
        if event % 16 == 0 {
            thread::yield_now();
        }
    }
    drop(source);
    let report = end(handle);
    assert!(report.is_success() && report.ledger.balances(), "{report}");
    assert!(report.ledger.plugins.iter().all(|plugin| plugin.discarded == 0), "{report}");
}

/// EE-LIFE-10: what is queued is delivered, then contexts say that it is over.
#[test]
fn stop_drains_the_queues() {
    const EVENTS: usize = 1_000;
    let (go, gate) = mpsc::channel::<()>();
    let (tell, ended) = mpsc::channel();
    let (handle, source) = start(
        Builder::new()
            .plugin(PluginSpec::new("iterates").subscribe("n/"), move |context| {
                gate.recv()?;
                let got = context.events().map(|event| number(&event)).collect::<Vec<_>>();
                assert!(context.stopping());
                assert_eq!(context.next_event().unwrap_err(), Error::Closed);
                assert_eq!(context.next_event_timeout(SOON).unwrap_err(), Error::Closed);
                tell.send(got)?;
                Ok(())
            })
            .plugin(PluginSpec::new("waits").subscribe("never/"), |context| {
                // An error of the ending application is no failure of the plugin.
                Err(context.next_event().unwrap_err().into())
            }),
    );
    for event in 0..EVENTS {
        source.publish(format!("n/{event}"));
    }
    handle.stop();
    go.send(()).unwrap();
    drop(source);
    assert!(told(&ended).into_iter().eq(0..EVENTS as u64));
    let report = end(handle);
    assert!(report.is_success(), "{report}");
    assert_eq!(report.outcome("iterates"), Some(&Outcome::Completed));
    assert_eq!(report.outcome("waits"), Some(&Outcome::Stopped));
    assert_eq!(report.ledger.plugin("iterates").unwrap().delivered, EVENTS as u64);
}

/// EE-LIFE-11: a plugin that does not end is named, and held up nothing for longer than the deadline.
#[test]
fn stop_names_what_did_not_end() {
    let (release, held) = mpsc::channel::<()>();
    let (tell, ended) = mpsc::channel();
    let one = QueueLimits { max_events: 1, ..QueueLimits::default() };
    let handle = Builder::new()
        .stop_within(Duration::from_millis(300))
        .plugin(PluginSpec::new("stuck").subscribe("x").queue_limits(one), move |_| {
            let _ = held.recv();
            Ok(())
        })
        .plugin(PluginSpec::new("publishes"), move |context| {
            context.publish("x0")?;
            // Waits for room until the application ends.
            tell.send(context.publish("x1"))?;
            Ok(())
        })
        .external(PluginSpec::new("nobody comes"), 0)
        .bus(0, 0)
        .start()
        .unwrap();
    eventually("a publish waits", || handle.ledger().parked == 1);
    let start = Instant::now();
    handle.stop();
    let report = end(handle);
    assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_millis(300) + Duration::from_secs(4), "{:?}", start.elapsed());
    assert_eq!(told(&ended), Err(Error::Closed));
    assert!(!report.is_success());
    assert_eq!(report.outcome("stuck"), Some(&Outcome::Unfinished));
    assert_eq!(report.outcome("publishes"), Some(&Outcome::Completed));
    assert_eq!(report.outcome("nobody comes"), Some(&Outcome::Stopped));
    assert!(report.to_string().contains("stuck: still running"), "{report}");
    release.send(()).unwrap();
}

/// EE-LIFE-10
#[test]
fn dropping_the_handle_stops_the_application() {
    let ended = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&ended);
    let handle = Builder::new()
        .plugin(PluginSpec::new("waits"), move |context| {
            assert_eq!(context.next_event().unwrap_err(), Error::Closed);
            flag.store(true, Ordering::SeqCst);
            Ok(())
        })
        .start()
        .unwrap();
    within(SOON, "the drop", move || drop(handle));
    assert!(ended.load(Ordering::SeqCst));
}

/// EE-LIMIT-1: the error names both sizes, and nothing is published.
#[test]
fn own_api_refuses_too_large_events() {
    let (events, run) = observer();
    let handle = Builder::new()
        .max_event_bytes(10)
        .plugin(PluginSpec::new("sees").subscribe(""), run)
        .plugin(PluginSpec::new("publishes"), |context| {
            let too_large = Err(Error::TooLarge { bytes: 11, max_bytes: 10 });
            assert_eq!(context.publish("12345678901"), too_large);
            assert_eq!(context.publish("1234567890"), Ok(1));
            assert_eq!(context.publish_batch(["2", "3", "12345678901", "4"]), too_large);
            assert_eq!(context.publish_batch(["5"; 0]), Ok(0));
            assert_eq!(context.publish(""), Ok(4));
            let text = context.publish("12345678901").unwrap_err().to_string();
            assert!(text.contains("11 bytes") && text.contains("10 bytes"), "{text}");
            Ok(())
        })
        .start()
        .unwrap();
    let got: Vec<_> = (0..4).map(|_| told(&events)).collect();
    assert_eq!(got, [&b"1234567890"[..], b"2", b"3", b""]);
    handle.stop();
    let report = end(handle);
    assert!(report.is_success() && report.ledger.accepted == 4, "{report}");
}

/// The order that a publish returns is the one that readers see; clones of a publisher work from any thread, also after
/// their plugin.
#[test]
fn publishers_work_from_many_threads() {
    const THREADS: usize = 4;
    const EVENTS: usize = 2_000;
    let (tell, orders) = mpsc::channel();
    let handle = Builder::new()
        .plugin(PluginSpec::new("publishes"), move |context| {
            for thread in 0..THREADS {
                let (publisher, tell) = (context.publisher(), tell.clone());
                thread::spawn(move || {
                    for event in 0..EVENTS {
                        let text = format!("{thread}/{event}");
                        let order = publisher.publish(&text[..]).unwrap();
                        tell.send((order, text.into_bytes())).unwrap();
                    }
                });
            }
            Ok(())
        })
        .plugin(PluginSpec::new("reads").subscribe(""), move |context| {
            let seen: Vec<_> = context
                .events()
                .take(THREADS * EVENTS)
                .map(|event| (event.order(), event.to_vec()))
                .collect();
            let mut published: Vec<_> = (0..THREADS * EVENTS).map(|_| told(&orders)).collect();
            published.sort();
            assert_eq!(seen, published);
            Ok(())
        })
        .start()
        .unwrap();
    let report = end(handle);
    assert!(report.is_success() && report.ledger.balances(), "{report}");
}

struct Counts {
    limit: u64,
    tell: mpsc::Sender<String>,
}

impl InternalPlugin for Counts {
    fn run(self: Box<Self>, context: &mut Context) -> Result<(), BoxError> {
        for count in 0..self.limit {
            assert_eq!(number(&context.next_event()?), count);
        }
        self.tell.send(context.name().to_string())?;
        Ok(())
    }
}

/// Objects are plugins too; those that fail or panic are reported, and hold up nobody (EE-LIFE-5).
#[test]
fn report_names_every_outcome() {
    let (tell, names) = mpsc::channel();
    let handle = Builder::new()
        .plugin(PluginSpec::new("fails").subscribe("n/"), |_| Err("no luck".into()))
        .plugin(PluginSpec::new("panics").subscribe("n/"), |_| panic!("{} fell", "the sky"))
        .plugin_object(PluginSpec::new("counts").subscribe("n/"), Box::new(Counts { limit: 100, tell }))
        .plugin(PluginSpec::new("publishes"), |context| {
            context.publish_batch((0..100).map(|event| format!("n/{event}")))?;
            Ok(())
        })
        .start()
        .unwrap();
    let report = end(handle);
    assert_eq!(told(&names), "counts");
    assert!(!report.is_success());
    assert_eq!(report.outcome("fails"), Some(&Outcome::Failed("no luck".into())));
    assert_eq!(report.outcome("panics"), Some(&Outcome::Panicked("the sky fell".into())));
    assert_eq!(report.outcome("counts"), Some(&Outcome::Completed));
    assert_eq!(report.outcome("nobody"), None);
    assert!(report.ledger.balances(), "{report}");
}

/// EE-LIFE-9, EE-LIFE-13: the ports that were chosen are told, and are free again after the end.
#[test]
fn ports_are_free_after_the_end() {
    let build = |external, publish, subscribe| {
        Builder::new()
            .external(PluginSpec::new("x").subscribe("n/"), external)
            .bus(publish, subscribe)
            .plugin(PluginSpec::new("publishes"), |context| Ok(context.publish("n/7").map(drop)?))
            .start()
            .unwrap()
    };
    let mut ports = (0, 0, 0);
    for _ in 0..5 {
        let handle = build(ports.0, ports.1, ports.2);
        let (publish, subscribe) = handle.bus_ports().unwrap();
        let now = (handle.port("x").unwrap(), publish, subscribe);
        assert!(ports == (0, 0, 0) || ports == now);
        assert!(now.0 != 0 && now.1 != 0 && now.2 != 0);
        assert_eq!((handle.port("publishes"), handle.port("nobody")), (None, None));
        ports = now;
        let client = Client::req(ports.0);
        assert_eq!(client.next(), b"n/7");
        client.quit();
        assert!(end(handle).is_success());
    }
}

/// EE-FILTER-1, EE-FILTER-3: a thousand filters, of lengths that differ, over ten plugins.
#[test]
fn a_thousand_filters_route_as_ten() {
    const FILTERS: usize = 1_000;
    let filter = |number: usize| format!("{}{number}:", "-".repeat(number % 40));
    let mut builder = Builder::new();
    for plugin in 0..10 {
        let mut spec = PluginSpec::new(plugin.to_string());
        for number in (0..FILTERS).filter(|number| number % 10 == plugin) {
            spec = spec.subscribe(filter(number));
        }
        builder = builder.plugin(spec, move |context| {
            for round in 0..3 {
                for number in (0..FILTERS).filter(|number| number % 10 == plugin) {
                    assert_eq!(&context.next_event()?[..], format!("{}{round}", filter(number)).as_bytes());
                }
            }
            Ok(())
        });
    }
    let (handle, source) = start(builder);
    for round in 0..3 {
        for number in 0..FILTERS {
            source.publish(format!("{}{round}", filter(number)));
        }
        source.publish("+nobody's");
    }
    drop(source);
    let report = end(handle);
    assert!(report.is_success(), "{report}");
    assert_eq!((report.ledger.accepted, report.ledger.unmatched), (3 * FILTERS as u64 + 3, 3));
}
