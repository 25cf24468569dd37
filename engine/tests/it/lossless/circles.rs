//! Plugins that publish before they read, to themselves and to each other, with queues that are far too small for it.

use std::sync::Arc;

use event_engine::plugins::Plugin;
use event_engine::{App, BoxError, Builder, Context, PluginSpec, QueueLimits};

use super::{assert_all_delivered, at_most, event, limited};
use crate::support::end;

const BURST: usize = 20_000;

/// Publishes a burst, then reads one.
fn burst_then_read(context: &mut Context, to: &str, from: &str) -> Result<(), BoxError> {
    for number in 0..BURST {
        context.publish(format!("{to}/{number}"))?;
    }
    for number in 0..BURST {
        assert_eq!(&context.next_event()?[..], format!("{from}/{number}").as_bytes());
    }
    Ok(())
}

/// EE-DELIVERY-10
#[test]
fn burst_to_itself_does_not_deadlock() {
    let handle = Builder::new()
        .plugin(PluginSpec::new("narcissus").subscribe("me/").queue_limits(at_most(100)), |context| {
            burst_then_read(context, "me", "me")
        })
        .start()
        .unwrap();
    assert_all_delivered(&end(handle), 1, BURST);
}

/// EE-DELIVERY-10
#[test]
fn two_plugins_with_full_queues_do_not_deadlock() {
    let spec = |name: &str, own: &str| PluginSpec::new(name).subscribe(own).queue_limits(at_most(100));
    let handle = Builder::new()
        .plugin(spec("ping", "to ping/"), |context| burst_then_read(context, "to pong", "to ping"))
        .plugin(spec("pong", "to pong/"), |context| burst_then_read(context, "to ping", "to pong"))
        .start()
        .unwrap();
    assert_all_delivered(&end(handle), 1, 2 * BURST);
}

/// EE-DELIVERY-12: a plugin that only ever publishes to itself ends the application, with bounded memory.
#[test]
fn endless_burst_to_itself_fails_with_its_name() {
    let cap = 1 << 20;
    let limits = QueueLimits { cycle_max_bytes: cap, ..at_most(100) };
    let handle = Builder::new()
        .plugin(PluginSpec::new("endless narcissus").subscribe("n/").queue_limits(limits), |context| loop {
            context.publish(event(0))?;
        })
        .start()
        .unwrap();
    let report = end(handle);
    let failure = report.failure.as_deref().unwrap();
    assert!(failure.contains("endless narcissus → endless narcissus"), "{failure}");
    let queued = report.ledger.plugin("endless narcissus").unwrap().matched;
    assert_eq!(queued as usize, 100 + cap / (100 + 64));
    assert!(!report.is_success());
}

/// A plugin of the seed's API that publishes a burst, more than its sockets and queue hold, and then reads one.
fn bursting(
    name: &'static str,
    own: &'static [&'static str],
    to: &'static str,
    from: &'static str,
) -> Arc<Box<dyn Plugin>> {
    limited(name, own, at_most(100), move |publish, subscribe| {
        for number in 0..BURST {
            publish.send(&format!("{to}/{number}"), 0)?;
        }
        for number in 0..BURST {
            assert_eq!(subscribe.recv_bytes(0)?, format!("{from}/{number}").as_bytes());
        }
        Ok(())
    })
}

/// EE-DELIVERY-10
#[test]
fn bursts_through_the_seeds_sockets_do_not_deadlock() {
    let alone = App::new(0, 0).register_plugin(bursting("narcissus", &["me/"], "me", "me")).start().unwrap();
    assert_all_delivered(&end(alone), 1, BURST);
    let both = App::new(0, 0)
        .register_plugin(bursting("ping", &["to ping/"], "to pong", "to ping"))
        .register_plugin(bursting("pong", &["to pong/"], "to ping", "to pong"))
        .start()
        .unwrap();
    assert_all_delivered(&end(both), 1, 2 * BURST);
}
