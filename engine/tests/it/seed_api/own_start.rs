//! External plugins whose application has its own `start`, and how these are told from the others.

use std::env;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{mpsc, Arc, Mutex};
use std::thread;

use event_engine::errors::EngineError;
use event_engine::events::EventType;
use event_engine::plugins::ExternalPlugin;
use event_engine::zmq::{self, Socket};
use event_engine::{App, Report};
use uuid::Uuid;

use crate::support::client::{Client, NEXT_MSG, PUBLISHED};
use crate::support::{end, eventually, ports, seed, told};

/// An external plugin that serves its REP socket itself, in the manner of 0.2.0, and adds something of its own.
struct Overrides {
    id: Uuid,
    /// The prefix that it subscribes to inside `start`, if any.
    more: Option<&'static [u8]>,
}

impl ExternalPlugin for Overrides {
    fn start(
        &self,
        pub_socket: Socket,
        sub_socket: Socket,
        external_socket: Socket,
    ) -> Result<(), EngineError> {
        if let Some(more) = self.more {
            sub_socket.set_subscribe(more)?;
        }
        pub_socket.send("up/overridden", 0)?;
        loop {
            let request = external_socket
                .recv_bytes(0)
                .map_err(|e| EngineError::EngineExtSocketRcvError(self.id, e))?;
            match &request[..] {
                b"plugin_command: quit" => return Ok(()),
                b"plugin_command: next_msg" => {
                    let event = sub_socket
                        .recv_bytes(0)
                        .map_err(|e| EngineError::EngineExtSubSocketRcvError(self.id, e))?;
                    external_socket.send(event, 0)
                }
                b"own command" => external_socket.send("own reply", 0),
                _ => {
                    pub_socket
                        .send(request, 0)
                        .map_err(|e| EngineError::EngineExtPubSocketSendError(self.id, e))?;
                    external_socket.send("event-engine: msg published", 0)
                }
            }
            .map_err(|e| EngineError::EngineExtSocketSendError(self.id, e))?;
        }
    }

    fn get_tcp_port(&self) -> i32 {
        0
    }

    fn get_subscriptions(&self) -> Result<Vec<Box<dyn EventType>>, EngineError> {
        Ok(vec![Box::new(seed::Prefix("n/"))])
    }

    fn get_id(&self) -> Uuid {
        self.id
    }

    fn get_name(&self) -> String {
        "outside".to_string()
    }
}

const EVENTS: usize = 40;

/// One life of an application with this external plugin, its internal plugin publishing at once, its client coming at once.
fn one_life(outside: Arc<Box<dyn ExternalPlugin>>, overridden: bool) -> Report {
    let (tell, heard) = mpsc::channel();
    let (inside, _) = seed::internal("inside", &["up/"], move |publish, subscribe| {
        for number in 0..EVENTS {
            publish.send(&format!("n/{number}"), 0)?;
        }
        let up = if overridden { EVENTS + 1 } else { EVENTS };
        let mut got: Vec<Vec<u8>> = (0..up).map(|_| subscribe.recv_bytes(0)).collect::<Result<_, _>>()?;
        if overridden {
            assert!(got.remove(0) == b"up/overridden", "no first event of its own");
        }
        let _ = tell.send(got);
        Ok(())
    });
    let handle = App::new(0, 0).register_plugin(inside).register_external_plugin(outside).start().unwrap();
    let port = handle.port("outside").unwrap();
    let clients = [Client::req(port), Client::req(port)];
    for number in 0..EVENTS {
        let client = &clients[number % 2];
        client.publish(format!("up/{number}"));
        assert_eq!(client.next(), format!("n/{number}").as_bytes());
        if overridden {
            assert_eq!(clients[(number + 1) % 2].ask("own command"), b"own reply");
        }
    }
    let [first, second] = clients;
    drop(first);
    second.quit();
    let expected: Vec<Vec<u8>> = (0..EVENTS).map(|number| format!("up/{number}").into_bytes()).collect();
    assert_eq!(told(&heard), expected);
    let report = end(handle);
    assert!(report.is_success() && report.ledger.balances(), "{report}");
    assert_eq!(report.ledger.plugin("outside").unwrap().handed_over, EVENTS as u64, "{report}");
    report
}

/// Runs `work` while threads that do nothing useful want all processors.
fn under_load(work: impl FnOnce()) {
    let stop = Arc::new(AtomicBool::new(false));
    let load: Vec<_> = (0..2 * thread::available_parallelism().map_or(2, usize::from))
        .map(|_| {
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            })
        })
        .collect();
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    stop.store(true, Ordering::Relaxed);
    load.into_iter().for_each(|thread| thread.join().unwrap());
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
}

fn lives(usually: usize) -> usize {
    env::var("EE_LIVES").map_or(usually, |text| text.parse().expect("EE_LIVES is a number"))
}

fn overrides(more: Option<&'static [u8]>) -> Arc<Box<dyn ExternalPlugin>> {
    Arc::new(Box::new(Overrides { id: Uuid::new_v4(), more }))
}

/// Whether `start` is the provided one shows only when it runs; either way nothing is lost, every time.
#[test]
fn provided_start_and_own_start_are_told_apart() {
    for _ in 0..lives(100) {
        one_life(seed::external("outside", &["n/"], 0).0, false);
        one_life(overrides(None), true);
    }
}

/// The same on a machine that is busy with other things, where the provided `start` may show late.
#[test]
fn provided_start_and_own_start_are_told_apart_under_load() {
    under_load(|| {
        for _ in 0..lives(30) {
            one_life(seed::external("outside", &["n/"], 0).0, false);
            one_life(overrides(None), true);
        }
    });
}

/// The provided `start` of another plugin, called late: as on a machine so busy that its thread does not get to run.
struct Late {
    provided: Arc<Box<dyn ExternalPlugin>>,
    gate: Mutex<mpsc::Receiver<()>>,
}

impl ExternalPlugin for Late {
    fn start(
        &self,
        pub_socket: Socket,
        sub_socket: Socket,
        external_socket: Socket,
    ) -> Result<(), EngineError> {
        self.gate.lock().unwrap().recv().unwrap();
        self.provided.start(pub_socket, sub_socket, external_socket)
    }
    fn get_tcp_port(&self) -> i32 {
        self.provided.get_tcp_port()
    }
    fn get_subscriptions(&self) -> Result<Vec<Box<dyn EventType>>, EngineError> {
        self.provided.get_subscriptions()
    }
    fn get_id(&self) -> Uuid {
        self.provided.get_id()
    }
    fn get_name(&self) -> String {
        self.provided.get_name()
    }
}

/// What has gone into the sockets of a provided `start` that shows late comes back out of them: events fewer and more than sockets
/// hold, and requests.
#[test]
fn provided_start_that_shows_late_loses_nothing() {
    for events in [0, 1, 100, 1_999, 2_000, 2_001, 5_000] {
        let (go, gate) = mpsc::channel();
        let late = Late { provided: seed::external("outside", &["n/"], 0).0, gate: Mutex::new(gate) };
        let (inside, _) = seed::internal("inside", &["up/"], move |publish, subscribe| {
            for number in 0..events {
                publish.send(&format!("n/{number}"), 0)?;
            }
            assert_eq!(subscribe.recv_bytes(0)?, b"up/1");
            Ok(())
        });
        let app = App::new(0, 0).register_plugin(inside).register_external_plugin(Arc::new(Box::new(late)));
        let handle = app.start().unwrap();
        let port = handle.port("outside").unwrap();
        let (reads, writes) = (Client::req(port), Client::req(port));
        reads.send(NEXT_MSG);
        writes.send("up/1");
        let mut unmoved = 0;
        eventually("as much is in the sockets as fits", || {
            let outside = handle.ledger().plugin("outside").unwrap().clone();
            unmoved += 1;
            outside.matched == events as u64
                && unmoved > 50
                && outside.queued <= (events as u64).saturating_sub(1)
        });
        go.send(()).unwrap();
        assert_eq!(writes.receive(), PUBLISHED);
        for number in 0..events {
            let event = if number == 0 { reads.receive() } else { reads.next() };
            assert_eq!(String::from_utf8(event).unwrap(), format!("n/{number}"), "of {events}");
        }
        writes.quit();
        let report = end(handle);
        assert!(report.is_success() && report.ledger.balances(), "{report}");
        assert_eq!(report.ledger.plugin("outside").unwrap().handed_over, events as u64, "{report}");
    }
}

/// An own `start` may subscribe to more.
#[test]
fn own_start_of_an_external_plugin_can_subscribe() {
    let (inside, _) = seed::internal("inside", &["up/", "done"], |publish, subscribe| {
        assert_eq!(subscribe.recv_bytes(0)?, b"up/overridden");
        let mut sent = 0;
        while subscribe.poll(zmq::POLLIN, 1)? == 0 {
            publish.send(&format!("more/{sent}"), 0)?;
            sent += 1;
        }
        assert_eq!(subscribe.recv_bytes(0)?, b"done");
        Ok(())
    });
    let handle = App::new(0, 0)
        .register_plugin(inside)
        .register_external_plugin(overrides(Some(b"more/")))
        .start()
        .unwrap();
    let client = Client::req(handle.port("outside").unwrap());
    assert!(client.next().starts_with(b"more/"));
    assert_eq!(client.ask("done"), PUBLISHED);
    client.quit();
    assert!(end(handle).is_success());
}

/// An own `start` that returns an error or panics fails alone, and its port closes.
#[test]
fn own_start_of_an_external_plugin_can_fail() {
    struct Fails(Uuid);
    impl ExternalPlugin for Fails {
        fn start(&self, _: Socket, _: Socket, external_socket: Socket) -> Result<(), EngineError> {
            let request = external_socket.recv_bytes(0)?;
            Err(EngineError::PluginExecutionError(
                self.get_name(),
                self.0.to_string(),
                format!("got {}", request.len()),
            ))
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
            "fails".to_string()
        }
    }
    let (inside, _) = seed::internal("inside", &["n/"], |_, subscribe| {
        assert_eq!(subscribe.recv_bytes(0)?, b"n/");
        Ok(())
    });
    let app = App::new(0, 0)
        .register_plugin(inside)
        .register_external_plugin(Arc::new(Box::new(Fails(Uuid::new_v4()))))
        .register_external_plugin(overrides(None));
    let handle = app.start().unwrap();
    let port = handle.port("fails").unwrap();
    let client = Client::req(port);
    client.send("123");
    eventually("the port is closed", || ports::refuses(port));
    let other = Client::req(handle.port("outside").unwrap());
    other.publish("n/");
    other.quit();
    let report = end(handle);
    assert!(report.outcome("fails").unwrap().is_failure(), "{report}");
    assert!(report.to_string().contains("got 3"), "{report}");
    assert_eq!(report.plugins.iter().filter(|plugin| plugin.outcome.is_failure()).count(), 1);
}
