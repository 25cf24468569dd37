//! From a configuration to a running application: every queue is made and every port opened before anything runs.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::barrier::{Barrier, Laggards};
use crate::builder::{Builder, InternalPlugin, PluginSpec, Sessions, StartError, Work};
use crate::context::{Context, Error, Publisher};
use crate::edges::bridge::Bridge;
use crate::edges::bus::{BusBindError, BusEdge, RunningBus};
use crate::edges::external::net::Binding;
use crate::edges::external::port::Port;
use crate::edges::external::{External, Served};
use crate::edges::internal::InternalEdge;
use crate::edges::EdgeOf;
use crate::ending::{close, Ending, PluginSockets, CLOSE_WITHIN};
use crate::errors::EngineError;
use crate::filters::PluginId;
use crate::handle::{Control, Handle};
use crate::queue::QueueLimits;
use crate::router::quiescence::{AtPort, Rest};
use crate::router::Router;
use crate::supervisor::{BoxError, Outcome, Supervisor};
use crate::wake::Waker;
use crate::zmq_ffi::ZmqContext;

/// The name of the bus ports in the ledger.
const BUS: &str = "bus";

type Job = Box<dyn FnOnce() -> Result<Outcome, BoxError> + Send>;

/// Starts what a checked builder describes.
pub(crate) fn start(builder: Builder) -> Result<Handle, StartError> {
    let mut starting = Starting::new(&builder)?;
    match starting.open(builder) {
        Ok(jobs) => starting.run(jobs),
        Err(error) => {
            starting.give_up();
            Err(error)
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

/// The threads that belong to no plugin.
struct Threads {
    bus: Option<RunningBus>,
    watch: JoinHandle<()>,
    end: JoinHandle<()>,
    guard: Option<JoinHandle<()>>,
}

/// An application between its configuration and its first event.
struct Starting {
    router: Arc<Router>,
    binding: Binding,
    barrier: Arc<Barrier>,
    external_within: Option<(Duration, Laggards)>,
    ping: Duration,
    grace: Duration,
    stop_within: Duration,
    plugin_sockets: PluginSockets,
    port_sockets: ZmqContext,
    ports: BTreeMap<String, u16>,
    until_done: bool,
    bus: Option<BusEdge>,
}

/// The system refused something; most often it is the limit of file descriptors.
fn no_resources(owner: &str, what: impl fmt::Display) -> StartError {
    let what = what.to_string();
    let full = what.contains("Too many open files");
    let advice = if full { "; raise the limit of file descriptors (ulimit -n)" } else { "" };
    StartError::Resources { owner: owner.to_string(), what: format!("{what}{advice}") }
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
            binding: Binding {
                address,
                max_event_bytes: builder.max_event_bytes,
                heartbeat: builder.heartbeat,
            },
            barrier: Arc::new(Barrier::new()),
            external_within: builder.external_within,
            ping: builder.ping,
            grace: builder.grace,
            stop_within: builder.stop_within,
            plugin_sockets: PluginSockets::new(context()?),
            port_sockets: context()?,
            ports: BTreeMap::new(),
            until_done: builder.until_done,
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

    fn edge_of(&self, name: &str, limits: QueueLimits, waker: Option<&Arc<Waker>>) -> EdgeOf {
        EdgeOf {
            router: Arc::clone(&self.router),
            plugin: self.router.register(name, limits, waker),
            name: Arc::from(name),
            max_event_bytes: self.binding.max_event_bytes,
        }
    }

    fn waker(owner: &str) -> Result<Arc<Waker>, StartError> {
        Waker::new().map_err(|error| no_resources(owner, error))
    }

    fn open_plugin(&mut self, spec: PluginSpec, work: Work) -> Result<Ready, StartError> {
        let source = spec.is_source();
        let PluginSpec {
            name,
            subscriptions,
            limits,
            replicas,
            stop_event,
            redelivery_limit,
            dead_letter,
            ..
        } = spec;
        let sessions = Sessions { ping: self.ping, grace: self.grace, redelivery_limit, dead_letter };
        let barrier = Arc::clone(&self.barrier);
        let filters: Vec<Vec<u8>> = subscriptions.into_iter().map(|(_, filter)| filter).collect();
        let internal = work.port().is_none();
        let rest = match &work {
            Work::Internal(_) => Rest::Thread,
            Work::SeedInternal(_) => Rest::Unseen,
            Work::External { .. } | Work::SeedExternal { .. } => Rest::Edge(AtPort::Nobody),
        };
        let (of, job): (EdgeOf, Job) = match work {
            Work::Internal(plugin) => {
                let of = self.edge_of(&name, limits, None);
                self.subscribe(&of, &filters);
                (of.clone(), own_internal_job(of, plugin))
            }
            Work::External { port } => {
                let waker = Self::waker(&name)?;
                let of = self.edge_of(&name, limits, Some(&waker));
                self.subscribe(&of, &filters);
                let port = self.open_port(&name, port, waker)?;
                let external = move |of| External::new(of, port, replicas, sessions, barrier);
                let edge_of = of.clone();
                (of, Box::new(move || Ok(served(external(edge_of).serve(Vec::new())))))
            }
            Work::SeedInternal(plugin) => {
                let waker = Self::waker(&name)?;
                let of = self.edge_of(&name, limits, Some(&waker));
                let (edge, sockets) = self
                    .plugin_sockets
                    .with(|context| InternalEdge::open(context, of.clone(), &filters, waker))
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
                let of = self.edge_of(&name, limits, Some(&port_waker));
                let port = self.open_port(&name, port, Arc::clone(&port_waker))?;
                let open = |context: &ZmqContext| {
                    Bridge::open(context, of.clone(), &filters, port, port_waker, pump_waker)
                };
                let (bridge, sockets) =
                    self.plugin_sockets.with(open).map_err(|error| no_resources(&name, error))?;
                let edge_of = of.clone();
                let job: Job = Box::new(move || {
                    let running = bridge.start()?;
                    let (result, port) = running.run(|| {
                        plugin.start(sockets.plugin.publish, sockets.plugin.subscribe, sockets.external)
                    });
                    match port {
                        Some((port, before)) => {
                            let external = External::new(edge_of, port, replicas, sessions, barrier);
                            Ok(served(external.serve(before)))
                        }
                        None => seed_outcome(&edge_of.router, result),
                    }
                });
                (of, job)
            }
        };
        self.router.describe(of.plugin, source, stop_event, rest);
        Ok(Ready { plugin: of.plugin, name, internal, job })
    }

    fn subscribe(&self, of: &EdgeOf, filters: &[Vec<u8>]) {
        for filter in filters {
            self.router.subscribe(of.plugin, filter);
        }
    }

    fn open_port(&mut self, name: &str, port: u16, waker: Arc<Waker>) -> Result<Port, StartError> {
        let opened = Port::bind(&self.port_sockets, &self.binding, port, waker)
            .map_err(|source| self.bind_error(format!("plugin {name}"), port, source))?;
        self.ports.insert(name.to_string(), opened.number);
        Ok(opened)
    }

    fn open_bus(&mut self, publish: u16, subscribe: u16) -> Result<(), StartError> {
        let waker = Self::waker(BUS)?;
        let of = self.edge_of(BUS, QueueLimits::default(), Some(&waker));
        self.router.rests_as(of.plugin, Rest::Bus);
        let bus = BusEdge::bind(&self.port_sockets, of, &self.binding, publish, subscribe, waker).map_err(
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
        StartError::Bind { owner, port, address: self.binding.address.to_string(), source }
    }

    /// Starts all plugins behind the barrier.
    fn run(mut self, jobs: Vec<Ready>) -> Result<Handle, StartError> {
        let supervisor = Arc::new(Supervisor::default());
        let barrier = Arc::clone(&self.barrier);
        for ready in &jobs {
            supervisor.watch(ready.plugin, &ready.name);
            if ready.internal || self.external_within.is_some() {
                barrier.expect(ready.plugin, &ready.name, !ready.internal);
            }
        }
        barrier.arm();
        let bus_ports = self.bus.as_ref().map(|bus| (bus.publish_port, bus.subscribe_port));
        let mut jobs = VecDeque::from(jobs);
        if self.until_done {
            self.router.until_done();
        }
        let started = self.start_threads(&mut jobs, &supervisor, &barrier);
        match started {
            Ok(Threads { bus, watch, end, guard }) => Ok(Handle {
                control: Control {
                    router: self.router,
                    supervisor,
                    barrier,
                    waits_for_external: self.external_within.is_some(),
                },
                ports: self.ports,
                bus_ports,
                bus,
                threads: [watch, end].into_iter().chain(guard).collect(),
                plugin_sockets: self.plugin_sockets,
                port_sockets: Some(self.port_sockets),
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
    ) -> std::io::Result<Threads> {
        let watch = {
            let router = Arc::clone(&self.router);
            thread::Builder::new().name("ee-watch".into()).spawn(move || router.watch())?
        };
        let end = {
            let ending = Ending {
                router: Arc::clone(&self.router),
                supervisor: Arc::clone(supervisor),
                plugin_sockets: self.plugin_sockets.clone(),
                stop_within: self.stop_within,
            };
            thread::Builder::new().name("ee-end".into()).spawn(move || ending.see_to_the_end(&|_| {}))?
        };
        let guard = self.external_within.map(|limits| self.guard(limits)).transpose()?;
        let bus = self.bus.take().map(BusEdge::start).transpose()?;
        while let Some(Ready { plugin, name, internal, job }) = jobs.pop_front() {
            let barrier = Arc::clone(barrier);
            let router = Arc::clone(&self.router);
            supervisor.spawn(plugin, &name, move || {
                let _close = OnDrop(Some(|| {
                    router.ended(plugin);
                    // Whoever has finished is waited for no more.
                    barrier.arrive(plugin);
                }));
                if internal && !barrier.ready(plugin) {
                    return Ok(Outcome::Stopped);
                }
                if barrier.is_open() {
                    router.opened();
                }
                job()
            })?;
        }
        Ok(Threads { bus, watch, end, guard })
    }

    /// Sees to it that the application does not wait for external plugins longer than it was told.
    fn guard(&self, (within, laggards): (Duration, Laggards)) -> std::io::Result<JoinHandle<()>> {
        let (barrier, router) = (Arc::clone(&self.barrier), Arc::clone(&self.router));
        let deadline = Instant::now().checked_add(within);
        thread::Builder::new().name("ee-barrier".into()).spawn(move || {
            if let Some(names) = barrier.guard(deadline, laggards) {
                let failure = format!(
                    "not ready within {within:?}: {names}; start them, give them more time, or let the application start without them"
                );
                tracing::error!("the application does not start: {failure}");
                router.abort(Some(failure));
            }
        })
    }

    /// Frees every port again.
    fn give_up(self) {
        let Starting { bus, plugin_sockets, port_sockets, .. } = self;
        drop(bus);
        plugin_sockets.close(CLOSE_WITHIN);
        close(Some(port_sockets), CLOSE_WITHIN);
    }
}

fn own_internal_job(of: EdgeOf, plugin: Box<dyn InternalPlugin>) -> Job {
    Box::new(move || {
        let publisher = Publisher::new(Arc::clone(&of.router), of.plugin, of.max_event_bytes);
        let mut context = Context::new(Arc::clone(&of.name), publisher);
        match plugin.run(&mut context) {
            Ok(()) => Ok(Outcome::Completed),
            Err(error) if of.router.is_stopping() && error.downcast_ref() == Some(&Error::Closed) => {
                Ok(Outcome::Stopped)
            }
            Err(error) => Err(error),
        }
    })
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
