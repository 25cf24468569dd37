//! Defects that were found once, each by the name of what it broke.

use std::fmt;
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{mpsc, Arc};
use std::time::Duration;

use event_engine::errors::EngineError;
use event_engine::events::EventType;
use event_engine::plugins::ExternalPlugin;
use event_engine::zmq::{self, Socket};
use event_engine::{App, Builder, Error, Outcome, PluginSpec};
use uuid::Uuid;

use crate::support::client::{Client, NEXT_MSG};
use crate::support::{end, eventually, ports, seed, start, told, SOON};

/// An external plugin with a `start` of its own.
struct OwnStart<F>(Uuid, F);

impl<F> ExternalPlugin for OwnStart<F>
where
    F: Fn(Socket, Socket, Socket) -> Result<(), EngineError> + Send + Sync,
{
    fn start(&self, publish: Socket, subscribe: Socket, external: Socket) -> Result<(), EngineError> {
        (self.1)(publish, subscribe, external)
    }

    fn get_tcp_port(&self) -> i32 {
        0
    }

    fn get_subscriptions(&self) -> Result<Vec<Box<dyn EventType>>, EngineError> {
        Ok(Vec::new())
    }

    fn get_id(&self) -> Uuid {
        self.0
    }

    fn get_name(&self) -> String {
        "own".into()
    }
}

fn own<F>(start: F) -> App
where
    F: Fn(Socket, Socket, Socket) -> Result<(), EngineError> + Send + Sync + 'static,
{
    App::new(0, 0).register_external_plugin(Arc::new(Box::new(OwnStart(Uuid::new_v4(), start))))
}

/// The verdict on a `start` that returned within the first moment was forgotten; `run` waited for another.
#[test]
fn own_start_that_returns_at_once_ends_its_plugin() {
    let failing =
        own(|_, _, _| Err(EngineError::PluginExecutionError("own".into(), String::new(), "no".into())));
    let report = end(failing.start().unwrap());
    assert!(matches!(report.outcome("own"), Some(Outcome::Failed(_))), "{report}");
    let (sink, _) =
        seed::internal("sink", &["last"], |_, events| events.recv_bytes(0).map(drop).map_err(Into::into));
    let last_word =
        own(|publish, _, _| publish.send("last words", 0).map_err(Into::into)).register_plugin(sink);
    let report = end(last_word.start().unwrap());
    assert!(report.is_success(), "{report}");
}

/// The bridge waited to send a request to a socket that was gone, and missed the end of `start`.
#[test]
fn own_start_that_drops_its_socket_ends_its_plugin() {
    let (tell, told_to_go) = mpsc::channel::<()>();
    let told_to_go = std::sync::Mutex::new(told_to_go);
    let app = own(move |_, _, external| {
        drop(external);
        let _ = told_to_go.lock().unwrap().recv_timeout(SOON);
        Ok(())
    });
    let handle = app.start().unwrap();
    let client = Client::req(handle.port("own").unwrap());
    client.socket.set_linger(0).unwrap();
    client.send("a request that nobody takes");
    // The port is read, or the request waits in it: either way `start` may end now.
    client.socket.poll(zmq::POLLIN, 50).unwrap();
    tell.send(()).unwrap();
    assert!(end(handle).is_success());
}

/// A panic in `start` left the port open and its threads running until the application's end.
#[test]
fn own_start_that_panics_closes_its_port() {
    let (alive, ended) = mpsc::channel::<()>();
    let ended = std::sync::Mutex::new(ended);
    let (other, _) = seed::internal("other", &[], move |_, _| {
        let _ = ended.lock().unwrap().recv_timeout(SOON);
        Ok(())
    });
    let app = own(|_, _, external| {
        let _request = external.recv_bytes(0);
        panic!("boom")
    });
    let handle = app.register_plugin(other).start().unwrap();
    let port = handle.port("own").unwrap();
    let client = Client::req(port);
    client.socket.set_linger(0).unwrap();
    client.send("boom");
    eventually("the port is closed", || ports::refuses(port));
    drop(alive);
    let report = end(handle);
    assert!(matches!(report.outcome("own"), Some(Outcome::Panicked(_))), "{report}");
}

#[derive(Debug)]
struct Unspeakable;

impl fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("an error that panics when it is asked")
    }
}

impl std::error::Error for Unspeakable {}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a panic that panics when it is dropped");
    }
}

/// What a failing plugin's own code does while it fails ended the engine's watch over it.
#[test]
fn failures_that_panic_end_their_plugin() {
    let handle = Builder::new()
        .plugin(PluginSpec::new("unspeakable"), |_| Err(Box::new(Unspeakable)))
        .plugin(PluginSpec::new("bomb"), |_| panic::panic_any(Bomb))
        .start()
        .unwrap();
    let report = end(handle);
    for plugin in ["unspeakable", "bomb"] {
        assert!(matches!(report.outcome(plugin), Some(Outcome::Panicked(_))), "{report}");
    }
}

/// A refused publish took along what it was to acknowledge: the events counted as in flight for ever.
#[test]
fn too_large_publish_loses_no_acknowledgement() {
    let (handle, source) = start(Builder::new().max_event_bytes(100).plugin(
        PluginSpec::new("reader").subscribe("e"),
        |context| {
            for _ in 0..9 {
                context.next_event()?;
            }
            assert!(matches!(context.publish(vec![0; 200]), Err(Error::TooLarge { .. })));
            context.next_event()?;
            Ok(())
        },
    ));
    for _ in 0..10 {
        source.publish("e");
    }
    drop(source);
    let report = end(handle);
    assert_eq!(report.ledger.plugin("reader").unwrap().in_flight, 0, "{report}");
    assert_eq!(report.ledger.plugin("reader").unwrap().delivered, 10, "{report}");
}

/// Every `stop` queued another stop event; a deadline beyond the clock's end was a panic.
#[test]
fn stopping_twice_is_stopping_once() {
    let spec = PluginSpec::new("x").stop_event(b"STOP");
    let handle = Builder::new().external(spec, 0).stop_within(Duration::MAX).start().unwrap();
    handle.stop();
    handle.stop();
    assert_eq!(handle.ledger().plugin("x").unwrap().matched, 1);
    let client = Client::req(handle.port("x").unwrap());
    assert_eq!(client.next(), b"STOP");
    client.quit();
    assert!(end(handle).is_success());
}

/// Clients that published without a pause kept a port from handing out events.
#[test]
fn flood_at_a_port_delays_no_reader() {
    let (handle, source) = start(Builder::new().external(PluginSpec::new("x").subscribe("tick"), 0));
    let port = handle.port("x").unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let floods: Vec<_> = (0..4)
        .map(|_| {
            let over = Arc::clone(&over);
            std::thread::spawn(move || {
                let client = Client::connect(zmq::DEALER, port);
                client.socket.set_linger(0).unwrap();
                while !over.load(Ordering::Relaxed) {
                    let _ = client.socket.send_multipart([&b""[..], b"flood"], zmq::DONTWAIT);
                }
            })
        })
        .collect();
    eventually("the flood has begun", || handle.ledger().accepted > 1_000);
    let client = Client::req(port);
    for _ in 0..50 {
        source.publish("tick");
        client.send(NEXT_MSG);
        assert_eq!(client.receive(), b"tick");
    }
    over.store(true, Ordering::Relaxed);
    floods.into_iter().for_each(|flood| flood.join().unwrap());
    client.quit();
    drop(source);
    assert!(end(handle).ledger.balances());
}

/// A name as long as a book made the report panic.
#[test]
fn report_of_a_very_long_name_can_be_read() {
    let (tell, told_it) = mpsc::channel();
    let handle = Builder::new()
        .plugin(PluginSpec::new("n".repeat(100_000)), move |context| {
            let _ = tell.send(context.name().len());
            Ok(())
        })
        .start()
        .unwrap();
    assert_eq!(told(&told_it), 100_000);
    assert!(end(handle).to_string().contains("balances"));
}
