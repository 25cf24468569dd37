//! This project's engine by its own API.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use event_engine::{
    BoxError, Builder, Context, Error, Handle, Ledger, Outcome, PluginLedger, PluginSpec, Report,
};
use serde_json::{json, Map, Value};

use super::adapter::{Base64, Failure};
use super::application::{self, End, Ports};
use super::config::{self, Kind};
use super::internal::{self, Control, Event, Inbox, Steered};
use super::ports;

/// Between two looks at whether the application has ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// An application that is to be forgotten may take so long to free its ports; with clients that do not quit
/// it takes longer.
const FORGET_WITHIN: Duration = Duration::from_millis(500);

/// A started application.
pub(super) struct Application {
    plugins: BTreeMap<String, Control>,
    ports: Ports,
    stop_within: Duration,
    running: Arc<Running>,
}

/// What the thread that waits for the end shares.
struct Running {
    state: Mutex<State>,
    end: Arc<End>,
}

struct State {
    handle: Option<Handle>,
    /// The account of an application that is no more.
    ledger: Ledger,
    /// When `stop` gives up those who are left.
    stop_by: Option<Instant>,
}

impl Running {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts what the harness describes.
pub(super) fn start(config: &config::Application) -> Result<Application, Failure> {
    let mut builder = builder(config)?;
    let mut plugins = BTreeMap::new();
    for plugin in &config.plugins {
        if plugin.ready_after_ms.is_some() {
            return Err(Failure::unsupported("ready_after_ms in the engine's own API"));
        }
        builder = match plugin.kind {
            Kind::External => builder.external(spec(plugin), port(plugin.port)?),
            Kind::Internal => {
                let (control, steered) = Control::new();
                plugins.insert(plugin.name.clone(), control);
                builder.plugin(spec(plugin), |context| run(steered, context))
            }
        };
    }
    let handle = builder.start().map_err(|error| Failure::new("failed", error))?;
    let external: BTreeMap<String, u16> = config
        .plugins
        .iter()
        .filter_map(|plugin| Some((plugin.name.clone(), handle.port(&plugin.name)?)))
        .collect();
    let (publish, subscribe) = handle.bus_ports().unzip();
    let ports = Ports {
        ports: external.iter().map(|(name, port)| (name.clone(), i32::from(*port))).collect(),
        publish_port: publish.map(i32::from),
        subscribe_port: subscribe.map(i32::from),
    };
    let internal: Vec<_> = plugins.values().map(Control::state).collect();
    let external: Vec<u16> = external.into_values().collect();
    let ended = move || {
        internal.iter().all(|plugin| plugin.has_ended()) && !external.iter().any(|port| ports::is_open(*port))
    };
    let ledger = handle.ledger();
    let running = Arc::new(Running {
        state: Mutex::new(State { handle: Some(handle), ledger, stop_by: None }),
        end: Arc::default(),
    });
    let watched = Arc::clone(&running);
    thread::spawn(move || watch(&watched, ended));
    let unsaid = Duration::from_secs(10);
    let stop_within = config.stop_within_ms.map_or(unsaid, Duration::from_millis);
    Ok(Application { plugins, ports, stop_within, running })
}

fn port(number: i32) -> Result<u16, Failure> {
    u16::try_from(number).map_err(|_| Failure::unsupported("a port beyond 65535 in the engine's own API"))
}

fn builder(config: &config::Application) -> Result<Builder, Failure> {
    let ms = Duration::from_millis;
    let mut builder = Builder::new();
    if config.wants_bus() {
        let [publish, subscribe] =
            [config.publish_port, config.subscribe_port].map(|said| port(said.unwrap_or(0)));
        builder = builder.bus(publish?, subscribe?);
    }
    if let Some(address) = &config.bind {
        builder = builder.bind(address);
    }
    if let Some(bytes) = config.max_event_bytes {
        builder = builder.max_event_bytes(bytes);
    }
    if let Some(interval) = config.ping_ms {
        builder = builder.ping_every(ms(interval));
    }
    if let Some(grace) = config.grace_ms {
        builder = builder.session_grace(ms(grace));
    }
    if let Some(interval) = config.heartbeat_ms {
        builder = builder.heartbeat(ms(interval), ms(interval));
    }
    if let Some(deadline) = config.stop_within_ms {
        builder = builder.stop_within(ms(deadline));
    }
    if config.until_done {
        builder = builder.until_done();
    }
    if let Some(deadline) = config.wait_for_external_ms {
        builder = builder.wait_for_external(ms(deadline), config.laggards.unwrap_or_default().into());
    }
    if config.allow_ambiguous_filters {
        builder = builder.allow_ambiguous_filters();
    }
    Ok(builder)
}

fn spec(plugin: &config::Plugin) -> PluginSpec {
    let mut spec = PluginSpec::new(&plugin.name).queue_limits(plugin.queue_limits());
    for Base64(prefix) in &plugin.subscribe {
        spec = spec.subscribe(prefix);
    }
    if let Some(replicas) = plugin.replicas {
        spec = spec.replicas(replicas);
    }
    if let Some(Base64(event)) = &plugin.stop_event {
        spec = spec.stop_event(event);
    }
    if let Some(source) = plugin.source {
        spec = spec.source(source);
    }
    if let Some(limit) = plugin.redelivery_limit {
        spec = spec.redelivery_limit(limit);
    }
    if let Some(Base64(prefix)) = &plugin.dead_letter {
        spec = spec.dead_letter(prefix);
    }
    spec
}

/// An internal plugin.
fn run(steered: Steered, context: &mut Context) -> Result<(), BoxError> {
    let publisher = context.publisher();
    let publish = move |event: Vec<u8>| publisher.publish(event).map(Some).map_err(failure);
    match steered.run(publish, context) {
        internal::End::Returned => Ok(()),
        internal::End::Closed => Err(Error::Closed.into()),
        internal::End::Failed(text) => Err(text.into()),
    }
}

impl Inbox for Context {
    fn next(&mut self, timeout: Duration) -> Result<Event, Failure> {
        let event = self.next_event_timeout(timeout).map_err(failure)?;
        Ok((event.to_vec(), Some(event.order())))
    }

    fn is_ending(&self) -> bool {
        self.stopping()
    }
}

fn failure(error: Error) -> Failure {
    match error {
        Error::Timeout => Failure::new("timeout", error),
        Error::Closed => Failure::new("closed", error),
        Error::TooLarge { .. } => Failure::rejected("too-large", error),
        error => Failure::new("other", error),
    }
}

/// Waits for the application's end. `Handle::wait` consumes the handle, which is wanted for the ledger
/// until then; so it is called once there is nothing left to wait for.
fn watch(running: &Running, ended: impl Fn() -> bool) {
    let handle = loop {
        let mut state = running.state();
        let is_over = state.stop_by.is_some_and(|deadline| Instant::now() >= deadline);
        if is_over || ended() {
            if let Some(handle) = &state.handle {
                state.ledger = handle.ledger();
            }
            break state.handle.take();
        }
        drop(state);
        thread::park_timeout(LOOK_EVERY);
    };
    if let Some(handle) = handle {
        let report = handle.wait();
        running.state().ledger = report.ledger.clone();
        running.end.come(answer(&report));
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
        Arc::clone(&self.running.end)
    }

    fn ledger(&self) -> Result<Value, Failure> {
        let state = self.running.state();
        Ok(state.handle.as_ref().map_or_else(|| ledger(&state.ledger), |handle| ledger(&handle.ledger())))
    }

    fn stop(&self) -> Result<Value, Failure> {
        let mut state = self.running.state();
        if let Some(handle) = &state.handle {
            handle.stop();
            state.stop_by = state.stop_by.or_else(|| Instant::now().checked_add(self.stop_within));
        }
        Ok(json!({}))
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.plugins.clear();
        let _ = application::Application::stop(self);
        self.running.end.wait(FORGET_WITHIN);
    }
}

/// The answer to `wait`.
fn answer(report: &Report) -> application::Report {
    let outcomes =
        report.plugins.iter().map(|plugin| (plugin.name.to_string(), word(&plugin.outcome))).collect();
    let mut failures = report
        .plugins
        .iter()
        .filter(|plugin| plugin.outcome.is_failure())
        .map(|plugin| format!("{}: {}", plugin.name, plugin.outcome));
    application::Report {
        success: report.is_success(),
        error: report.failure.clone().or_else(|| failures.next()),
        outcomes: Some(outcomes),
        ledger: Some(ledger(&report.ledger)),
    }
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Completed => "completed",
        Outcome::Stopped => "stopped",
        Outcome::Failed(_) => "failed",
        Outcome::Panicked(_) => "panicked",
        _ => "unfinished",
    }
}

fn ledger(ledger: &Ledger) -> Value {
    let plugins: Map<String, Value> =
        ledger.plugins.iter().map(|plugin| (plugin.name.to_string(), account(plugin))).collect();
    json!({
        "plugins": plugins,
        "accepted": ledger.accepted,
        "unmatched": ledger.unmatched,
        "parked": ledger.parked,
        "balances": ledger.balances(),
    })
}

fn account(plugin: &PluginLedger) -> Value {
    json!({
        "published": plugin.published,
        "matched": plugin.matched,
        "delivered": plugin.delivered,
        "handed_over": plugin.handed_over,
        "queued": plugin.queued,
        "in_flight": plugin.in_flight,
        "shed": plugin.shed,
        "discarded": plugin.discarded,
        "dead_lettered": plugin.dead_lettered,
        "redelivered": plugin.redelivered,
        "refused": plugin.refused,
    })
}
