//! The ancestor's engine, event-engine 0.2.0, with an external plugin and two internal ones that are steered from stdin.

use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ancestor::errors::EngineError;
use ancestor::events::EventType;
use ancestor::plugins::{ExternalPlugin, Plugin};
use ancestor::App;
use uuid::Uuid;
use zmq::Socket;

use crate::lines::{self, answer};
use crate::sink::Sink;
use crate::source::{self, Job, Publish};
use crate::steering::{answered, in_ms, Steering};
use crate::{ports, Failure};

/// The application opens its ports so soon, or it has failed.
const OPEN_WITHIN: Duration = Duration::from_secs(10);

/// How the application is built.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The client's port; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
}

/// Serves stdin until `exit` or its end.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let [publish, subscribe, free] = ports::free()?;
    let port = if options.port == 0 { free } else { options.port };
    let (steering, jobs) = Steering::new();
    let app = App::new(publish.into(), subscribe.into())
        .register_plugin(internal(Task::Sink(Arc::clone(&steering.sink))))
        .register_plugin(internal(Task::Source(Mutex::new(jobs))))
        .register_external_plugin(Arc::new(Box::new(Client { id: Uuid::new_v4(), port })));
    let (end, ended) = mpsc::channel();
    thread::spawn(move || end.send(app.run().map_err(|error| error.to_string())));
    if !ports::wait_until(Instant::now() + OPEN_WITHIN, || ports::is_open(port).unwrap_or(false)) {
        return Err(format!("the ancestor did not open port {port}").into());
    }
    answer(&format!("port {port}"));
    let mut outcome = None;
    lines::serve(|command| {
        if let Some(result) = steering.command(command) {
            return answered(result);
        }
        answered(match command.name {
            "wait" => command.numbers(1).map(|[ms]| {
                let deadline = in_ms(ms);
                if outcome.is_none() {
                    if !ports::wait_until(deadline, || ports::is_open(port).is_ok_and(|open| !open)) {
                        return Some("running".to_string());
                    }
                    steering.finish();
                    let left = deadline.saturating_duration_since(Instant::now());
                    outcome = ended.recv_timeout(left.max(Duration::from_secs(1))).ok();
                }
                Some(match &outcome {
                    Some(Ok(())) => "ended COMPLETED {}".to_string(),
                    Some(Err(_)) => "ended FAILED {}".to_string(),
                    None => "running".to_string(),
                })
            }),
            "batch" | "ledger" | "stop" => Err(format!("the ancestor has no `{}`", command.name)),
            name => Err(format!("there is no command `{name}`")),
        })
    });
    // The ancestor has no other end.
    std::process::exit(0)
}

enum Task {
    Source(Mutex<Receiver<Job>>),
    Sink(Arc<Sink>),
}

struct Internal {
    id: Uuid,
    task: Task,
}

fn internal(task: Task) -> Arc<Box<dyn Plugin>> {
    Arc::new(Box::new(Internal { id: Uuid::new_v4(), task }))
}

struct Source(Socket);

impl Publish for Source {
    fn publish(&mut self, event: Vec<u8>) -> Result<(), String> {
        self.0.send(event, 0).map_err(|error| error.to_string())
    }
}

struct Prefix(&'static str);

impl EventType for Prefix {
    fn get_name(&self) -> String {
        self.0.to_string()
    }

    fn get_filter(&self) -> Result<Vec<u8>, EngineError> {
        Ok(self.0.as_bytes().to_vec())
    }
}

impl Plugin for Internal {
    fn start(&self, pub_socket: Socket, sub_socket: Socket) -> Result<(), EngineError> {
        match &self.task {
            Task::Source(jobs) => {
                source::work(&jobs.lock().unwrap_or_else(PoisonError::into_inner), &mut Source(pub_socket));
            }
            Task::Sink(sink) => while sink.take(&sub_socket.recv_bytes(0)?) {},
        }
        Ok(())
    }

    fn get_subscriptions(&self) -> Result<Vec<Box<dyn EventType>>, EngineError> {
        Ok(match self.task {
            Task::Source(_) => vec![],
            Task::Sink(_) => vec![Box::new(Prefix(""))],
        })
    }

    fn get_id(&self) -> Uuid {
        self.id
    }

    fn get_name(&self) -> String {
        match self.task {
            Task::Source(_) => "source".into(),
            Task::Sink(_) => "sink".into(),
        }
    }
}

struct Client {
    id: Uuid,
    port: u16,
}

impl ExternalPlugin for Client {
    fn get_tcp_port(&self) -> i32 {
        self.port.into()
    }

    fn get_subscriptions(&self) -> Result<Vec<Box<dyn EventType>>, EngineError> {
        Ok(vec![Box::new(Prefix("down:"))])
    }

    fn get_id(&self) -> Uuid {
        self.id
    }

    fn get_name(&self) -> String {
        "client".into()
    }
}
