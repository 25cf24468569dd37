//! A running application.

use std::collections::BTreeMap;
use std::fmt;
#[cfg(feature = "application")]
use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::control::outside::Answering;
use crate::control::{Control, Shared};
use crate::edges::bus::RunningBus;
use crate::ending::{close, PluginSockets, CLOSE_WITHIN};
use crate::ledger::Ledger;
use crate::lifecycle::Lifecycle;
use crate::report::{PluginReport, Report};
use crate::supervisor::Outcome;
use crate::zmq_ffi::ZmqContext;

/// A running application. Dropping it stops it.
pub struct Handle {
    pub(crate) control: Control,
    pub(crate) ports: BTreeMap<String, u16>,
    pub(crate) bus_ports: Option<(u16, u16)>,
    pub(crate) bus: Option<RunningBus>,
    /// Threads that belong to no plugin.
    pub(crate) threads: Vec<JoinHandle<()>>,
    pub(crate) plugin_sockets: PluginSockets,
    /// Sockets of ports, which only the engine holds.
    pub(crate) port_sockets: Option<ZmqContext>,
    /// The control socket and the metrics; those who ask are answered until everything else has ended.
    pub(crate) answering: Option<Answering>,
}

impl Handle {
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
        self.control.ledger()
    }

    /// For threads that handle signals or serve others.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Asks the application to end and returns at once; see [`Control::stop`]. [`Handle::wait`] waits for the end, at most until the
    /// deadline ([`crate::Builder::stop_within`]).
    pub fn stop(&self) {
        self.control.stop();
    }

    /// The address of [`crate::Builder::metrics`], if it is open.
    #[cfg(feature = "application")]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.answering.as_ref()?.metrics_address
    }

    /// Ends the application without letting anything drain; see [`Control::stop_now`].
    pub fn stop_now(&self) {
        self.control.stop_now();
    }

    /// What has happened to the application and its plugins so far, and what happens; see [`crate::LifecycleEvent`].
    pub fn lifecycle(&self) -> Lifecycle {
        self.control.lifecycle()
    }

    /// Whether every plugin has ended within `timeout`, or was left behind past the deadline of a stop; [`Handle::wait`] then
    /// waits for nobody.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        self.control.shared.supervisor.wait_for(timeout)
    }

    /// Waits until every plugin has ended and returns how.
    pub fn wait(mut self) -> Report {
        self.end()
    }

    fn end(&mut self) -> Report {
        let shared = std::sync::Arc::clone(&self.control.shared);
        let Shared { router, supervisor, barrier, .. } = &*shared;
        supervisor.wait();
        if let Some(bus) = self.bus.take() {
            bus.end();
        }
        router.abort(None);
        barrier.cancel();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        let report = Report {
            plugins: supervisor
                .outcomes()
                .into_iter()
                .map(|(_, name, outcome)| PluginReport { name, outcome })
                .collect(),
            ledger: router.ledger(),
            failure: router.failure(),
            errors: supervisor.take_errors(),
        };
        let stuck = report.plugins.iter().any(|plugin| plugin.outcome == Outcome::Unfinished);
        self.plugin_sockets.close(if stuck { Duration::ZERO } else { CLOSE_WITHIN });
        close(self.port_sockets.take(), CLOSE_WITHIN);
        tracing::info!("the application has ended\n{report}");
        // Whoever hears of the end may take this port at once, as all others.
        if let Some(answering) = &mut self.answering {
            answering.close_metrics();
        }
        self.control.shared.end.set(report.is_success(), report.to_string());
        // Whoever waited for the end hears of it before the socket is gone.
        self.answering = None;
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
