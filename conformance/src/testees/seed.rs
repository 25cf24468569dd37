//! The API of version 0.2, which this project's engine and the ancestor have: the same applications for both.
//!
//! Such an application has nothing but `run`: it tells no ports, is not stopped and gives no account.

use std::any::Any;
use std::time::Duration;

use zmq::Socket;

use super::adapter::Failure;
use super::config::{self, Kind};
use super::internal::{Event, Inbox};
use super::ports;

/// An application opens its ports so soon, or has failed.
pub(super) const OPEN_WITHIN: Duration = Duration::from_secs(30);
/// Between two looks at whether it has.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Which of the optional things an engine does in this API.
pub(super) struct Abilities {
    /// Queue limits and replicas are methods of its plugin traits.
    pub(super) limits: bool,
    /// It asks for subscriptions on the plugin's thread, before it is ready.
    pub(super) late_ready: bool,
}

/// Refuses what cannot be said in this API.
pub(super) fn check(config: &config::Application, abilities: &Abilities) -> Result<(), Failure> {
    let refuse = |said: bool, what: &str| if said { Err(Failure::unsupported(what)) } else { Ok(()) };
    refuse(config.bind.is_some(), "bind")?;
    refuse(config.max_event_bytes.is_some(), "max_event_bytes")?;
    refuse(config.ping_ms.is_some(), "ping_ms")?;
    refuse(config.grace_ms.is_some(), "grace_ms")?;
    refuse(config.heartbeat_ms.is_some(), "heartbeat_ms")?;
    refuse(config.stop_within_ms.is_some(), "stop_within_ms")?;
    refuse(config.wait_for_external_ms.is_some(), "wait_for_external_ms")?;
    refuse(config.until_done, "until_done")?;
    for plugin in &config.plugins {
        refuse(plugin.stop_event.is_some(), "stop_event")?;
        refuse(plugin.source.is_some(), "source")?;
        refuse(plugin.redelivery_limit.is_some(), "redelivery_limit")?;
        refuse(plugin.dead_letter.is_some(), "dead_letter")?;
        refuse(plugin.has_queue_limits() && !abilities.limits, "limits of queues")?;
        refuse(plugin.replicas.is_some() && !abilities.limits, "replicas")?;
        refuse(plugin.ready_after_ms.is_some() && !abilities.late_ready, "ready_after_ms")?;
    }
    Ok(())
}

/// Fixed ports instead of 0, which this API does not report; of the bus, and in the configuration of external plugins.
pub(super) fn choose_ports(config: &mut config::Application) -> Result<[i32; 2], Failure> {
    let free = || ports::free().map(i32::from).ok_or_else(|| Failure::new("failed", "no port is free"));
    let chosen = |said: Option<i32>| said.filter(|port| *port != 0).map_or_else(free, Ok);
    for plugin in config.plugins.iter_mut().filter(|plugin| plugin.kind == Kind::External) {
        plugin.port = chosen(Some(plugin.port))?;
    }
    Ok([chosen(config.publish_port)?, chosen(config.subscribe_port)?])
}

/// How an internal plugin gets its events.
pub(super) struct Subscribe(pub(super) Socket);

impl Inbox for Subscribe {
    fn next(&mut self, timeout: Duration) -> Result<Event, Failure> {
        let ms = i64::try_from(timeout.as_millis()).unwrap_or(-1);
        match self.0.poll(zmq::POLLIN, ms).map_err(failure)? {
            0 => Err(Failure::new("timeout", "no event within the time-out")),
            _ => self.0.recv_bytes(0).map(|event| (event, None)).map_err(failure),
        }
    }

    fn is_ending(&self) -> bool {
        self.0.get_events() == Err(zmq::Error::ETERM)
    }
}

pub(super) fn failure(error: zmq::Error) -> Failure {
    Failure::new(if error == zmq::Error::ETERM { "closed" } else { "other" }, error)
}

/// What `run` panicked with.
pub(super) fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_string());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// Applications of this API in the crate `$api`; the blocks are methods of its plugin traits.
macro_rules! applications {
    ($api:ident, $abilities:expr, internal { $($internal:item)* }, external { $($external:item)* }) => {
        use std::collections::BTreeMap;
        use std::panic::{self, AssertUnwindSafe};
        use std::sync::{Arc, Mutex, PoisonError};
        use std::thread;
        use std::time::{Duration, Instant};

        use uuid::Uuid;
        use zmq::Socket;

        use $api::errors::EngineError;
        use $api::events::EventType;
        use $api::plugins;
        use $api::App;

        use $crate::testees::adapter::{Base64, Failure};
        use $crate::testees::application::{self, End, Ports, Report};
        use $crate::testees::config::{self, Kind};
        use $crate::testees::internal::{self, Control, Steered};
        use $crate::testees::{ports, seed};

        /// A started application.
        pub(in $crate::testees) struct Application {
            plugins: BTreeMap<String, Control>,
            ports: Ports,
            end: Arc<End>,
        }

        /// Starts what the harness describes.
        pub(in $crate::testees) fn start(mut config: config::Application) -> Result<Application, Failure> {
            seed::check(&config, &$abilities)?;
            let wants_bus = config.wants_bus();
            let [publish, subscribe] = seed::choose_ports(&mut config)?;
            let mut app = App::new(publish, subscribe);
            let mut plugins = BTreeMap::new();
            let mut external = BTreeMap::new();
            for plugin in config.plugins {
                let (name, id) = (plugin.name.clone(), Uuid::new_v4());
                app = match plugin.kind {
                    Kind::Internal => {
                        let (control, steered) = Control::new();
                        plugins.insert(name, control);
                        let steered = Mutex::new(Some(steered));
                        app.register_plugin(Arc::new(Box::new(Internal { id, plugin, steered })))
                    }
                    Kind::External => {
                        external.insert(name, plugin.port);
                        app.register_external_plugin(Arc::new(Box::new(External { id, plugin })))
                    }
                };
            }
            let all: Vec<i32> = external.values().copied().chain([publish, subscribe]).collect();
            let ports = Ports {
                ports: external,
                publish_port: wants_bus.then_some(publish),
                subscribe_port: wants_bus.then_some(subscribe),
            };
            let application = Application { plugins, ports, end: Arc::default() };
            let end = application.end.clone();
            thread::spawn(move || end.come(run(app)));
            application.opened(&all)?;
            Ok(application)
        }

        /// The answer to `wait`.
        fn run(app: App) -> Report {
            let error = match panic::catch_unwind(AssertUnwindSafe(|| app.run())) {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(format!("{error:?}: {error}")),
                Err(payload) => Some(format!("run() has panicked: {}", seed::panic_text(&*payload))),
            };
            Report { success: error.is_none(), error, ..Report::default() }
        }

        impl Application {
            /// Waits until these ports are open, or the application has failed.
            fn opened(&self, ports: &[i32]) -> Result<(), Failure> {
                let deadline = Instant::now() + seed::OPEN_WITHIN;
                let is_open = |port: &i32| u16::try_from(*port).is_ok_and(ports::is_open);
                while !ports.iter().all(is_open) {
                    match self.end.get() {
                        Some(Report { error: None, .. }) => return Ok(()),
                        Some(Report { error: Some(error), .. }) => return Err(Failure::new("failed", error)),
                        None if Instant::now() >= deadline => {
                            return Err(Failure::new("failed", "the application has not opened its ports"))
                        }
                        None => thread::park_timeout(seed::LOOK_EVERY),
                    }
                }
                Ok(())
            }
        }

        impl application::Application for Application {
            fn ports(&self) -> &Ports {
                &self.ports
            }

            fn plugin(&self, plugin: &str) -> Option<&Control> {
                self.plugins.get(plugin)
            }

            fn end(&self) -> Arc<End> {
                Arc::clone(&self.end)
            }
        }

        struct Prefix(Vec<u8>);

        impl EventType for Prefix {
            fn get_name(&self) -> String {
                String::from_utf8_lossy(&self.0).into_owned()
            }

            fn get_filter(&self) -> Result<Vec<u8>, EngineError> {
                Ok(self.0.clone())
            }
        }

        fn types(plugin: &config::Plugin) -> Vec<Box<dyn EventType>> {
            let kind = |Base64(prefix): &Base64| Box::new(Prefix(prefix.clone())) as Box<dyn EventType>;
            plugin.subscribe.iter().map(kind).collect()
        }

        struct Internal {
            id: Uuid,
            plugin: config::Plugin,
            steered: Mutex<Option<Steered>>,
        }

        impl plugins::Plugin for Internal {
            fn start(&self, pub_socket: Socket, sub_socket: Socket) -> Result<(), EngineError> {
                let steered = self.steered.lock().unwrap_or_else(PoisonError::into_inner).take();
                let Some(steered) = steered else { return Ok(()) };
                let publish =
                    move |event: Vec<u8>| pub_socket.send(event, 0).map(|()| None).map_err(seed::failure);
                match steered.run(publish, &mut seed::Subscribe(sub_socket)) {
                    internal::End::Returned => Ok(()),
                    internal::End::Closed => Err(zmq::Error::ETERM.into()),
                    // Not PluginExecutionError: the engine is to say itself whose error it is.
                    internal::End::Failed(text) => Err(EngineError::PubSocketInProcBindError(text)),
                }
            }

            fn get_subscriptions(&self) -> Result<Vec<Box<dyn EventType>>, EngineError> {
                if let Some(late) = self.plugin.ready_after_ms {
                    // Nobody unparks this thread; if it wakes early it is less late.
                    thread::park_timeout(Duration::from_millis(late));
                }
                Ok(types(&self.plugin))
            }

            fn get_id(&self) -> Uuid {
                self.id
            }

            fn get_name(&self) -> String {
                self.plugin.name.clone()
            }

            $($internal)*
        }

        struct External {
            id: Uuid,
            plugin: config::Plugin,
        }

        impl plugins::ExternalPlugin for External {
            fn get_tcp_port(&self) -> i32 {
                self.plugin.port
            }

            fn get_subscriptions(&self) -> Result<Vec<Box<dyn EventType>>, EngineError> {
                Ok(types(&self.plugin))
            }

            fn get_id(&self) -> Uuid {
                self.id
            }

            fn get_name(&self) -> String {
                self.plugin.name.clone()
            }

            $($external)*
        }
    };
}
pub(super) use applications;

/// This project's engine in this API.
pub(super) mod own {
    super::applications!(
        event_engine,
        seed::Abilities { limits: true, late_ready: false },
        internal {
            fn queue_limits(&self) -> event_engine::QueueLimits {
                self.plugin.queue_limits()
            }
        },
        external {
            fn queue_limits(&self) -> event_engine::QueueLimits {
                self.plugin.queue_limits()
            }
            fn replicas(&self) -> usize {
                self.plugin.replicas.unwrap_or(1)
            }
        }
    );
}

/// The ancestor, event-engine 0.2.0.
pub(super) mod ancestor {
    super::applications!(
        ancestor,
        seed::Abilities { limits: false, late_ready: true },
        internal {},
        external {}
    );
}
