//! From a configuration to a running application: every queue is made and every port opened before anything runs.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::barrier::{Barrier, Laggards};
use crate::builder::{Builder, Sessions, Work};
use crate::control::outside::{Answering, Outside};
#[cfg(feature = "application")]
use crate::control::Member as Described;
use crate::control::{Control, End, Shared};
use crate::edges::bridge::Bridge;
use crate::edges::bus::{BusBindError, BusEdge, RunningBus};
use crate::edges::external::net::Binding;
use crate::edges::external::port::Port;
use crate::edges::external::{External, Served};
use crate::edges::internal::InternalEdge;
use crate::edges::{EdgeOf, Letters};
use crate::ending::{close, Ending, PluginSockets, CLOSE_WITHIN};
use crate::errors::EngineError;
use crate::filters::PluginId;
use crate::handle::Handle;
use crate::lifecycle::Lifecycles;
use crate::plugin_spec::PluginSpec;
use crate::queue::QueueLimits;
use crate::router::quiescence::{AtPort, Rest};
use crate::router::Router;
use crate::start_error::StartError;
use crate::supervisor::children::{Children, Member, Sink};
use crate::supervisor::internal::{self, Restartable};
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
    critical: bool,
    /// Processes that the engine starts for it.
    members: Vec<Member>,
    job: Job,
}

/// The threads that belong to no plugin.
struct Threads {
    bus: Option<RunningBus>,
    watch: JoinHandle<()>,
    end: JoinHandle<()>,
    guard: Option<JoinHandle<()>>,
    answering: Answering,
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
    output: Option<Sink>,
    lifecycles: Arc<Lifecycles>,
    bus: Option<BusEdge>,
    outside: Outside,
    name: String,
    #[cfg(feature = "application")]
    started: Instant,
    #[cfg(feature = "application")]
    described: Vec<Described>,
    #[cfg(feature = "application")]
    types: Vec<(String, Vec<u8>)>,
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
            output: None,
            lifecycles: Arc::new(Lifecycles::new()),
            bus: None,
            outside: Outside::default(),
            name: builder.name.clone(),
            #[cfg(feature = "application")]
            started: Instant::now(),
            #[cfg(feature = "application")]
            described: Vec::new(),
            #[cfg(feature = "application")]
            types: builder.types.clone(),
        })
    }

    /// Makes every queue and opens every port.
    fn open(&mut self, builder: Builder) -> Result<Vec<Ready>, StartError> {
        self.outside = Outside::open(&builder)?;
        let mut jobs = Vec::new();
        self.output = builder.output;
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
            restart,
            hang_after,
            critical,
            publishes,
            source: _,
        } = spec;
        let letters = Letters { redelivery_limit, dead_letter };
        let sessions = Sessions {
            ping: self.ping,
            grace: self.grace,
            letters: letters.clone(),
            one_at_a_time: hang_after.is_some(),
        };
        let mut members = Vec::new();
        let barrier = Arc::clone(&self.barrier);
        let filters: Vec<Vec<u8>> = subscriptions.into_iter().map(|(_, filter)| filter).collect();
        let internal = work.port().is_none();
        let rest = match &work {
            Work::Internal(_) | Work::Factory(_) => Rest::Thread,
            Work::SeedInternal(_) => Rest::Unseen,
            Work::External { .. } | Work::Process { .. } | Work::SeedExternal { .. } => {
                Rest::Edge(AtPort::Nobody)
            }
        };
        let (of, job): (EdgeOf, Job) = match work {
            Work::Internal(plugin) => {
                let of = self.edge_of(&name, limits, None);
                self.subscribe(&of, &filters);
                (of.clone(), Box::new(move || internal::once(&of, plugin)))
            }
            Work::Factory(factory) => {
                let of = self.edge_of(&name, limits, None);
                self.subscribe(&of, &filters);
                let restartable = Restartable {
                    of: of.clone(),
                    factory,
                    policy: restart,
                    hang_after,
                    lifecycles: Arc::clone(&self.lifecycles),
                    letters,
                };
                (of, Box::new(move || restartable.run()))
            }
            Work::Process { port, process } => {
                let waker = Self::waker(&name)?;
                let of = self.edge_of(&name, limits, Some(&waker));
                self.subscribe(&of, &filters);
                let port = self.open_port(&name, port, waker)?;
                let process = Arc::new(process);
                members.extend((1..=replicas.max(1)).map(|replica| Member {
                    plugin: of.plugin,
                    name: Arc::clone(&of.name),
                    replica,
                    replicas,
                    process: Arc::clone(&process),
                    endpoint: self.binding.address.client_endpoint(port.number),
                    policy: restart.clone(),
                    hang_after,
                }));
                let external = move |of| External::new(of, port, replicas, sessions, barrier);
                let edge_of = of.clone();
                (of, Box::new(move || Ok(served(external(edge_of).serve(Vec::new())))))
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
        #[cfg(feature = "application")]
        self.described.push(Described {
            plugin: of.plugin,
            kind: if internal { "internal" } else { "external" },
            port: self.ports.get(&name).copied().filter(|_| !internal),
            source,
            publishes,
        });
        #[cfg(not(feature = "application"))]
        let _ = publishes;
        Ok(Ready { plugin: of.plugin, name, internal, critical, members, job })
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
        #[cfg(feature = "application")]
        let plugin = of.plugin;
        let bus = BusEdge::bind(&self.port_sockets, of, &self.binding, publish, subscribe, waker).map_err(
            |error| match error {
                BusBindError::Publish(source) => self.bind_error("bus publish port".into(), publish, source),
                BusBindError::Subscribe(source) => {
                    self.bind_error("bus subscribe port".into(), subscribe, source)
                }
            },
        )?;
        #[cfg(feature = "application")]
        self.described.push(Described {
            plugin,
            kind: BUS,
            port: None,
            source: false,
            publishes: Vec::new(),
        });
        self.bus = Some(bus);
        Ok(())
    }

    fn bind_error(&self, owner: String, port: u16, source: zmq::Error) -> StartError {
        StartError::Bind { owner, port, address: self.binding.address.to_string(), source }
    }

    /// Starts all plugins behind the barrier.
    fn run(mut self, jobs: Vec<Ready>) -> Result<Handle, StartError> {
        let supervisor = Arc::new(Supervisor::new(Arc::clone(&self.router), Arc::clone(&self.lifecycles)));
        let barrier = Arc::clone(&self.barrier);
        for ready in &jobs {
            supervisor.watch(ready.plugin, &ready.name, ready.critical);
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
        let control = self.control(&supervisor);
        let started = self.start_threads(&mut jobs, &supervisor, &barrier, &control);
        match started {
            Ok(Threads { bus, watch, end, guard, answering }) => Ok(Handle {
                control,
                answering: Some(answering),
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

    /// Takes what only the outside needs to know.
    fn control(&mut self, supervisor: &Arc<Supervisor>) -> Control {
        let shared = Shared {
            router: Arc::clone(&self.router),
            supervisor: Arc::clone(supervisor),
            barrier: Arc::clone(&self.barrier),
            children: OnceLock::new(),
            lifecycles: Arc::clone(&self.lifecycles),
            waits_for_external: self.external_within.is_some(),
            max_event_bytes: self.binding.max_event_bytes,
            name: std::mem::take(&mut self.name),
            #[cfg(feature = "application")]
            started: self.started,
            #[cfg(feature = "application")]
            described: std::mem::take(&mut self.described),
            #[cfg(feature = "application")]
            types: std::mem::take(&mut self.types),
            publishes_as: OnceLock::new(),
            end: End::default(),
        };
        Control { shared: Arc::new(shared) }
    }

    fn start_threads(
        &mut self,
        jobs: &mut VecDeque<Ready>,
        supervisor: &Arc<Supervisor>,
        barrier: &Arc<Barrier>,
        control: &Control,
    ) -> std::io::Result<Threads> {
        let answering = std::mem::take(&mut self.outside).start(control)?;
        let watch = {
            let router = Arc::clone(&self.router);
            thread::Builder::new().name("ee-watch".into()).spawn(move || router.watch())?
        };
        let children = jobs.iter().any(|job| !job.members.is_empty()).then(|| {
            let (router, lifecycles) = (Arc::clone(&self.router), Arc::clone(&self.lifecycles));
            Children::new(router, Arc::clone(supervisor), lifecycles, self.output.take(), self.stop_within)
        });
        let children = children.transpose()?;
        if let Some(children) = &children {
            let _ = control.shared.children.set(Arc::clone(children));
        }
        let end = {
            let ending = Ending {
                lifecycles: Arc::clone(&self.lifecycles),
                children: children.clone(),
                router: Arc::clone(&self.router),
                supervisor: Arc::clone(supervisor),
                plugin_sockets: self.plugin_sockets.clone(),
                stop_within: self.stop_within,
            };
            thread::Builder::new().name("ee-end".into()).spawn(move || ending.see_to_the_end())?
        };
        let guard = self.external_within.map(|limits| self.guard(limits)).transpose()?;
        let bus = self.bus.take().map(BusEdge::start).transpose()?;
        let mut members = Vec::new();
        while let Some(Ready { plugin, name, internal, job, members: of_plugin, .. }) = jobs.pop_front() {
            members.extend(of_plugin);
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
        // Last, when everything is there for them.
        if let Some(children) = &children {
            members.into_iter().try_for_each(|member| children.start(member))?;
        }
        Ok(Threads { bus, watch, end, guard, answering })
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
