//! A queue for every plugin, and a port for those outside.

use std::sync::Arc;

use super::{no_resources, Job, OnDrop, Ready, Starting, BUS};
use crate::builder::{Sessions, Work};
#[cfg(feature = "application")]
use crate::control::Member as Described;
use crate::edges::bridge::Bridge;
use crate::edges::bus::{BusBindError, BusEdge};
use crate::edges::external::port::Port;
use crate::edges::external::{External, Served};
use crate::edges::internal::InternalEdge;
use crate::edges::{EdgeOf, Letters};
use crate::errors::EngineError;
use crate::plugin_spec::PluginSpec;
use crate::queue::QueueLimits;
use crate::router::quiescence::{AtPort, Rest};
use crate::router::Router;
use crate::start_error::StartError;
use crate::supervisor::children::Member;
use crate::supervisor::internal::{self, Restartable};
use crate::supervisor::{BoxError, Outcome};
use crate::wake::Waker;
use crate::zmq_ffi::ZmqContext;

impl Starting {
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

    /// Makes the queue of a plugin and opens its port.
    pub(super) fn open_plugin(&mut self, spec: PluginSpec, work: Work) -> Result<Ready, StartError> {
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
                Rest::Edge(AtPort::Busy)
            }
        };
        let (of, job): (EdgeOf, Job) = match work {
            Work::Internal(plugin) => {
                let of = self.edge_of(&name, limits, None);
                self.subscribe(&of, &filters);
                (of.clone(), Box::new(move || internal::once(&of, plugin, hang_after, &letters)))
            }
            Work::Factory(factory) => {
                let of = self.edge_of(&name, limits, None);
                self.subscribe(&of, &filters);
                let restartable =
                    Restartable { of: of.clone(), factory, policy: restart, hang_after, letters };
                (of, Box::new(move || restartable.run()))
            }
            Work::Process { port, process } => {
                let (of, port, job) =
                    self.open_external(&name, port, limits, &filters, replicas, sessions)?;
                let process = Arc::new(process);
                members.extend((1..=replicas.max(1)).map(|replica| Member {
                    plugin: of.plugin,
                    name: Arc::clone(&of.name),
                    replica,
                    replicas,
                    process: Arc::clone(&process),
                    endpoint: self.binding.address.client_endpoint(port),
                    policy: restart.clone(),
                    hang_after,
                }));
                (of, job)
            }
            Work::External { port } => {
                let (of, _, job) = self.open_external(&name, port, limits, &filters, replicas, sessions)?;
                (of, job)
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

    /// A plugin outside: its queue, the number of its port, and what serves it.
    fn open_external(
        &mut self,
        name: &str,
        port: u16,
        limits: QueueLimits,
        filters: &[Vec<u8>],
        replicas: usize,
        sessions: Sessions,
    ) -> Result<(EdgeOf, u16, Job), StartError> {
        let waker = Self::waker(name)?;
        let of = self.edge_of(name, limits, Some(&waker));
        self.subscribe(&of, filters);
        let port = self.open_port(name, port, waker)?;
        let (number, edge_of, barrier) = (port.number, of.clone(), Arc::clone(&self.barrier));
        let job = move || {
            let external = External::new(edge_of, port, replicas, sessions, barrier);
            Ok(served(external.serve(Vec::new())))
        };
        Ok((of, number, Box::new(job)))
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

    /// Opens the two ports of the bus.
    pub(super) fn open_bus(&mut self, publish: u16, subscribe: u16) -> Result<(), StartError> {
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
