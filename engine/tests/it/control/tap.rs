//! Taps: they see what passes and take nothing.

use std::thread;
use std::time::Duration;

use base64::prelude::{Engine, BASE64_STANDARD};
use event_engine::control::client::ClientError;
use event_engine::control::Client;
use event_engine::{Builder, Error, Ledger, PluginSpec};

use super::reads;
use crate::support::control::{Folder, RawControl};
use crate::support::{end, eventually, observer, start, told, SOON};

/// EE-CONTROL-12: order, publisher and bytes, by filter, of what is published after the tap was opened.
#[test]
fn a_tap_shows_what_passes() {
    let folder = Folder::new();
    let path = folder.path("tap.sock");
    let (handle, source) = start(Builder::new().control_socket(&path));
    let control = handle.control();
    source.publish("a/before");
    let mut all = control.tap::<&[u8]>([]);
    let mut some = control.tap(["a/", "c/"]);
    let mut far = Client::connect(&path).unwrap().tap([b"c/".as_slice(), b"\xff"]).unwrap();
    let mut silent = Client::connect(&path).unwrap().tap(["never/"]).unwrap();
    source.publish("a/1");
    source.publish("b/2");
    control.publish("c/3").unwrap();
    source.publish(b"\xff\x00\n");
    let seen = |event: event_engine::control::TapEvent| {
        (event.order(), event.from().to_string(), event.to_vec(), event.missed())
    };
    let event = |order, from: &str, bytes: &[u8]| (order, from.to_string(), bytes.to_vec(), 0);
    let expected = [
        event(2, "source", b"a/1"),
        event(3, "source", b"b/2"),
        event(4, "control", b"c/3"),
        event(5, "source", b"\xff\x00\n"),
    ];
    for event in &expected {
        assert_eq!(&seen(all.next_event_timeout(SOON).unwrap()), event);
    }
    assert_eq!(seen(some.next_event().unwrap()), expected[0]);
    assert_eq!(seen(some.next_event().unwrap()), expected[2]);
    assert_eq!(some.next_event_timeout(Duration::from_millis(1)).unwrap_err(), Error::Timeout);
    for event in &expected[2..] {
        let passed = far.next_timeout(SOON).unwrap().unwrap();
        assert_eq!(&(passed.order, passed.from.clone(), passed.to_vec(), passed.missed), event);
    }
    assert!(matches!(silent.next_timeout(Duration::from_millis(1)), Err(ClientError::Timeout(_))));
    // Nobody has got anything of it: there was no subscription.
    let ledger = control.ledger();
    assert_eq!((ledger.accepted, ledger.unmatched), (5, 5));
    drop(source);
    handle.stop();
    end(handle);
    assert_eq!(all.next_event().unwrap_err(), Error::Closed);
    assert_eq!(some.next_event_timeout(SOON).unwrap_err(), Error::Closed);
    assert_eq!(far.next_timeout(SOON).unwrap(), None);
    assert!(silent.next().is_none());
}

/// EE-CONTROL-12: the bytes are shared, not copied.
#[test]
fn a_tap_shares_the_bytes() {
    let (handle, source) = start(Builder::new());
    let mut tap = handle.control().tap(["big"]);
    let (tell, told_address) = std::sync::mpsc::channel();
    let publisher = handle.control();
    thread::spawn(move || {
        let mut event = b"big".to_vec();
        event.resize(100_000, 7);
        tell.send(event.as_ptr() as usize).unwrap();
        publisher.publish(event).unwrap();
    });
    let address = told(&told_address);
    assert_eq!(tap.next_event_timeout(SOON).unwrap().as_ptr() as usize, address);
    drop(source);
    end(handle);
}

/// An application whose subscriber gets all of `events` events, tapped as `taps` says; the ledger at the end.
fn load(
    events: u64,
    taps: impl FnOnce(&event_engine::Handle, &std::path::Path) -> Vec<Box<dyn Send>>,
) -> Ledger {
    let folder = Folder::new();
    let path = folder.path("load.sock");
    let (received, observe) = observer();
    let (handle, source) = start(
        Builder::new()
            .control_socket(&path)
            .allow_ambiguous_filters()
            .plugin(PluginSpec::new("subscriber").subscribe("n/"), observe)
            .plugin(PluginSpec::new("other").subscribe("n/1"), reads),
    );
    let kept = taps(&handle, &path);
    let publishing = thread::spawn(move || {
        for event in 1..=events {
            assert_eq!(source.publish(format!("n/{event}")), event);
        }
    });
    for event in 1..=events {
        assert_eq!(told(&received), format!("n/{event}").into_bytes());
    }
    publishing.join().unwrap();
    drop(kept);
    handle.stop();
    let report = end(handle);
    assert!(report.is_success() && report.ledger.balances(), "{report}");
    report.ledger
}

/// EE-CONTROL-12, EE-CONTROL-13: under load, with readers that are fast, slow, and asleep for ever.
#[test]
fn a_tap_takes_nothing_and_counts_what_it_misses() {
    const EVENTS: u64 = 100_000;
    let untapped = load(EVENTS, |_, _| Vec::new());
    let (tell, counted) = std::sync::mpsc::channel();
    let tapped = load(EVENTS, |handle, path| {
        let mut kept: Vec<Box<dyn Send>> = Vec::new();
        // Never asked.
        let asleep = handle.control().tap(["n/"]);
        let control = handle.control();
        // It never reads what its socket gets.
        let stuck = RawControl::connect(path);
        stuck.say("{\"id\":1,\"op\":\"tap\"}\n");
        // One in this process and one outside, as fast as they can.
        let mut near = handle.control().tap(["n/"]);
        let mut far = Client::connect(path).unwrap().tap(["n/"]).unwrap();
        let told_near = tell.clone();
        kept.push(Box::new(thread::spawn(move || {
            let (mut shown, mut missed, mut last) = (0, 0, 0);
            while let Ok(event) = near.next_event() {
                assert_eq!(event.order(), last + event.missed() + 1, "only what was missed is missing");
                assert_eq!(event.to_vec(), format!("n/{}", event.order()).into_bytes());
                (shown, missed, last) = (shown + 1, missed + event.missed(), event.order());
            }
            told_near.send(("near", shown, missed + near.missed())).unwrap();
        })));
        kept.push(Box::new(thread::spawn(move || {
            let (mut shown, mut missed, mut last) = (0, 0, 0);
            while let Some(event) = far.next_timeout(SOON).unwrap() {
                assert_eq!(event.order, last + event.missed + 1);
                (shown, missed, last) = (shown + 1, missed + event.missed, event.order);
            }
            // What it missed at the very end, no event tells it.
            tell.send(("far", shown, EVENTS - shown)).unwrap();
            assert_eq!(last, shown + missed);
        })));
        kept.push(Box::new(thread::spawn(move || {
            control.wait_ended(SOON * 4);
            let mut asleep = asleep;
            let mut shown = 0;
            let missed = asleep.missed();
            while let Ok(event) = asleep.next_event() {
                shown += 1;
                assert_eq!((event.order(), event.missed()), (shown, 0));
            }
            // As much as the limits say, and the rest is counted.
            assert_eq!((shown, missed), (8_192, EVENTS - 8_192));
        })));
        kept.push(Box::new(stuck));
        kept
    });
    assert_eq!(tapped.plugins, untapped.plugins, "the ledger knows nothing of taps");
    for _ in 0..2 {
        let (which, shown, missed) = told(&counted);
        assert!(shown > 0 && shown + missed == EVENTS, "{which}: {shown} + {missed}");
    }
}

/// EE-CONTROL-13: large events, of which few fit; the first always does.
#[test]
fn a_tap_is_bounded_in_bytes() {
    const MIB: usize = 1 << 20;
    let (handle, source) = start(Builder::new());
    let control = handle.control();
    let mut tap = control.tap::<&str>([]);
    source.publish(vec![0; 40 * MIB]);
    source.publish("missed");
    assert_eq!(tap.missed(), 1);
    assert_eq!(tap.next_event().unwrap().len(), 40 * MIB);
    (0..40).for_each(|_| assert!(source.publish(vec![0; MIB]) > 0));
    assert_eq!(tap.missed(), 24);
    let first = tap.next_event().unwrap();
    assert_eq!((first.missed(), first.order()), (1, 3));
    (0..15).for_each(|_| assert_eq!(tap.next_event().unwrap().missed(), 0));
    source.publish("after");
    let last = tap.next_event().unwrap();
    assert_eq!((last.missed(), last.order(), last.to_vec()), (24, 43, b"after".to_vec()));
    drop(source);
    end(handle);
}

/// EE-CONTROL-7: taps with as many filters as fit their requests cost publishers next to nothing.
#[test]
fn many_filters_hold_nobody_up() {
    let folder = Folder::new();
    let path = folder.path("filters.sock");
    let (handle, source) = start(Builder::new().control_socket(&path));
    let filters: Vec<[u8; 3]> =
        (0..9_000u16).map(u16::to_be_bytes).map(|[high, low]| [b'n', high, low]).collect();
    let mut taps: Vec<_> = (0..20).map(|_| Client::connect(&path).unwrap().tap(&filters).unwrap()).collect();
    let source = crate::support::within(SOON, "the publishes", move || {
        // Nobody wants them, though each begins as all filters do.
        (0..100_000).for_each(|_| assert!(source.publish(b"n\xff\xff") > 0));
        source
    });
    source.publish(b"n\x12\x34 is wanted");
    for tap in &mut taps {
        assert_eq!(tap.next_timeout(SOON).unwrap().unwrap().order, 100_001);
    }
    drop(source);
    end(handle);
}

/// EE-CONTROL-12: a tap whose peer goes away without a word is gone, even when nothing passes.
#[test]
fn a_tap_ends_with_its_connection() {
    let folder = Folder::new();
    let path = folder.path("gone.sock");
    let (handle, source) = start(Builder::new().control_socket(&path));
    // As many as there may be, again and again.
    for _ in 0..3 {
        let taps: Vec<RawControl> = (0..32)
            .map(|_| {
                let mut tap = RawControl::connect(&path);
                eventually("there is room for a connection", || {
                    tap = RawControl::connect(&path);
                    // The one that is refused may be closed before it has said anything.
                    let request = format!(
                        "{{\"id\":1,\"op\":\"tap\",\"filters\":[\"{}\"]}}\n",
                        BASE64_STANDARD.encode("x")
                    );
                    let _ = std::io::Write::write_all(&mut &tap.stream, request.as_bytes());
                    tap.heard().is_some_and(|answer| !answer["ok"].is_null())
                });
                tap
            })
            .collect();
        drop(taps);
    }
    eventually("there is room for a client", || Client::connect(&path).is_ok());
    drop(source);
    end(handle);
}

/// EE-CONTROL-14: what its peer says behind it is not heard, whatever it is and however much.
#[test]
fn a_tap_ignores_what_its_peer_says() {
    let folder = Folder::new();
    let path = folder.path("over.sock");
    let (handle, source) = start(Builder::new().control_socket(&path));
    let mut tap = RawControl::connect(&path);
    tap.say("{\"id\":1,\"op\":\"tap\"}\n{\"id\":2,\"op\":\"stop\"}\n");
    assert_eq!(tap.heard().unwrap()["id"], 1);
    tap.say("{\"id\":3,\"op\":\"publish\",\"event\":\"\"}\ngarbage\n");
    // Not even its half end is one.
    tap.stream.shutdown(std::net::Shutdown::Write).unwrap();
    for order in 1..=3 {
        source.publish("seen");
        let event = tap.heard().unwrap();
        assert_eq!((event["id"].as_u64(), event["event"]["order"].as_u64()), (Some(1), Some(order)));
    }
    assert!(!handle.control().ledger().plugins.iter().any(|plugin| &*plugin.name == "control"));
    assert_eq!(handle.control().status().phase, "running");
    drop(source);
    end(handle);
    assert!(tap.heard().is_none());
}
