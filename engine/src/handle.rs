//! A running application.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::barrier::Barrier;
use crate::builder::{Builder, PluginSpec, StartError, Work};
use crate::context::{Context, Error, Publisher};
use crate::edges::bridge::Bridge;
use crate::edges::bus::{BusBindError, BusEdge, RunningBus};
use crate::edges::external::net::BindAddress;
use crate::edges::external::port::Port;
use crate::edges::external::{External, Served};
use crate::edges::internal::InternalEdge;
use crate::edges::EdgeOf;
use crate::errors::EngineError;
use crate::filters::PluginId;
use crate::ledger::Ledger;
use crate::payload::Payload;
use crate::queue::{Acknowledges, QueueLimits};
use crate::router::Router;
use crate::supervisor::{BoxError, Outcome, Supervisor};
use crate::wake::Waker;
use crate::zmq_ffi::ZmqContext;

/// What is left after the deadline gets so long to notice.
const LAST_CHANCE: Duration = Duration::from_secs(1);
/// How long sockets may take to send what they hold and to free their ports.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
/// The name of the bus ports in the ledger.
pub(crate) const BUS: &str = "bus";

type Job = Box<dyn FnOnce() -> Result<Outcome, BoxError> + Send>;

/// How one plugin ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PluginReport {
    /// The plugin's name.
    pub name: Arc<str>,
    /// How it ended.
    pub outcome: Outcome,
}

/// How an application ended.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// Every plugin, in the order of registration.
    pub plugins: Vec<PluginReport>,
    /// The account at the end.
    pub ledger: Ledger,
    /// Why the application failed as a whole, if it did.
    pub failure: Option<String>,
    pub(crate) errors: Vec<(PluginId, BoxError)>,
}

impl Report {
    /// Whether the application and every plugin ended as they should.
    pub fn is_success(&self) -> bool {
        self.failure.is_none()
            && self
                .plugins
                .iter()
                .all(|plugin| matches!(plugin.outcome, Outcome::Completed | Outcome::Stopped))
    }

    /// How the plugin called `name` ended.
    pub fn outcome(&self, name: &str) -> Option<&Outcome> {
        self.plugins.iter().find(|plugin| &*plugin.name == name).map(|plugin| &plugin.outcome)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for plugin in &self.plugins {
            writeln!(f, "{}: {}", plugin.name, plugin.outcome)?;
        }
        if let Some(failure) = &self.failure {
            writeln!(f, "the application failed: {failure}")?;
        }
        write!(f, "{}", self.ledger)
    }
}

/// A running application. Dropping it stops it.
pub struct Handle {
    router: Arc<Router>,
    supervisor: Arc<Supervisor>,
    ports: BTreeMap<String, u16>,
    bus_ports: Option<(u16, u16)>,
    bus: Option<RunningBus>,
    watch: Option<JoinHandle<()>>,
    /// Sockets of plugins, which may hold them for long.
    plugin_sockets: Option<ZmqContext>,
    /// Sockets of ports, which only the engine holds.
    port_sockets: Option<ZmqContext>,
    stop_events: Vec<(PluginId, Payload)>,
    stop_within: Duration,
}

impl Handle {
    pub(crate) fn start(builder: Builder) -> Result<Self, StartError> {
        let mut starting = Starting::new(&builder)?;
        match starting.open(builder) {
            Ok(jobs) => starting.run(jobs),
            Err(error) => {
                starting.give_up();
                Err(error)
            }
        }
    }

    /// The TCP port of the external plugin called `plugin`.
    pub fn port(&self, plugin: &str) -> Option<u16> {
        self.ports.get(plugin).copied()
    }

    /// The ports of the bus, if it is open: where processes publish, and where they subscribe.
    pub fn bus_ports(&self) -> Option<(u16, u16)> {
        self.bus_ports
    }

    /// The account of every event at this moment.
    pub fn ledger(&self) -> Ledger {
        self.router.ledger()
    }

    /// Asks the application to end: plugins get what is queued, then [`Error::Closed`]; external ones their stop event. Returns at
    /// once; [`Handle::wait`] waits for the end, at most until the deadline.
    pub fn stop(&self) {
        for (plugin, event) in &self.stop_events {
            self.router.push_stop_event(*plugin, event.clone());
        }
        self.router.drain();
        self.supervisor.end_by(Instant::now() + self.stop_within);
    }

    /// Waits until every plugin has finished and returns how.
    pub fn wait(mut self) -> Report {
        self.end()
    }

    fn end(&mut self) -> Report {
        if !self.supervisor.wait() {
            self.router.abort(None);
            if let Some(context) = &self.plugin_sockets {
                context.shutdown();
            }
            self.supervisor.wait_until(Instant::now() + LAST_CHANCE);
        }
        if let Some(bus) = self.bus.take() {
            bus.end();
        }
        self.router.abort(None);
        if let Some(watch) = self.watch.take() {
            let _ = watch.join();
        }
        let report = Report {
            plugins: self
                .supervisor
                .outcomes()
                .into_iter()
                .map(|(_, name, outcome)| PluginReport { name, outcome })
                .collect(),
            ledger: self.router.ledger(),
            failure: self.router.failure(),
            errors: self.supervisor.take_errors(),
        };
        let stuck = report.plugins.iter().any(|plugin| plugin.outcome == Outcome::Unfinished);
        close(self.plugin_sockets.take(), if stuck { Duration::ZERO } else { CLOSE_WITHIN });
        close(self.port_sockets.take(), CLOSE_WITHIN);
        tracing::info!("the application has ended\n{report}");
        report
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.port_sockets.is_some() {
            self.stop();
            self.end();
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("ports", &self.ports)
            .field("bus_ports", &self.bus_ports)
            .finish_non_exhaustive()
    }
}

fn close(context: Option<ZmqContext>, within: Duration) {
    if let Some(context) = context {
        context.shutdown();
        if !context.terminate(within) && !within.is_zero() {
            tracing::warn!(
                "a socket of this application is still in use; it is freed when its holder drops it"
            );
        }
    }
}

/// A plugin that is ready to be started.
struct Ready {
    plugin: PluginId,
    name: String,
    internal: bool,
    job: Job,
}

/// An application between its configuration and its first event.
struct Starting {
    router: Arc<Router>,
    address: BindAddress,
    max_event_bytes: usize,
    stop_within: Duration,
    plugin_sockets: ZmqContext,
    port_sockets: ZmqContext,
    ports: BTreeMap<String, u16>,
    stop_events: Vec<(PluginId, Payload)>,
    bus: Option<BusEdge>,
}

fn no_resources(owner: &str, what: impl fmt::Display) -> StartError {
    StartError::Resources { owner: owner.to_string(), what: what.to_string() }
}

impl Starting {
    fn new(builder: &Builder) -> Result<Self, StartError> {
        let address = builder.address()?;
        let opens_ports =
            builder.bus.is_some() || builder.plugins.iter().any(|(_, work)| work.port().is_some());
        if opens_ports && !address.is_loopback() {
            tracing::warn!(
                "ports are opened at {address}: whoever reaches them can read and publish events, as there is no \
                 encryption or authentication yet"
            );
        }
        let context = || ZmqContext::new().map_err(|error| no_resources("the application", error));
        Ok(Starting {
            router: Arc::new(Router::new()),
            address,
            max_event_bytes: builder.max_event_bytes,
            stop_within: builder.stop_within,
            plugin_sockets: context()?,
            port_sockets: context()?,
            ports: BTreeMap::new(),
            stop_events: Vec::new(),
            bus: None,
        })
    }

    /// Makes every queue and opens every port.
    fn open(&mut self, builder: Builder) -> Result<Vec<Ready>, StartError> {
        let mut jobs = Vec::new();
        for (spec, work) in builder.plugins {
            jobs.push(self.open_plugin(spec, work)?);
        }
        if let Some((publish, subscribe)) = builder.bus {
            self.open_bus(publish, subscribe)?;
        }
        Ok(jobs)
    }

    fn edge_of(
        &self,
        name: &str,
        limits: QueueLimits,
        acknowledges: Acknowledges,
        waker: Option<&Arc<Waker>>,
    ) -> EdgeOf {
        EdgeOf {
            router: Arc::clone(&self.router),
            plugin: self.router.register(name, limits, acknowledges, waker),
            name: Arc::from(name),
            max_event_bytes: self.max_event_bytes,
        }
    }

    fn waker(owner: &str) -> Result<Arc<Waker>, StartError> {
        Waker::new().map_err(|error| no_resources(owner, error))
    }

    fn open_plugin(&mut self, spec: PluginSpec, work: Work) -> Result<Ready, StartError> {
        let PluginSpec { name, subscriptions, limits, replicas, stop_event } = spec;
        let filters: Vec<Vec<u8>> = subscriptions.into_iter().map(|(_, filter)| filter).collect();
        let internal = work.port().is_none();
        let (of, job): (EdgeOf, Job) = match work {
            Work::Internal(plugin) => {
                let of = self.edge_of(&name, limits, Acknowledges::Yes, None);
                self.subscribe(&of, &filters);
                (of.clone(), own_internal_job(of, plugin))
            }
            Work::External { port } => {
                let waker = Self::waker(&name)?;
                let of = self.edge_of(&name, limits, Acknowledges::No, Some(&waker));
                self.subscribe(&of, &filters);
                let port = self.open_port(&name, port, waker)?;
                (of.clone(), own_external_job(of, port, replicas))
            }
            Work::SeedInternal(plugin) => {
                let waker = Self::waker(&name)?;
                let of = self.edge_of(&name, limits, Acknowledges::No, Some(&waker));
                let (edge, sockets) = InternalEdge::open(&self.plugin_sockets, of.clone(), &filters, waker)
                    .map_err(|error| no_resources(&name, error))?;
                let (router, id) = (Arc::clone(&of.router), of.plugin);
                let edge_of = of.clone();
                let job: Job = Box::new(move || {
                    let running = edge.start()?;
                    let _finish = OnDrop(Some(move || {
                        router.close(id);
                        running.finish();
                    }));
                    seed_outcome(&edge_of.router, plugin.start(sockets.publish, sockets.subscribe))
                });
                (of, job)
            }
            Work::SeedExternal { plugin, port } => {
                let (port_waker, pump_waker) = (Self::waker(&name)?, Self::waker(&name)?);
                let of = self.edge_of(&name, limits, Acknowledges::No, Some(&port_waker));
                let port = self.open_port(&name, port, Arc::clone(&port_waker))?;
                let (bridge, sockets) =
                    Bridge::open(&self.plugin_sockets, of.clone(), &filters, port, port_waker, pump_waker)
                        .map_err(|error| no_resources(&name, error))?;
                let edge_of = of.clone();
                let job: Job = Box::new(move || {
                    let running = bridge.start()?;
                    let (result, port) = running.run(|| {
                        plugin.start(sockets.plugin.publish, sockets.plugin.subscribe, sockets.external)
                    });
                    match port {
                        Some((port, before)) => {
                            Ok(served(External::new(edge_of, port, replicas).serve(before)))
                        }
                        None => seed_outcome(&edge_of.router, result),
                    }
                });
                (of, job)
            }
        };
        if let Some(event) = stop_event {
            self.stop_events.push((of.plugin, event));
        }
        Ok(Ready { plugin: of.plugin, name, internal, job })
    }

    fn subscribe(&self, of: &EdgeOf, filters: &[Vec<u8>]) {
        for filter in filters {
            self.router.subscribe(of.plugin, filter);
        }
    }

    fn open_port(&mut self, name: &str, port: u16, waker: Arc<Waker>) -> Result<Port, StartError> {
        let opened = Port::bind(&self.port_sockets, &self.address, port, self.max_event_bytes, waker)
            .map_err(|source| self.bind_error(format!("plugin {name}"), port, source))?;
        self.ports.insert(name.to_string(), opened.number);
        Ok(opened)
    }

    fn open_bus(&mut self, publish: u16, subscribe: u16) -> Result<(), StartError> {
        let waker = Self::waker(BUS)?;
        let of = self.edge_of(BUS, QueueLimits::default(), Acknowledges::No, Some(&waker));
        let bus = BusEdge::bind(&self.port_sockets, of, &self.address, publish, subscribe, waker).map_err(
            |error| match error {
                BusBindError::Publish(source) => self.bind_error("bus publish port".into(), publish, source),
                BusBindError::Subscribe(source) => {
                    self.bind_error("bus subscribe port".into(), subscribe, source)
                }
            },
        )?;
        self.bus = Some(bus);
        Ok(())
    }

    fn bind_error(&self, owner: String, port: u16, source: zmq::Error) -> StartError {
        StartError::Bind { owner, port, address: self.address.to_string(), source }
    }

    /// Starts all plugins behind the barrier.
    fn run(mut self, jobs: Vec<Ready>) -> Result<Handle, StartError> {
        let supervisor = Arc::new(Supervisor::default());
        let internal =
            jobs.iter().filter(|job| job.internal).map(|job| (job.plugin, job.name.clone())).collect();
        let barrier = Arc::new(Barrier::new(internal));
        for ready in &jobs {
            supervisor.watch(ready.plugin, &ready.name);
        }
        let bus_ports = self.bus.as_ref().map(|bus| (bus.publish_port, bus.subscribe_port));
        let mut jobs = VecDeque::from(jobs);
        let started = self.start_threads(&mut jobs, &supervisor, &barrier);
        match started {
            Ok((bus, watch)) => Ok(Handle {
                router: self.router,
                supervisor,
                ports: self.ports,
                bus_ports,
                bus,
                watch: Some(watch),
                plugin_sockets: Some(self.plugin_sockets),
                port_sockets: Some(self.port_sockets),
                stop_events: self.stop_events,
                stop_within: self.stop_within,
            }),
            Err(error) => {
                barrier.cancel();
                self.router.abort(None);
                drop(jobs);
                self.give_up();
                Err(no_resources("the application", format!("a thread could not be started: {error}")))
            }
        }
    }

    fn start_threads(
        &mut self,
        jobs: &mut VecDeque<Ready>,
        supervisor: &Arc<Supervisor>,
        barrier: &Arc<Barrier>,
    ) -> std::io::Result<(Option<RunningBus>, JoinHandle<()>)> {
        let watch = {
            let (router, supervisor) = (Arc::clone(&self.router), Arc::clone(supervisor));
            thread::Builder::new().name("ee-watch".into()).spawn(move || {
                router.watch();
                if router.failure().is_some() {
                    supervisor.fail();
                }
            })?
        };
        let bus = self.bus.take().map(BusEdge::start).transpose()?;
        while let Some(Ready { plugin, name, internal, job }) = jobs.pop_front() {
            let barrier = Arc::clone(barrier);
            let router = Arc::clone(&self.router);
            supervisor.spawn(plugin, &name, move || {
                let _close = OnDrop(Some(|| router.close(plugin)));
                if internal && !barrier.ready(plugin) {
                    return Ok(Outcome::Stopped);
                }
                job()
            })?;
        }
        Ok((bus, watch))
    }

    /// Frees every port again.
    fn give_up(self) {
        let Starting { bus, plugin_sockets, port_sockets, .. } = self;
        drop(bus);
        close(Some(plugin_sockets), CLOSE_WITHIN);
        close(Some(port_sockets), CLOSE_WITHIN);
    }
}

fn own_internal_job(of: EdgeOf, plugin: Box<dyn crate::builder::InternalPlugin>) -> Job {
    Box::new(move || {
        let publisher = Publisher::new(Arc::clone(&of.router), of.plugin, of.max_event_bytes);
        let mut context = Context::new(Arc::clone(&of.name), publisher);
        match plugin.run(&mut context) {
            Ok(()) => Ok(Outcome::Completed),
            Err(error) if of.router.is_draining() && error.downcast_ref() == Some(&Error::Closed) => {
                Ok(Outcome::Stopped)
            }
            Err(error) => Err(error),
        }
    })
}

fn own_external_job(of: EdgeOf, port: Port, replicas: usize) -> Job {
    Box::new(move || Ok(served(External::new(of, port, replicas).serve(Vec::new()))))
}

/// Sockets that were closed under a plugin of the ancestor's API because the application ended are no failure of its.
fn seed_outcome(router: &Router, result: Result<(), EngineError>) -> Result<Outcome, BoxError> {
    match result {
        Ok(()) => Ok(Outcome::Completed),
        Err(_) if router.is_aborted() => Ok(Outcome::Stopped),
        Err(error) => Err(error.into()),
    }
}

fn served(served: Served) -> Outcome {
    match served {
        Served::Quit => Outcome::Completed,
        Served::Aborted => Outcome::Stopped,
    }
}

/// Runs a closure at the end of a scope, however that comes.
struct OnDrop<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(run) = self.0.take() {
            run();
        }
    }
}
