//! The last steps of an application: what happens to those who are left when the deadline has passed.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::filters::PluginId;
use crate::router::Router;
use crate::supervisor::children::Children;
use crate::supervisor::Supervisor;
use crate::zmq_ffi::ZmqContext;

/// What is left after the deadline gets so long to notice.
const LAST_CHANCE: Duration = Duration::from_secs(1);
/// How long sockets may take to send what they hold and to free their ports.
pub(crate) const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// What sees to an application's end, on a thread of its own.
pub(crate) struct Ending {
    pub(crate) router: Arc<Router>,
    pub(crate) supervisor: Arc<Supervisor>,
    pub(crate) plugin_sockets: PluginSockets,
    pub(crate) stop_within: Duration,
    pub(crate) children: Option<Arc<Children>>,
}

impl Ending {
    /// Sees a stop through its stages, and gives up those who are left at its end.
    pub(crate) fn see_to_the_end(&self) {
        if !self.router.see_to_the_end(self.stop_within, &|late| self.end_late(late)) {
            self.plugin_sockets.shutdown();
            if !self.supervisor.wait_for(LAST_CHANCE) {
                if let Some(children) = &self.children {
                    children.kill_all();
                    self.supervisor.wait_for(LAST_CHANCE);
                }
            }
            self.supervisor.give_up();
        }
        // Processes exit by themselves or are ended when their time is over.
        self.supervisor.wait();
        if let Some(children) = &self.children {
            children.end();
        }
        self.router.lifecycles().end();
    }

    /// Ends the processes of sources that are waited for no longer.
    fn end_late(&self, sources: &[PluginId]) {
        if let Some(children) = &self.children {
            sources.iter().for_each(|plugin| children.terminate(*plugin));
        }
    }
}

/// The sockets of plugins of the 0.2 API, which may hold them for long.
#[derive(Clone)]
pub(crate) struct PluginSockets(Arc<Mutex<Option<ZmqContext>>>);

impl PluginSockets {
    pub(crate) fn new(context: ZmqContext) -> Self {
        PluginSockets(Arc::new(Mutex::new(Some(context))))
    }

    /// Opens sockets; none any more once they are closed.
    pub(crate) fn with<T>(
        &self,
        open: impl FnOnce(&ZmqContext) -> Result<T, zmq::Error>,
    ) -> Result<T, zmq::Error> {
        self.0.lock().as_ref().map_or(Err(zmq::Error::ETERM), open)
    }

    /// Makes every call on them fail.
    fn shutdown(&self) {
        if let Some(context) = self.0.lock().as_ref() {
            context.shutdown();
        }
    }

    /// Closes them.
    pub(crate) fn close(&self, within: Duration) {
        let context = self.0.lock().take();
        close(context, within);
    }
}

/// Closes sockets; those that somebody still holds after `within` are freed by their holder.
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
