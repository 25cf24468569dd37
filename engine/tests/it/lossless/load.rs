//! As fast as it goes: what was sent and what arrives, and the ledger meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{mpsc, Arc};
use std::thread;
use std::time::{Duration, Instant};

use event_engine::errors::EngineError;
use event_engine::{App, Builder, Context, Overflow, PluginSpec, QueueLimits};

use super::{assert_all_delivered, at_most, event, number, LONG};
use crate::support::client::Client;
use crate::support::{end, eventually, seed, within};

const UNPACED: usize = 200_000;

/// EE-DELIVERY-1: delivered ÷ sent is exactly 1 through the seed's sockets.
#[test]
fn unpaced_publisher_loses_nothing_in_the_seeds_api() {
    for sinks in [1, 2, 4, 16] {
        let start = Instant::now();
        let (tell, ended) = mpsc::channel();
        let (source, _) = seed::internal("source", &[], |publish, _| {
            (0..UNPACED).try_for_each(|number| publish.send(event(number), 0)).map_err(EngineError::from)
        });
        let mut app = App::new(0, 0).register_plugin(source);
        for sink in 0..sinks {
            let tell = tell.clone();
            let (plugin, _) = seed::internal(&format!("sink {sink}"), &["n/"], move |_, subscribe| {
                for expected in 0..UNPACED {
                    assert_eq!(number(&subscribe.recv_msg(0)?), expected);
                }
                let _ = tell.send(());
                Ok(())
            });
            app = app.register_plugin(plugin);
        }
        let handle = app.start().unwrap();
        let report = within(LONG, "the application's end", move || handle.wait());
        assert_eq!(ended.try_iter().count(), sinks);
        assert_all_delivered(&report, sinks, UNPACED);
        println!("seed's API, fan-out {sinks}: {:?}", start.elapsed());
    }
}

/// EE-DELIVERY-1: the same through the engine's own API, one by one and in batches.
#[test]
fn unpaced_publisher_loses_nothing_in_the_own_api() {
    for (sinks, batches) in [1, 2, 4, 16].into_iter().flat_map(|sinks| [(sinks, false), (sinks, true)]) {
        let start = Instant::now();
        let mut builder = Builder::new().plugin(PluginSpec::new("source"), move |context| {
            if batches {
                assert_eq!(context.publish_batch((0..UNPACED).map(event)), Ok(UNPACED as u64));
            } else {
                for number in 0..UNPACED {
                    assert_eq!(context.publish(event(number)), Ok(number as u64 + 1));
                }
            }
            Ok(())
        });
        for sink in 0..sinks {
            builder = builder.plugin(PluginSpec::new(format!("sink {sink}")).subscribe("n/"), |context| {
                for expected in 0..UNPACED {
                    let event = context.next_event()?;
                    assert_eq!((number(&event), event.order()), (expected, expected as u64 + 1));
                }
                Ok(())
            });
        }
        let handle = builder.start().unwrap();
        let report = within(LONG, "the application's end", move || handle.wait());
        assert_all_delivered(&report, sinks, UNPACED);
        println!("own API, fan-out {sinks}, batches {batches}: {:?}", start.elapsed());
    }
}

/// EE-DELIVERY-2: the ledger's equation at random moments, with every kind of publisher, reader and policy at work.
#[test]
fn equation_holds_at_random_moments_under_load() {
    const EVENTS: usize = 20_000;
    let reads = |context: &mut Context| {
        context.events().for_each(drop);
        Ok(())
    };
    let spec = |name: &str, max_events, overflow| {
        let limits = QueueLimits { overflow, ..at_most(max_events) };
        PluginSpec::new(name).subscribe("n/").queue_limits(limits)
    };
    let mut builder = Builder::new()
        .plugin(spec("waits", 20, Overflow::Wait), reads)
        .plugin(spec("drops oldest", 5, Overflow::DropOldest), reads)
        .plugin(spec("drops newest", 5, Overflow::DropNewest), reads)
        .plugin(spec("leaves early", 50, Overflow::Wait), |context| {
            context.events().take(5_000).for_each(drop);
            Ok(())
        })
        .external(spec("outside", 1_000, Overflow::DropOldest), 0)
        .bus(0, 0);
    for name in ["one by one", "in batches"] {
        builder = builder.plugin(PluginSpec::new(name).subscribe("n/0000"), move |context| {
            for chunk in 0..EVENTS / 50 {
                let events = (chunk * 50..(chunk + 1) * 50).map(event);
                if name == "in batches" {
                    context.publish_batch(events)?;
                } else {
                    events.map(|event| context.publish(event)).collect::<Result<Vec<_>, _>>()?;
                }
                while context.next_event_timeout(Duration::ZERO).is_ok() {}
            }
            Ok(())
        });
    }
    let builder = builder.allow_ambiguous_filters();
    let handle = Arc::new(builder.start().unwrap());
    let stop = Arc::new(AtomicBool::new(false));
    let sampler = {
        let (handle, stop) = (Arc::clone(&handle), Arc::clone(&stop));
        thread::spawn(move || {
            let (mut samples, mut accepted) = (0, 0);
            while !stop.load(Ordering::SeqCst) {
                let ledger = handle.ledger();
                assert!(ledger.balances(), "{ledger}");
                assert!(ledger.accepted >= accepted);
                accepted = ledger.accepted;
                samples += 1;
                thread::yield_now();
            }
            samples
        })
    };
    let port = handle.port("outside").unwrap();
    let client = within(LONG, "the process", move || {
        let client = Client::req(port);
        for number in 0..2_000 {
            client.publish(event(number));
            client.next();
        }
        client
    });
    eventually("all is accepted", || handle.ledger().accepted == 2 * EVENTS as u64 + 2_000);
    stop.store(true, Ordering::SeqCst);
    let samples = sampler.join().unwrap();
    assert!(samples > 100, "{samples} samples");
    handle.stop();
    client.quit();
    let report = end(Arc::into_inner(handle).unwrap());
    assert!(report.is_success() && report.ledger.balances(), "{report}");
    let [leaves, drops] = ["leaves early", "drops oldest"].map(|name| report.ledger.plugin(name).unwrap());
    assert!(leaves.delivered == 5_000 && leaves.matched < report.ledger.accepted, "{report}");
    assert_eq!(drops.matched, report.ledger.accepted);
}
