//! The threads of an application, behind its start barrier.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{OnDrop, Ready, Starting, Threads};
use crate::barrier::{Barrier, Laggards};
use crate::control::Control;
use crate::edges::bus::BusEdge;
use crate::ending::Ending;
use crate::supervisor::children::Children;
use crate::supervisor::{Outcome, Supervisor};

impl Starting {
    /// Starts them all, plugins last.
    pub(super) fn start_threads(
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
            Children::new(
                Arc::clone(&self.router),
                Arc::clone(supervisor),
                self.output.take(),
                self.stop_within,
            )
        });
        let children = children.transpose()?;
        if let Some(children) = &children {
            let _ = control.shared.children.set(Arc::clone(children));
        }
        let end = {
            let ending = Ending {
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
}
