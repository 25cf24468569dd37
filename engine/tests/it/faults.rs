//! The known faults of version 0.2.0 and their right outcomes, row by row of spec/faults.md. Rows (k), (l) and (n) are in `garbage`,
//! `lossless` and `bus`.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use event_engine::errors::EngineError;
use event_engine::{zmq, App, Builder, Handle, Outcome, PluginSpec, StartError};
use uuid::Uuid;

use crate::support::client::{Client, BAD_MSG, NEXT_MSG, PUBLISHED, QUIT};
use crate::support::raw::{frame, message, Raw};
use crate::support::{end, eventually, logs, observer, ports, seed, start, told, within, SOON};

fn refused(handle: &Handle, plugin: &str) -> u64 {
    handle.ledger().plugin(plugin).unwrap().refused
}

/// A client that waits in `next_msg`, and the engine knows it.
fn waiting(handle: &Handle, plugin: &str) -> Raw {
    let before = refused(handle, plugin);
    let mut client = Raw::handshake(handle.port(plugin).unwrap(), "REQ");
    client.send(&message(&[b"", NEXT_MSG]));
    // A message that is no request leaves the one before it waiting, and shows when the engine has come so far.
    client.send(&frame(b"no request", false));
    eventually("the engine has read the request", || refused(handle, plugin) > before);
    assert_eq!(client.read_message()[0], b"event-engine: error code=bad-command");
    client
}

/// Ends a client as its death would, and waits until the engine knows it.
fn kill(handle: &Handle, plugin: &str, client: Raw) {
    let (port, from) = (handle.port(plugin).unwrap(), client.local_port());
    assert!(ports::holds_connection(port, from));
    drop(client);
    eventually("the engine has let go of the dead client", || !ports::holds_connection(port, from));
}

/// Fault (a): an external plugin's process comes when all the others have long ended.
///
/// EE-SYNC-3, EE-SYNC-5, EE-LIFE-8
#[test]
fn a_late_client_gets_everything() {
    const EVENTS: usize = 5_000;
    let (tell, seen) = mpsc::channel();
    let (producer, _) = seed::internal("producer", &[], |publish, _| {
        for number in 0..EVENTS {
            publish.send(format!("event {number}").as_bytes(), 0)?;
        }
        Ok(())
    });
    let (sink, _) = seed::internal("sink", &["event "], move |_, events| {
        for _ in 0..EVENTS {
            events.recv_bytes(0)?;
        }
        let _ = tell.send(());
        Ok(())
    });
    let (late, _) = seed::external("late", &["event "], 0);
    let app = App::new(0, 0).register_plugin(sink).register_plugin(producer).register_external_plugin(late);
    let handle = app.start().unwrap();
    told(&seen);
    eventually("all events wait", || handle.ledger().plugin("late").unwrap().queued == EVENTS as u64);
    let client = Client::req(handle.port("late").unwrap());
    for number in 0..EVENTS {
        assert_eq!(client.next(), format!("event {number}").as_bytes());
    }
    client.quit();
    let report = end(handle);
    assert!(report.is_success(), "{report}");
    assert!(report.ledger.balances(), "{report}");
}

/// Fault (b): a client is killed while it waits in `next_msg`; another comes before the next event, or after it.
///
/// EE-BASIC-17
#[test]
fn b_killed_client_eats_no_event() {
    for restarted_first in [false, true] {
        let (handle, source) = start(Builder::new().external(PluginSpec::new("x").subscribe("event "), 0));
        let victim = waiting(&handle, "x");
        kill(&handle, "x", victim);
        if restarted_first {
            let mut client = waiting(&handle, "x");
            source.publish("event 0");
            assert_eq!(client.read_message(), [&b""[..], b"event 0"]);
        } else {
            source.publish("event 0");
            assert_eq!(Client::req(handle.port("x").unwrap()).next(), b"event 0");
        }
        source.publish("event 1");
        let client = Client::req(handle.port("x").unwrap());
        assert_eq!(client.next(), b"event 1");
        client.quit();
        drop(source);
        let report = end(handle);
        assert_eq!(report.ledger.plugin("x").unwrap().handed_over, 2, "{report}");
    }
}

/// Fault (b), out of reach of this profile: a client that dies with its event on the way has taken it.
///
/// EE-BASIC-18
#[test]
fn handed_over_events_are_not_requeued() {
    let (handle, source) = start(Builder::new().external(PluginSpec::new("x").subscribe("event "), 0));
    let mut victim = waiting(&handle, "x");
    source.publish("event 0");
    assert!(victim.has_bytes_within(SOON));
    kill(&handle, "x", victim);
    source.publish("event 1");
    let client = Client::req(handle.port("x").unwrap());
    assert_eq!(client.next(), b"event 1");
    client.quit();
    drop(source);
    let report = end(handle);
    assert_eq!(report.ledger.plugin("x").unwrap().handed_over, 2, "{report}");
}

/// Fault (c): after a time-out the request is still owed; a plain receive gets the late event.
///
/// EE-BASIC-5, EE-CLIENT-3
#[test]
fn c_late_event_comes_to_the_request_that_timed_out() {
    let (handle, source) = start(Builder::new().external(PluginSpec::new("x").subscribe("event "), 0));
    let client = Client::req(handle.port("x").unwrap());
    client.send(NEXT_MSG);
    client.socket.set_rcvtimeo(50).unwrap();
    assert_eq!(client.socket.recv_bytes(0), Err(zmq::Error::EAGAIN));
    client.socket.set_rcvtimeo(SOON.as_millis() as i32).unwrap();
    source.publish("event 0");
    source.publish("event 1");
    assert_eq!(client.receive(), b"event 0");
    assert_eq!(client.next(), b"event 1");
    client.quit();
    drop(source);
    assert!(end(handle).is_success());
}

/// Fault (c): requests whose sockets were closed, or that were replaced by newer ones, eat no event.
///
/// EE-BASIC-14, EE-BASIC-17
#[test]
fn c_abandoned_requests_eat_no_event() {
    let (handle, source) = start(Builder::new().external(PluginSpec::new("x").subscribe("event "), 0));
    // A new socket for every try.
    for _ in 0..3 {
        let client = waiting(&handle, "x");
        kill(&handle, "x", client);
    }
    // One relaxed socket that sends again when it has waited long enough.
    let client = Client::unconnected(zmq::REQ);
    client.socket.set_req_relaxed(true).unwrap();
    client.socket.set_req_correlate(true).unwrap();
    client.socket.connect(&format!("tcp://127.0.0.1:{}", handle.port("x").unwrap())).unwrap();
    client.socket.set_rcvtimeo(50).unwrap();
    for _ in 0..2 {
        client.send(NEXT_MSG);
        assert_eq!(client.socket.recv_bytes(0), Err(zmq::Error::EAGAIN));
    }
    client.socket.set_rcvtimeo(SOON.as_millis() as i32).unwrap();
    client.publish("something else");
    for number in 0..4 {
        source.publish(format!("event {number}"));
    }
    for number in 0..4 {
        assert_eq!(client.next(), format!("event {number}").as_bytes());
    }
    client.quit();
    drop(source);
    let report = end(handle);
    assert_eq!(report.ledger.plugin("x").unwrap().handed_over, 4, "{report}");
}

/// Fault (d): `quit` has no reply; the port closes, with it the connections that wait there; the others go on.
///
/// EE-BASIC-7, EE-LIFE-7
#[test]
fn d_quit_closes_the_port() {
    let (events, observe) = observer();
    let builder = Builder::new()
        .external(PluginSpec::new("leaves").subscribe("event "), 0)
        .external(PluginSpec::new("stays").subscribe("event "), 0)
        .plugin(PluginSpec::new("observer").subscribe("event "), observe);
    let (handle, source) = start(builder);
    let port = handle.port("leaves").unwrap();
    let mut other = waiting(&handle, "leaves");
    let mut leaver = Raw::handshake(port, "REQ");
    leaver.send(&message(&[b"", QUIT]));
    assert_eq!(
        leaver.read_to_close(SOON),
        Some(Vec::new()),
        "quit was answered, or the connection is still there"
    );
    assert_eq!(
        other.read_to_close(SOON),
        Some(Vec::new()),
        "a waiting connection was answered, or is still there"
    );
    eventually("connections are refused", || ports::refuses(port));
    source.publish("event 0");
    assert_eq!(told(&events), b"event 0");
    let client = Client::req(handle.port("stays").unwrap());
    assert_eq!(client.next(), b"event 0");
    client.quit();
    drop((source, events));
    handle.stop();
    let report = end(handle);
    assert_eq!(report.outcome("leaves"), Some(&Outcome::Completed), "{report}");
    assert_eq!(report.ledger.plugin("leaves").unwrap().matched, 0, "its queue was closed");
}

/// Fault (e): what begins like a command and is none is refused; what only looks similar is an event.
///
/// EE-BASIC-8, EE-BASIC-12
#[test]
fn e_reserved_commands_are_refused() {
    let (events, observe) = observer();
    let builder = Builder::new()
        .external(PluginSpec::new("x"), 0)
        .plugin(PluginSpec::new("observer").subscribe(""), observe);
    let handle = builder.start().unwrap();
    let client = Client::req(handle.port("x").unwrap());
    let reserved =
        ["plugin_command: foo", "plugin_command: quit ", "plugin_command: next_msg\n", "plugin_command: "];
    for body in reserved {
        assert_eq!(client.ask(body), BAD_MSG, "{body:?}");
    }
    assert_eq!(handle.ledger().accepted, 0);
    assert_eq!(refused(&handle, "x"), reserved.len() as u64);
    for body in ["Plugin_command: quit", "plugin_command:quit"] {
        assert_eq!(client.ask(body), PUBLISHED, "{body:?}");
        assert_eq!(told(&events), body.as_bytes());
    }
    assert_eq!(handle.ledger().accepted, 2);
    client.quit();
    drop(events);
    handle.stop();
    assert!(end(handle).is_success());
}

/// Fault (f): A waits, and B's publish on the same port is answered all the same.
///
/// EE-BASIC-15
#[test]
fn f_publish_goes_through_beside_a_waiting_next_msg() {
    let handle = Builder::new().external(PluginSpec::new("x").subscribe("event "), 0).start().unwrap();
    let mut a = waiting(&handle, "x");
    let b = Client::req(handle.port("x").unwrap());
    b.publish("for nobody");
    b.publish("event 0");
    assert_eq!(a.read_message(), [&b""[..], b"event 0"]);
    b.quit();
    assert!(end(handle).is_success());
}

/// Fault (f): two readers of one port share its events.
///
/// EE-BASIC-16
#[test]
fn f_two_readers_share_a_queue() {
    const EVENTS: usize = 20;
    let (handle, source) =
        start(Builder::new().external(PluginSpec::new("x").subscribe("event ").replicas(2), 0));
    let port = handle.port("x").unwrap();
    let (tell, read) = mpsc::channel();
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let tell = tell.clone();
            thread::spawn(move || {
                let client = Client::req(port);
                loop {
                    let event = client.next();
                    if event == b"event end" {
                        return client.quit();
                    }
                    tell.send(event).unwrap();
                }
            })
        })
        .collect();
    drop(tell);
    for number in 0..EVENTS {
        source.publish(format!("event {number}"));
    }
    source.publish("event end");
    source.publish("event end");
    let mut events: Vec<Vec<u8>> = read.iter().collect();
    readers.into_iter().for_each(|reader| reader.join().unwrap());
    events.sort();
    let mut expected: Vec<Vec<u8>> =
        (0..EVENTS).map(|number| format!("event {number}").into_bytes()).collect();
    expected.sort();
    assert_eq!(events, expected);
    drop(source);
    let report = end(handle);
    assert!(report.is_success(), "{report}");
}

/// Fault (g): any bytes are an event, and a plugin gets its own when it subscribed to them.
///
/// EE-BASIC-11, EE-FILTER-4
#[test]
fn g_any_bytes_are_an_event() {
    let handle = Builder::new().external(PluginSpec::new("x").subscribe(""), 0).start().unwrap();
    let client = Client::req(handle.port("x").unwrap());
    let every_byte: Vec<u8> = (0..=255).collect();
    for event in [&b""[..], b"\xff\xfe\x80", b"\0", b"a\0b\0", "Grüße, 世界".as_bytes(), &every_byte] {
        client.publish(event);
        assert_eq!(client.next(), event);
    }
    client.quit();
    assert!(end(handle).is_success());
}

/// Fault (g): a request of two frames is refused as a whole, and the connection and the port go on.
///
/// EE-BASIC-9
#[test]
fn g_two_frame_request_gets_bad_msg() {
    let handle = Builder::new().external(PluginSpec::new("x").subscribe(""), 0).start().unwrap();
    let (client, other) = (Client::req(handle.port("x").unwrap()), Client::req(handle.port("x").unwrap()));
    for frames in [[&b"part 1"[..], b"part 2"], [b"", b""], [NEXT_MSG, b""], [QUIT, b""]] {
        client.socket.send_multipart(frames, 0).unwrap();
        assert_eq!(client.receive(), BAD_MSG, "{frames:?}");
    }
    assert_eq!(handle.ledger().accepted, 0);
    client.publish("one part");
    assert_eq!(other.next(), b"one part");
    other.quit();
    assert!(end(handle).is_success());
}

/// Fault (g): 100 MB go through; what is larger than the limit is refused, and the connection goes on.
///
/// EE-BASIC-10, EE-LIMIT-1
#[test]
fn g_large_events_up_to_the_limit() {
    const LIMIT: usize = 128 << 20;
    let handle = Builder::new().external(PluginSpec::new("x").subscribe(""), 0).start().unwrap();
    let client = Client::req(handle.port("x").unwrap());
    let mut large: Vec<u8> = (0..100_000_000_u32).map(|index| (index % 251) as u8).collect();
    client.publish(&large);
    assert!(client.next() == large, "100 MB came back changed");
    large.resize(LIMIT + 1, 7);
    assert_eq!(client.ask(&large), BAD_MSG);
    assert_eq!(handle.ledger().accepted, 1);
    client.publish("small");
    assert_eq!(client.next(), b"small");
    client.quit();
    assert!(end(handle).is_success());
}

/// How the failing plugin of fault (h) fails.
#[derive(Clone, Copy, Debug)]
enum Failure {
    Error,
    Panic,
}

/// An application with a plugin that fails at once, and one that goes on until the test has seen that.
fn application_with_failing_plugin(failure: Failure, first: bool) -> (Result<(), EngineError>, String, Uuid) {
    logs::capture();
    let name = format!("fails-{failure:?}-{first}");
    let (failing, id) = seed::internal(&name, &[], move |_, _| match failure {
        Failure::Error => Err(EngineError::EngineSyncSocketPopError()),
        Failure::Panic => panic!("a deliberate panic"),
    });
    let (tell, seen) = mpsc::channel();
    let (steady, _) = seed::internal("steady", &["event "], move |publish, events| {
        for _ in 0..3 {
            let event = events.recv_bytes(0)?;
            publish.send([b"answer to ", &event[..]].concat(), 0)?;
            let _ = tell.send(event);
        }
        Ok(())
    });
    let (external, _) = seed::external("external", &["answer to "], i32::from(ports::free()));
    let port = u16::try_from(external.get_tcp_port()).unwrap();
    let plugins = if first { [failing, steady] } else { [steady, failing] };
    let mut app = App::new(0, 0).register_external_plugin(external);
    app.register_plugins(plugins.to_vec());
    let running = thread::spawn(move || app.run());
    eventually("the plugin has failed", || {
        !logs::lines_with(&[&name, "deliberate panic"]).is_empty()
            || !logs::lines_with(&[&name, "failed"]).is_empty()
    });
    let client = Client::req(port);
    for number in 0..3 {
        let event = format!("event {number}");
        client.publish(&event);
        assert_eq!(told(&seen), event.as_bytes());
        assert_eq!(client.next(), format!("answer to {event}").as_bytes());
    }
    assert!(!running.is_finished(), "run returned before the external plugin's end");
    client.quit();
    let result = within(SOON, "run", move || running.join().unwrap());
    (result, name, id)
}

/// Fault (h): an internal plugin that fails or panics, registered first or last, leaves the others running to their end.
///
/// EE-LIFE-5
#[test]
fn h_failing_plugin_leaves_the_others_running() {
    for failure in [Failure::Error, Failure::Panic] {
        let (result, ..) = application_with_failing_plugin(failure, true);
        assert!(result.is_err(), "{failure:?}");
    }
}

/// Fault (h): `run` then says who failed.
///
/// EE-ERROR-2, EE-LIFE-6
#[test]
fn h_run_returns_err_naming_the_failed_plugin() {
    let expected = [
        (Failure::Error, EngineError::EngineSyncSocketPopError().to_string()),
        (Failure::Panic, "panicked: a deliberate panic".to_string()),
    ];
    for (failure, text) in expected {
        let (result, failed, failed_id) = application_with_failing_plugin(failure, false);
        match result {
            Err(EngineError::PluginExecutionError(name, id, what)) => {
                assert_eq!((name, id, what), (failed, failed_id.to_string(), text));
            }
            other => panic!("{failure:?}: {other:?}"),
        }
    }
}

/// Fault (h) in the engine's own API: the report names who failed and how; the others complete.
///
/// EE-LIFE-5
#[test]
fn report_says_who_failed_and_how() {
    let builder = Builder::new()
        .plugin(PluginSpec::new("fails"), |_| Err("a deliberate error".into()))
        .plugin(PluginSpec::new("panics"), |_| panic!("a deliberate panic"))
        .external(PluginSpec::new("x").subscribe("event "), 0);
    let (handle, source) = start(builder);
    source.publish("event 0");
    let client = Client::req(handle.port("x").unwrap());
    assert_eq!(client.next(), b"event 0");
    client.quit();
    drop(source);
    let report = end(handle);
    assert!(!report.is_success());
    assert_eq!(report.outcome("fails"), Some(&Outcome::Failed("a deliberate error".into())));
    assert_eq!(report.outcome("panics"), Some(&Outcome::Panicked("a deliberate panic".into())));
    assert_eq!(report.outcome("x"), Some(&Outcome::Completed));
    assert_eq!(report.outcome("source"), Some(&Outcome::Completed));
}

/// Fault (i): every port listens at 127.0.0.1 alone, unless the application says otherwise; then there is a warning.
///
/// EE-LIFE-2, EE-LIFE-3
#[test]
fn i_ports_bind_loopback_unless_told() {
    logs::capture();
    let at_once = Duration::from_millis(10);
    let builder = || Builder::new().bus(0, 0).external(PluginSpec::new("x"), 0).stop_within(at_once);
    let all_ports = |handle: &Handle| {
        let (publish, subscribe) = handle.bus_ports().unwrap();
        [publish, subscribe, handle.port("x").unwrap()]
    };
    let handle = builder().bind("127.0.0.1").start().unwrap();
    for port in all_ports(&handle) {
        assert_eq!(ports::listening_at(port), ["0100007F"]);
    }
    drop(handle);
    let warnings = || logs::lines_with(&["WARN", "ports are opened at 0.0.0.0"]).len();
    let before = warnings();
    let handle = builder().bind("0.0.0.0").start().unwrap();
    for port in all_ports(&handle) {
        assert_eq!(ports::listening_at(port), ["00000000"]);
    }
    assert!(warnings() > before);
}

/// An application whose one internal plugin would tell if it started.
fn would_tell(publish: u16, subscribe: u16, external: &[(&str, u16)]) -> (App, Arc<AtomicBool>, Vec<Uuid>) {
    let started = Arc::new(AtomicBool::new(false));
    let tell = Arc::clone(&started);
    let (internal, _) = seed::internal("internal", &[], move |_, _| {
        tell.store(true, Ordering::SeqCst);
        Ok(())
    });
    let mut app = App::new(i32::from(publish), i32::from(subscribe)).register_plugin(internal);
    let mut ids = Vec::new();
    for (name, port) in external {
        let (plugin, id) = seed::external(name, &[], i32::from(*port));
        app = app.register_external_plugin(plugin);
        ids.push(id);
    }
    (app, started, ids)
}

fn run(app: App) -> EngineError {
    within(SOON, "an application that cannot start", move || app.run()).unwrap_err()
}

/// Fault (j): a port in use is an error that says whose port and which, before any plugin has started; other ports are released.
///
/// EE-ERROR-1, EE-LIFE-1
#[test]
fn j_port_in_use_is_an_error_before_start() {
    let (_listener, taken) = ports::taken();
    let (publish, subscribe, external) = (ports::free(), ports::free(), ports::free());

    let (app, started, _) = would_tell(taken, subscribe, &[("x", external)]);
    match run(app) {
        EngineError::PubSocketTCPBindError(port) => assert_eq!(port, taken.to_string()),
        other => panic!("{other:?}"),
    }
    assert!(!started.load(Ordering::SeqCst));

    let (app, started, _) = would_tell(publish, taken, &[("x", external)]);
    match run(app) {
        EngineError::SubSocketTCPBindError(port, cause) => {
            assert_eq!((port, cause), (taken.to_string(), zmq::Error::EADDRINUSE));
        }
        other => panic!("{other:?}"),
    }
    assert!(!started.load(Ordering::SeqCst));

    let (app, started, ids) = would_tell(publish, subscribe, &[("first", external), ("second", taken)]);
    match run(app) {
        EngineError::PluginExecutionError(name, id, text) => {
            assert_eq!((name, id), ("second".to_string(), ids[1].to_string()));
            assert!(text.contains(&taken.to_string()) && text.contains("in use"), "{text}");
        }
        other => panic!("{other:?}"),
    }
    assert!(!started.load(Ordering::SeqCst));

    for port in [publish, subscribe, external] {
        assert!(ports::refuses(port), "{port} was not released");
    }
}

/// Fault (j) in the engine's own API.
///
/// EE-ERROR-1, EE-LIFE-1
#[test]
fn j_start_error_names_owner_port_and_cause() {
    let (_listener, taken) = ports::taken();
    let started = Arc::new(AtomicBool::new(false));
    let builder = || {
        let started = Arc::clone(&started);
        Builder::new().plugin(PluginSpec::new("internal"), move |_| {
            started.store(true, Ordering::SeqCst);
            Ok(())
        })
    };
    let applications = [
        (builder().external(PluginSpec::new("x"), taken), "plugin x"),
        (builder().bus(taken, 0), "bus publish port"),
        (builder().bus(0, taken), "bus subscribe port"),
    ];
    for (application, whose) in applications {
        match application.start() {
            Err(StartError::Bind { owner, port, source, .. }) => {
                assert_eq!((&*owner, port, source), (whose, taken, zmq::Error::EADDRINUSE));
            }
            other => panic!("{whose}: {other:?}"),
        }
    }
    assert!(!started.load(Ordering::SeqCst));
}

/// Fault (j): two external plugins with one port are refused instead of hanging.
///
/// EE-LIFE-4, EE-ERROR-3
#[test]
fn j_two_plugins_on_one_port_are_refused() {
    let port = ports::free();
    let (app, started, ids) = would_tell(0, 0, &[("first", port), ("second", port)]);
    match run(app) {
        EngineError::PluginExecutionError(name, id, text) => {
            assert_eq!((name, id), ("second".to_string(), ids[1].to_string()));
            for word in ["first", "second", &port.to_string()] {
                assert!(text.contains(word), "{text} does not say {word}");
            }
        }
        other => panic!("{other:?}"),
    }
    assert!(!started.load(Ordering::SeqCst));
}

/// Fault (m): `run` returns at once with no plugins, with the last internal plugin, and with an external one's quit.
///
/// EE-LIFE-8
#[test]
fn m_run_returns_when_every_plugin_finished() {
    within(SOON, "no plugins", || App::new(0, 0).run()).unwrap();

    let ended = Arc::new(AtomicUsize::new(0));
    let mut app = App::new(0, 0);
    for name in ["one", "two"] {
        let ended = Arc::clone(&ended);
        let (plugin, _) = seed::internal(name, &[], move |_, _| {
            ended.fetch_add(1, Ordering::SeqCst);
            Ok(())
        });
        app = app.register_plugin(plugin);
    }
    within(SOON, "internal plugins", || app.run()).unwrap();
    assert_eq!(ended.load(Ordering::SeqCst), 2);

    let port = ports::free();
    let (external, _) = seed::external("x", &[], i32::from(port));
    let (internal, _) = seed::internal("internal", &[], |_, _| Ok(()));
    let running = thread::spawn(move || {
        App::new(0, 0).register_plugin(internal).register_external_plugin(external).run()
    });
    let client = Client::req(port);
    client.publish("still served");
    assert!(!running.is_finished());
    client.quit();
    within(SOON, "run after quit", move || running.join().unwrap()).unwrap();
}

/// Fault (m): when `run` has returned, its ports are free, ten times in a row.
///
/// EE-LIFE-9
#[test]
fn m_second_app_on_the_same_ports() {
    let (publish, subscribe, external) = (ports::free(), ports::free(), ports::free());
    for round in 0..10 {
        let (plugin, _) = seed::external("x", &["event "], i32::from(external));
        let app = App::new(i32::from(publish), i32::from(subscribe)).register_external_plugin(plugin);
        let handle = app.start().unwrap_or_else(|error| panic!("round {round}: {error}"));
        let listener = Client::connect(zmq::SUB, subscribe);
        listener.socket.set_subscribe(b"event ").unwrap();
        let client = Client::req(external);
        client.publish("event 0");
        assert_eq!(client.next(), b"event 0");
        client.quit();
        let report = end(handle);
        assert!(report.is_success(), "round {round}: {report}");
        for port in [publish, subscribe, external] {
            assert!(ports::listening_at(port).is_empty(), "round {round}: {port} is still open");
        }
    }
}

/// A stopped application's external plugin gets what was queued, then its stop event, whatever it subscribed to.
///
/// EE-LIFE-10, EE-LIFE-12
#[test]
fn stop_event_comes_last() {
    let spec = PluginSpec::new("x").subscribe("event ").stop_event(b"STOP").source(true);
    let (handle, source) = start(Builder::new().external(spec, 0).stop_within(SOON));
    source.publish("event 0");
    source.publish("event 1");
    handle.stop();
    let client = Client::req(handle.port("x").unwrap());
    let mut events = Vec::new();
    while events.last().is_none_or(|event| event != b"STOP") {
        events.push(client.next());
    }
    assert_eq!(events, [&b"event 0"[..], b"event 1", b"STOP"]);
    client.quit();
    drop(source);
    let report = end(handle);
    assert!(report.is_success(), "{report}");
    assert_eq!(report.outcome("x"), Some(&Outcome::Completed));
}

/// An external plugin that does not quit when the application stops is given up at the deadline, and its port is free.
///
/// EE-LIFE-9, EE-LIFE-11
#[test]
fn stopped_application_does_not_wait_for_a_client_for_ever() {
    let builder = Builder::new().external(PluginSpec::new("x").subscribe("event "), 0);
    let handle = builder.stop_within(Duration::from_millis(100)).start().unwrap();
    let mut client = waiting(&handle, "x");
    let port = handle.port("x").unwrap();
    handle.stop();
    let report = end(handle);
    assert_eq!(report.outcome("x"), Some(&Outcome::Stopped), "{report}");
    assert_eq!(client.read_to_close(SOON), Some(Vec::new()));
    assert!(ports::refuses(port));
}

/// Refusals are logged with the plugin's name: a request of two frames, and once per connection a message without an envelope.
///
/// EE-BASIC-3, EE-ERROR-4
#[test]
fn refusals_are_logged_with_the_plugins_name() {
    logs::capture();
    let handle = Builder::new().external(PluginSpec::new("logged-refusals"), 0).start().unwrap();
    let mut client = Raw::handshake(handle.port("logged-refusals").unwrap(), "DEALER");
    client.send(&message(&[b"no envelope"]));
    client.send(&message(&[b"none again"]));
    client.send(&message(&[&b""[..], b"part 1", b"part 2"]));
    for _ in 0..2 {
        assert_eq!(client.read_message()[0], b"event-engine: error code=bad-command");
    }
    assert_eq!(client.read_message(), [&b""[..], BAD_MSG]);
    assert_eq!(logs::lines_with(&["logged-refusals", "error code=bad-command"]).len(), 1);
    assert_eq!(logs::lines_with(&["logged-refusals", "2 frames"]).len(), 1);
    assert_eq!(refused(&handle, "logged-refusals"), 3);
    client.send(&message(&[b"", QUIT]));
    assert!(end(handle).is_success());
}
