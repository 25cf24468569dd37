//! A running application.

use std::collections::BTreeMap;
use std::fmt;
#[cfg(feature = "application")]
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::barrier::Barrier;
use crate::control::outside::Answering;
use crate::control::Control;
use crate::edges::bus::RunningBus;
use crate::ledger::Ledger;
use crate::report::{PluginReport, Report};
use crate::router::Router;
use crate::supervisor::{Outcome, Supervisor};
use crate::zmq_ffi::ZmqContext;

/// What is left after the deadline gets so long to notice.
const LAST_CHANCE: Duration = Duration::from_secs(1);
/// How long sockets may take to send what they hold and to free their ports.
pub(crate) const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// A running application. Dropping it stops it.
pub struct Handle {
    pub(crate) router: Arc<Router>,
    pub(crate) supervisor: Arc<Supervisor>,
    pub(crate) ports: BTreeMap<String, u16>,
    pub(crate) bus_ports: Option<(u16, u16)>,
    pub(crate) bus: Option<RunningBus>,
    pub(crate) watch: Option<JoinHandle<()>>,
    pub(crate) barrier: Arc<Barrier>,
    pub(crate) guard: Option<JoinHandle<()>>,
    /// Sockets of plugins, which may hold them for long.
    pub(crate) plugin_sockets: Option<ZmqContext>,
    /// Sockets of ports, which only the engine holds.
    pub(crate) port_sockets: Option<ZmqContext>,
    pub(crate) control: Control,
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
        self.router.ledger()
    }

    /// Asks the application to end: plugins get what is queued, then [`crate::Error::Closed`]; external ones their stop event. Returns at
    /// once; [`Handle::wait`] waits for the end, at most until the deadline. Further calls change nothing.
    pub fn stop(&self) {
        self.control.stop();
    }

    /// Tells about the application, and tells it things, from anywhere in the process.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// The address of [`crate::Builder::metrics`], if it is open.
    #[cfg(feature = "application")]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.answering.as_ref()?.metrics_address
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
        self.barrier.cancel();
        for thread in [self.watch.take(), self.guard.take()].into_iter().flatten() {
            let _ = thread.join();
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

pub(crate) fn close(context: Option<ZmqContext>, within: Duration) {
    if let Some(context) = context {
        context.shutdown();
        if !context.terminate(within) && !within.is_zero() {
            tracing::warn!(
                "a socket of this application is still in use; it is freed when its holder drops it"
            );
        }
    }
}
