//! This project's engine, with an external plugin `client` and two internal ones that are steered from stdin.

use std::sync::Arc;
use std::time::{Duration, Instant};

use event_engine::{Builder, Context, Handle, Laggards, PluginSpec, QueueLimits, Report};

use crate::lines::{self, answer, Command};
use crate::source::{self, Job, Publish};
use crate::steering::{answered, bytes, in_ms, Steering};
use crate::{ledger, ports, Failure};

/// The external plugin's name.
const CLIENT: &str = "client";

/// How the application is built.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The client's port; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// What the client subscribes to; several times if need be, "" is everything
    #[arg(long, value_name = "PREFIX", default_value = "down:")]
    subscribe: Vec<String>,
    /// The largest event
    #[arg(long, value_name = "N")]
    max_event_bytes: Option<usize>,
    /// How many events the client's queue holds
    #[arg(long, value_name = "N")]
    queue_events: Option<usize>,
    /// How many clients share the port
    #[arg(long, value_name = "N", default_value_t = 1)]
    replicas: usize,
    /// The client's last event when the application is stopped
    #[arg(long, value_name = "TEXT")]
    stop_event: Option<String>,
    /// How long a stopped application waits for its plugins
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    stop_within_ms: u64,
    #[command(flatten)]
    session: Session,
}

/// Options of the session profile.
#[derive(clap::Args)]
struct Session {
    /// After so long without a sign of the client it is pinged
    #[arg(long, value_name = "N")]
    ping_ms: Option<u64>,
    /// How long a session outlives its connection
    #[arg(long, value_name = "N")]
    grace_ms: Option<u64>,
    /// Interval and time-out of ZMTP heartbeats
    #[arg(long, value_name = "N")]
    heartbeat_ms: Option<u64>,
    /// How often an event is redelivered
    #[arg(long, value_name = "N")]
    redelivery_limit: Option<u32>,
    /// What dead letters begin with
    #[arg(long, value_name = "PREFIX")]
    dead_letter: Option<String>,
    /// Start only when the client is ready, waiting so long and then failing
    #[arg(long, value_name = "N")]
    wait_for_external_ms: Option<u64>,
}

/// Serves stdin until `exit` or its end.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let (steering, jobs) = Steering::new();
    let sink = Arc::clone(&steering.sink);
    let handle = builder(options)
        .external(client(options), options.port)
        .plugin(PluginSpec::new("sink").subscribe(""), move |context| {
            while let Ok(event) = context.next_event() {
                if !sink.take(&event) {
                    return Ok(());
                }
            }
            Ok(())
        })
        .plugin(PluginSpec::new("source"), move |context| {
            source::work(&jobs, &mut Source(context));
            Ok(())
        })
        .start()?;
    let port = handle.port(CLIENT).ok_or("the client has no port")?;
    answer(&format!("port {port}"));
    let mut application = Application {
        steering,
        port,
        stop_within: Duration::from_millis(options.stop_within_ms),
        stopped: None,
        state: State::Running(handle),
    };
    lines::serve(|command| application.command(command));
    // As if the process had been killed: nobody is told.
    std::process::exit(0)
}

fn builder(options: &Options) -> Builder {
    let mut builder = Builder::new()
        // The sink gets everything.
        .allow_ambiguous_filters()
        .stop_within(Duration::from_millis(options.stop_within_ms));
    if let Some(bytes) = options.max_event_bytes {
        builder = builder.max_event_bytes(bytes);
    }
    options.session.builder(builder)
}

fn client(options: &Options) -> PluginSpec {
    // A source is told to stop as soon as its own queue is empty, whatever the others do.
    let mut spec = PluginSpec::new(CLIENT).replicas(options.replicas).source(true);
    for prefix in &options.subscribe {
        spec = spec.subscribe(prefix);
    }
    if let Some(max_events) = options.queue_events {
        spec = spec.queue_limits(QueueLimits { max_events, ..QueueLimits::default() });
    }
    if let Some(event) = &options.stop_event {
        spec = spec.stop_event(event.as_str());
    }
    options.session.spec(spec)
}

impl Session {
    fn builder(&self, mut builder: Builder) -> Builder {
        let ms = Duration::from_millis;
        if let Some(interval) = self.ping_ms {
            builder = builder.ping_every(ms(interval));
        }
        if let Some(grace) = self.grace_ms {
            builder = builder.session_grace(ms(grace));
        }
        if let Some(interval) = self.heartbeat_ms {
            builder = builder.heartbeat(ms(interval), ms(interval));
        }
        if let Some(deadline) = self.wait_for_external_ms {
            builder = builder.wait_for_external(ms(deadline), Laggards::Fail);
        }
        builder
    }

    fn spec(&self, mut spec: PluginSpec) -> PluginSpec {
        if let Some(limit) = self.redelivery_limit {
            spec = spec.redelivery_limit(limit);
        }
        if let Some(prefix) = &self.dead_letter {
            spec = spec.dead_letter(prefix);
        }
        spec
    }
}

/// The source's way to the engine.
struct Source<'a>(&'a mut Context);

impl Publish for Source<'_> {
    fn publish(&mut self, event: Vec<u8>) -> Result<(), String> {
        self.0.publish(event).map(drop).map_err(|error| error.to_string())
    }

    fn publish_batch(&mut self, events: &mut dyn Iterator<Item = Vec<u8>>) -> Result<(), String> {
        self.0.publish_batch(events).map(drop).map_err(|error| error.to_string())
    }

    fn stopping(&self) -> bool {
        self.0.stopping()
    }
}

/// The application and its commands.
struct Application {
    steering: Steering,
    port: u16,
    stop_within: Duration,
    stopped: Option<Instant>,
    state: State,
}

enum State {
    Running(Handle),
    Ended(Report),
    /// Only while one becomes the other.
    Between,
}

impl Application {
    fn command(&mut self, command: &Command<'_>) -> Option<String> {
        if let Some(result) = self.steering.command(command) {
            return answered(result);
        }
        answered(match command.name {
            "batch" => command.numbers(2).and_then(|[count, size]| {
                self.steering.give(Job::Batch { count: count.unwrap_or(0), size: bytes(size)? })
            }),
            "ledger" => Ok(Some(self.ledger())),
            "stop" => {
                self.stop();
                Ok(Some("stopping".to_string()))
            }
            "wait" => command.numbers(1).map(|[ms]| Some(self.wait(in_ms(ms)))),
            name => Err(format!("there is no command `{name}`")),
        })
    }

    fn ledger(&self) -> String {
        match &self.state {
            State::Running(handle) => ledger::of(&handle.ledger(), CLIENT).to_string(),
            State::Ended(report) => ledger::of(&report.ledger, CLIENT).to_string(),
            State::Between => "null".to_string(),
        }
    }

    fn stop(&mut self) {
        if let State::Running(handle) = &self.state {
            handle.stop();
            self.stopped.get_or_insert_with(Instant::now);
        }
    }

    /// Waits until the client's port is closed: it has quit, or the application fails. Then source and sink finish, and
    /// with them the application. After `stop` the deadline ends it, too.
    fn wait(&mut self, deadline: Instant) -> String {
        let stop_deadline = self.stopped.and_then(|stopped| stopped.checked_add(self.stop_within));
        let over = || {
            stop_deadline.is_some_and(|deadline| Instant::now() >= deadline)
                || ports::is_open(self.port).is_ok_and(|open| !open)
        };
        if matches!(self.state, State::Running(_)) {
            if !ports::wait_until(deadline, over) {
                return "running".to_string();
            }
            self.steering.finish();
            if let State::Running(handle) = std::mem::replace(&mut self.state, State::Between) {
                self.state = State::Ended(handle.wait());
            }
        }
        match &self.state {
            State::Ended(report) => {
                format!("ended {} {}", ledger::word(report.outcome(CLIENT)), ledger::report(report))
            }
            State::Running(_) | State::Between => "running".to_string(),
        }
    }
}
