//! From a configuration to a running application: every queue is made and every port opened before anything runs.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;
#[cfg(feature = "application")]
use std::time::Instant;

use crate::barrier::{Barrier, Laggards};
use crate::builder::Builder;
use crate::control::outside::{Answering, Outside};
#[cfg(feature = "application")]
use crate::control::Member as Described;
use crate::control::{Control, End, Shared};
use crate::edges::bus::{BusEdge, RunningBus};
use crate::edges::external::net::Binding;
use crate::ending::{close, PluginSockets, CLOSE_WITHIN};
use crate::filters::PluginId;
use crate::handle::Handle;
use crate::router::Router;
use crate::start_error::StartError;
use crate::supervisor::children::{Member, Sink};
use crate::supervisor::{BoxError, Outcome, Supervisor};
use crate::zmq_ffi::ZmqContext;

mod opening;
mod threads;

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

    /// Starts all plugins behind the barrier.
    fn run(mut self, jobs: Vec<Ready>) -> Result<Handle, StartError> {
        let supervisor = Arc::new(Supervisor::new(Arc::clone(&self.router)));
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

    /// Frees every port again.
    fn give_up(self) {
        let Starting { bus, plugin_sockets, port_sockets, .. } = self;
        drop(bus);
        plugin_sockets.close(CLOSE_WITHIN);
        close(Some(port_sockets), CLOSE_WITHIN);
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
