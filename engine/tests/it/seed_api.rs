//! Applications that were written for version 0.2.0: their sources compile, and do what they did.

use std::thread;

use event_engine::errors::EngineError;
use event_engine::plugins::Plugin;
use event_engine::{zmq, App, AppConfig};
use uuid::Uuid;

use crate::support::client::Client;
use crate::support::{end, ports, seed, within, SOON};

mod application;
mod own_start;

/// An application in the manner of version 0.2.0 runs to its end with a client of the time.
#[test]
fn application_of_the_time_runs() {
    let ports = [ports::free(), ports::free(), ports::free()];
    let running = thread::spawn(move || application::run(ports.map(i32::from)));
    let client = thread::spawn(move || {
        let client = Client::req(ports[2]);
        let mut got: Vec<String> = (0..10).map(|_| String::from_utf8(client.next()).unwrap()).collect();
        client.publish("TypeC goodbye");
        client.quit();
        got.sort();
        got
    });
    let got = within(SOON, "the client", move || client.join().unwrap());
    let mut expected: Vec<String> = (0..5).map(|number| format!("TypeA message {number}")).collect();
    expected.extend((0..5).map(|_| "TypeB 9".to_string()));
    assert_eq!(got, expected);
    within(SOON, "the application", move || running.join().unwrap()).unwrap();
}

/// `App` and its configuration are made of public fields.
#[test]
fn app_can_be_written_as_a_literal() {
    let (says, _) = seed::internal("says", &[], |publish, _| Ok(publish.send("n/hello", 0)?));
    let (hears, _) = seed::internal("hears", &["n/"], |_, subscribe| {
        assert_eq!(subscribe.recv_bytes(0)?, b"n/hello");
        Ok(())
    });
    let mut app = App {
        plugins: vec![says],
        external_plugins: Vec::new(),
        app_config: AppConfig { publish_port: 0, subscribe_port: 0 },
        context: zmq::Context::new(),
    };
    app.register_plugins(vec![hears]);
    app.register_external_plugins(Vec::new());
    within(SOON, "the application", move || app.run()).unwrap();
    let App { app_config: AppConfig { publish_port, subscribe_port }, .. } = App::default();
    assert_eq!((publish_port, subscribe_port), (5559, 5560));
}

/// The 24 variants and their shapes, and no more: an application may match all of them.
#[test]
fn engine_error_has_its_24_variants() {
    use EngineError::*;
    let number = |error: &EngineError| -> usize {
        match error {
            SubSocketCreateError(_) => 0,
            SubSocketTCPBindError(_, _) => 1,
            SubSocketInProcBindError(_) => 2,
            PubSocketTCPBindError(_) => 3,
            PubSocketInProcBindError(_) => 4,
            PluginExecutionError(_, _, _) => 5,
            PluginPubSocketError(_) => 6,
            PluginExternalSocketError(_, _) => 7,
            PluginSubSocketError(_) => 8,
            PluginSubscriptionError(_, _) => 9,
            PluginSyncSocketError(_, _) => 10,
            EngineSetSubFilterError() => 11,
            EngineSetSubFilterAllError(_) => 12,
            PluginSyncSendError(_) => 13,
            EngineSyncSocketCreateError() => 14,
            EngineSyncSocketTCPBindError(_, _) => 15,
            EngineSyncSocketInprocBindError(_) => 16,
            EngineSyncSocketMsgRcvError(_) => 17,
            EngineSyncSocketPopError() => 18,
            EngineSyncSocketSendRcvError(_) => 19,
            EngineExtSocketRcvError(_, _) => 20,
            EngineExtSubSocketRcvError(_, _) => 21,
            EngineExtSocketSendError(_, _) => 22,
            EngineExtPubSocketSendError(_, _) => 23,
        }
    };
    let (text, id, cause) = (|| "text".to_string(), Uuid::new_v4(), zmq::Error::EAGAIN);
    let all = [
        SubSocketCreateError(cause),
        SubSocketTCPBindError(text(), cause),
        SubSocketInProcBindError(text()),
        PubSocketTCPBindError(text()),
        PubSocketInProcBindError(text()),
        PluginExecutionError(text(), text(), text()),
        PluginPubSocketError(id),
        PluginExternalSocketError(id, cause),
        PluginSubSocketError(id),
        PluginSubscriptionError(text(), id),
        PluginSyncSocketError(id, 1),
        EngineSetSubFilterError(),
        EngineSetSubFilterAllError(cause),
        PluginSyncSendError(id),
        EngineSyncSocketCreateError(),
        EngineSyncSocketTCPBindError(1, cause),
        EngineSyncSocketInprocBindError(text()),
        EngineSyncSocketMsgRcvError(cause),
        EngineSyncSocketPopError(),
        EngineSyncSocketSendRcvError(cause),
        EngineExtSocketRcvError(id, cause),
        EngineExtSubSocketRcvError(id, cause),
        EngineExtSocketSendError(id, cause),
        EngineExtPubSocketSendError(id, cause),
    ];
    assert!(all.iter().map(number).eq(0..24));
    assert!(all.iter().all(|error| !error.to_string().is_empty()));
    assert!(matches!(EngineError::from(cause), SubSocketCreateError(zmq::Error::EAGAIN)));
}

/// The publish socket is the plugin's own: it may give it to another thread.
#[test]
fn publish_socket_works_from_another_thread() {
    const EVENTS: usize = 5_000;
    let (source, _) = seed::internal("source", &[], |publish, _| {
        let sending =
            thread::spawn(move || (0..EVENTS).try_for_each(|number| publish.send(&format!("n/{number}"), 0)));
        Ok(sending.join().unwrap()?)
    });
    let (sink, _) = seed::internal("sink", &["n/"], |_, subscribe| {
        for number in 0..EVENTS {
            assert_eq!(subscribe.recv_bytes(0)?, format!("n/{number}").as_bytes());
        }
        Ok(())
    });
    let report = end(App::new(0, 0).register_plugin(source).register_plugin(sink).start().unwrap());
    assert!(report.is_success() && report.ledger.accepted == EVENTS as u64, "{report}");
}

/// What a plugin has sent is delivered, though it returns at once and drops its socket.
#[test]
fn events_of_a_plugin_that_returns_at_once_are_delivered() {
    const EVENTS: usize = 1_000;
    for _ in 0..50 {
        let (source, _) = seed::internal("source", &[], |publish, _| {
            Ok((0..EVENTS).try_for_each(|number| publish.send(&format!("n/{number}"), 0))?)
        });
        let (sink, _) = seed::internal("sink", &["n/"], |_, subscribe| {
            for number in 0..EVENTS {
                assert_eq!(subscribe.recv_bytes(0)?, format!("n/{number}").as_bytes());
            }
            Ok(())
        });
        let app = App::new(0, 0).register_plugin(source).register_plugin(sink);
        let report = end(app.start().unwrap());
        assert!(report.is_success() && report.ledger.accepted == EVENTS as u64, "{report}");
        assert_eq!(report.ledger.plugin("sink").unwrap().handed_over, EVENTS as u64, "{report}");
    }
}

/// Events of 1 MiB, more of them than the sockets may hold at once.
#[test]
fn large_events_arrive_whole() {
    const EVENTS: usize = 300;
    const BYTES: usize = 1 << 20;
    let event = |number: usize| {
        let mut event = vec![number as u8; BYTES];
        event[..2].copy_from_slice(b"n/");
        event
    };
    let (source, _) = seed::internal("source", &[], move |publish, _| {
        Ok((0..EVENTS).try_for_each(|number| publish.send(event(number), 0))?)
    });
    let mut app = App::new(0, 0).register_plugin(source);
    for name in ["first", "second"] {
        let (sink, _) = seed::internal(name, &["n/"], move |_, subscribe| {
            for number in 0..EVENTS {
                assert!(subscribe.recv_msg(0)?[..] == event(number)[..], "event {number} has changed");
            }
            Ok(())
        });
        app = app.register_plugin(sink);
    }
    let report = end(app.start().unwrap());
    assert!(report.is_success() && report.ledger.balances(), "{report}");
}

/// A plugin may subscribe to more while it runs; from when that is in force on, nothing is missing.
#[test]
fn subscriptions_can_be_added_and_taken_back_inside_start() {
    const EVENTS: usize = 500;
    let (plugin, _) = seed::internal("itself", &["first/"], |publish, subscribe| {
        subscribe.set_subscribe(b"second/")?;
        // The subscription is in force once one of these comes back.
        let mut sent = 0;
        while subscribe.poll(zmq::POLLIN, 1)? == 0 {
            publish.send(&format!("second/{sent}"), 0)?;
            sent += 1;
        }
        let first = String::from_utf8(subscribe.recv_bytes(0)?).unwrap();
        let first: usize = first.strip_prefix("second/").unwrap().parse().unwrap();
        for number in sent..sent + EVENTS {
            publish.send(&format!("second/{number}"), 0)?;
            publish.send(&format!("third/{number}"), 0)?;
            publish.send("first/", 0)?;
        }
        for number in first + 1..sent + EVENTS {
            assert_eq!(subscribe.recv_bytes(0)?, format!("second/{number}").as_bytes());
            if number >= sent {
                assert_eq!(subscribe.recv_bytes(0)?, b"first/");
            }
        }
        subscribe.set_unsubscribe(b"second/")?;
        publish.send("second/unseen", 0)?;
        publish.send("first/last", 0)?;
        // What comes before it may have been on its way; nothing of it is delivered after the socket has unsubscribed.
        assert_eq!(subscribe.recv_bytes(0)?, b"first/last");
        Ok(())
    });
    let report = end(App::new(0, 0).register_plugin(plugin).start().unwrap());
    assert!(report.is_success() && report.ledger.balances(), "{report}");
}

/// Applications keep plugins in threads and behind `dyn`.
#[test]
fn plugins_are_objects_that_can_be_shared() {
    fn shared<T: Send + Sync + ?Sized>(_: &T) {}
    let (plugin, id) = seed::internal("name", &["a"], |_, _| Ok(()));
    shared(&plugin);
    let plugin: &dyn Plugin = &**plugin;
    assert_eq!((plugin.get_name(), plugin.get_id()), ("name".to_string(), id));
    assert_eq!(plugin.get_subscriptions().unwrap()[0].get_name(), "a");
}
