//! The same application on the API of event-engine 0.2, for this engine and for event-engine 0.2.0 itself: it is
//! written once, so that it compiles with both is the proof that this engine keeps that API.

use std::net::{Ipv4Addr, TcpListener};

use crate::Failure;

/// TCP ports that are free on every address, since the ancestor opens them on all.
fn free_ports<const N: usize>() -> Result<[u16; N], Failure> {
    let mut ports = [0; N];
    let mut held = Vec::new();
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

macro_rules! application {
    ($engine:ident, $system:expr) => {
        use std::sync::Arc;
        use std::thread;

        use uuid::Uuid;
        use $engine::errors::EngineError;
        use $engine::events::EventType;
        use $engine::plugins::{ExternalPlugin, Plugin};
        use $engine::App;
        use zmq::Socket;

        use super::free_ports;
        use crate::external::{Client, Rounds};
        use crate::measurement::Measurement;
        use crate::payload::FILTER;
        use crate::plan::{Kind, Load};
        use crate::run::Run;
        use crate::Failure;

        struct BenchType;

        impl EventType for BenchType {
            fn get_name(&self) -> String {
                "bench".into()
            }

            fn get_filter(&self) -> Result<Vec<u8>, EngineError> {
                Ok(FILTER.to_vec())
            }
        }

        /// What an internal plugin does.
        enum Task {
            Read(Arc<Run>),
            Publish(Arc<Run>),
            PublishRounds(Arc<Rounds>),
        }

        struct Worker {
            id: Uuid,
            task: Task,
        }

        impl Worker {
            fn boxed(task: Task) -> Arc<Box<dyn Plugin>> {
                Arc::new(Box::new(Worker { id: Uuid::new_v4(), task }))
            }

            fn failed(&self, why: &dyn std::fmt::Display) -> EngineError {
                EngineError::PluginExecutionError(self.get_name(), self.id.to_string(), why.to_string())
            }
        }

        impl Plugin for Worker {
            fn start(&self, pub_socket: Socket, sub_socket: Socket) -> Result<(), EngineError> {
                match &self.task {
                    Task::Publish(run) => run.produce(|event| pub_socket.send(event, 0))?,
                    Task::PublishRounds(rounds) => rounds.produce(|event| pub_socket.send(event, 0))?,
                    Task::Read(run) => {
                        let mut reader = run.reader();
                        while !reader.take(&sub_socket.recv_msg(0)?).map_err(|why| self.failed(&why))? {}
                    }
                }
                Ok(())
            }

            fn get_subscriptions(&self) -> Result<Vec<Box<dyn EventType>>, EngineError> {
                Ok(match self.task {
                    Task::Read(_) => vec![Box::new(BenchType)],
                    Task::Publish(_) | Task::PublishRounds(_) => vec![],
                })
            }

            fn get_id(&self) -> Uuid {
                self.id
            }

            fn get_name(&self) -> String {
                match self.task {
                    Task::Read(_) => "reader".into(),
                    Task::Publish(_) | Task::PublishRounds(_) => "source".into(),
                }
            }
        }

        /// A client at a TCP port.
        struct Outside {
            id: Uuid,
            port: u16,
            subscribes: bool,
        }

        impl ExternalPlugin for Outside {
            fn get_tcp_port(&self) -> i32 {
                self.port.into()
            }

            fn get_subscriptions(&self) -> Result<Vec<Box<dyn EventType>>, EngineError> {
                Ok(if self.subscribes { vec![Box::new(BenchType)] } else { vec![] })
            }

            fn get_id(&self) -> Uuid {
                self.id
            }

            fn get_name(&self) -> String {
                "client".into()
            }
        }

        /// One source, many readers.
        pub(crate) fn internal(kind: Kind, load: Load) -> Result<Measurement, Failure> {
            let run = Run::new(kind, load, $system);
            let [publish, subscribe] = free_ports()?;
            let mut app = App::new(publish.into(), subscribe.into());
            for _ in 0..load.readers {
                app = app.register_plugin(Worker::boxed(Task::Read(Arc::clone(&run))));
            }
            app.register_plugin(Worker::boxed(Task::Publish(Arc::clone(&run))))
                .run()
                .map_err(|error| error.to_string())?;
            run.measurement()
        }

        /// A client at an external plugin's port.
        pub(crate) fn external(kind: Kind, load: Load) -> Result<Measurement, Failure> {
            let run = Run::new(kind, load, $system);
            let rounds = Rounds::new(load, $system);
            let [publish, subscribe, port] = free_ports()?;
            let subscribes = kind == Kind::ExternalNext;
            let mut app = App::new(publish.into(), subscribe.into());
            if subscribes {
                app = app.register_plugin(Worker::boxed(Task::PublishRounds(Arc::clone(&rounds))));
            } else {
                for _ in 0..load.readers {
                    app = app.register_plugin(Worker::boxed(Task::Read(Arc::clone(&run))));
                }
            }
            let outside = Outside { id: Uuid::new_v4(), port, subscribes };
            let app = app.register_external_plugin(Arc::new(Box::new(outside)));
            let app = thread::spawn(move || app.run().map_err(|error| error.to_string()));
            let client = Client::connect(port)?;
            let measurement = client.measure(kind, &run, &rounds)?;
            // After a loss a reply is owed, the client cannot quit, and the application goes on until the process ends.
            if measurement.delivered == measurement.sent {
                client.quit()?;
                app.join().map_err(|_| "the application panicked")??;
            }
            Ok(measurement)
        }
    };
}

/// This engine.
pub(crate) mod seed {
    application!(event_engine, crate::system::System::Seed);
}

/// event-engine 0.2.0.
pub(crate) mod ancestor {
    application!(ancestor, crate::system::System::Ancestor);
}
