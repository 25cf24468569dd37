//! All processes of an application's plugins.

use std::collections::BTreeMap;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::child::{self, Exit};
use super::guardian::Guardian;
use super::output::Output;
use super::{panic_text, Outcome, ProcessSpec, RestartPolicy, Supervisor};
use crate::filters::PluginId;
use crate::lifecycle::LifecycleEvent;
use crate::router::Router;
use crate::wake::Waker;

/// Where lines go that processes print.
pub(crate) type Sink = Box<dyn Fn(&Output<'_>) + Send + Sync>;

/// One process of a plugin.
pub(crate) struct Member {
    pub(crate) plugin: PluginId,
    pub(crate) name: Arc<str>,
    /// Its number among the plugin's replicas, from 1, and how many there are.
    pub(crate) replica: usize,
    pub(crate) replicas: usize,
    pub(crate) process: Arc<ProcessSpec>,
    /// What its client connects to.
    pub(crate) endpoint: String,
    pub(crate) policy: RestartPolicy,
    pub(crate) hang_after: Option<Duration>,
}

impl Member {
    /// How the log names it.
    pub(super) fn label(&self) -> String {
        match self.replicas {
            0 | 1 => self.name.to_string(),
            _ => format!("{} (process {})", self.name, self.replica),
        }
    }
}

/// The processes of one plugin.
#[derive(Default)]
struct Group {
    /// Threads that look after one each.
    members: usize,
    /// Quits of clients that belong to processes that have exited.
    quits_taken: usize,
    /// The ids of those that run, by their numbers.
    pids: BTreeMap<usize, u32>,
    /// Those that wait to be started again.
    restarting: usize,
    restarts: u64,
    /// Not ready since they were started.
    starting: usize,
    terminated: bool,
    verdict: Option<Outcome>,
    /// Why one ended last.
    detail: String,
    wakers: Vec<Arc<Waker>>,
}

/// A plugin's processes at one moment.
#[cfg(feature = "application")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Processes {
    pub(crate) pids: Vec<u32>,
    pub(crate) restarts: u64,
    pub(crate) restarting: bool,
    pub(crate) starting: bool,
    pub(crate) detail: String,
}

/// All processes of an application.
pub(crate) struct Children {
    pub(super) router: Arc<Router>,
    pub(super) guardian: Guardian,
    supervisor: Arc<Supervisor>,
    sink: Option<Sink>,
    /// A process whose plugin has quit gets so long to exit.
    pub(super) exit_within: Duration,
    since: Instant,
    groups: Mutex<BTreeMap<PluginId, Group>>,
    killed: AtomicBool,
}

impl Children {
    /// None yet.
    ///
    /// # Errors
    /// The system does not let the guardian be started.
    pub(crate) fn new(
        router: Arc<Router>,
        supervisor: Arc<Supervisor>,
        sink: Option<Sink>,
        exit_within: Duration,
    ) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Children {
            router,
            guardian: Guardian::start()?,
            supervisor,
            sink,
            exit_within,
            since: Instant::now(),
            groups: Mutex::default(),
            killed: AtomicBool::new(false),
        }))
    }

    /// Starts the thread that starts a process and looks after it.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn start(self: &Arc<Self>, member: Member) -> io::Result<()> {
        let waker = Waker::new()?;
        self.router.follow(member.plugin, &waker);
        if member.hang_after.is_some() {
            self.router.watch_signs(member.plugin);
        }
        let (plugin, name) = (member.plugin, format!("ee-child {}", member.name).replace('\0', " "));
        self.with(plugin, |group| {
            group.members += 1;
            group.wakers.push(Arc::clone(&waker));
        });
        self.supervisor.process_came(plugin);
        let children = Arc::clone(self);
        let spawned =
            thread::Builder::new().name(name).spawn(move || child::supervise(&children, &member, &waker));
        if spawned.is_err() {
            self.with(plugin, |group| group.members -= 1);
            self.supervisor.process_left(plugin);
        }
        spawned.map(drop)
    }

    /// Ends the processes of a plugin: by SIGTERM, a second later by SIGKILL.
    pub(crate) fn terminate(&self, plugin: PluginId) {
        self.with(plugin, |group| {
            group.terminated = true;
            group.wakers.iter().for_each(|waker| waker.wake());
        });
    }

    /// Kills whatever is left.
    pub(crate) fn kill_all(&self) {
        self.killed.store(true, Ordering::SeqCst);
        for group in self.groups.lock().values_mut() {
            group.terminated = true;
            group.wakers.iter().for_each(|waker| waker.wake());
        }
    }

    /// No process is left.
    pub(crate) fn end(&self) {
        self.guardian.end();
    }

    /// What is known of a plugin's processes; none if the engine started none.
    #[cfg(feature = "application")]
    pub(crate) fn of(&self, plugin: PluginId) -> Option<Processes> {
        self.groups.lock().get(&plugin).map(|group| Processes {
            pids: group.pids.values().copied().collect(),
            restarts: group.restarts,
            restarting: group.restarting > 0,
            starting: group.starting > 0,
            detail: group.detail.clone(),
        })
    }

    // ---- what those who look after a process say ----------------------------------------------------------

    pub(super) fn now(&self) -> Duration {
        self.since.elapsed()
    }

    pub(super) fn is_killed(&self) -> bool {
        self.killed.load(Ordering::SeqCst)
    }

    pub(super) fn is_terminated(&self, member: &Member) -> bool {
        self.with(member.plugin, |group| group.terminated)
    }

    pub(super) fn say(&self, line: &Output<'_>) {
        match &self.sink {
            // The sink is its author's code; what it does not take is lost, the plugin is not.
            Some(sink) => {
                if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(|| sink(line))) {
                    tracing::error!("whoever takes what plugins print panicked: {}", panic_text(payload));
                }
            }
            None => tracing::info!("{}: {}", line.plugin, String::from_utf8_lossy(line.bytes)),
        }
    }

    pub(super) fn started(&self, member: &Member, pid: u32) {
        self.with(member.plugin, |group| {
            group.pids.insert(member.replica, pid);
            group.starting += 1;
        });
        self.router.lifecycles().tell(&LifecycleEvent::ProcessStarted {
            plugin: Arc::clone(&member.name),
            replica: member.replica,
            pid,
        });
    }

    pub(super) fn ready(&self, member: &Member) {
        self.with(member.plugin, |group| group.starting = group.starting.saturating_sub(1));
        self.router.lifecycles().tell(&LifecycleEvent::ProcessReady {
            plugin: Arc::clone(&member.name),
            replica: member.replica,
        });
    }

    pub(super) fn hung(&self, member: &Member) {
        tracing::error!("plugin {} hangs: it holds an event and shows no sign of life", member.label());
        self.router.lifecycles().tell(&LifecycleEvent::Hung { plugin: Arc::clone(&member.name) });
    }

    pub(super) fn exited(&self, member: &Member, was_ready: bool, text: String) {
        self.with(member.plugin, |group| {
            if group.pids.remove(&member.replica).is_some() && !was_ready {
                group.starting = group.starting.saturating_sub(1);
            }
            group.detail.clone_from(&text);
        });
        self.router.lifecycles().tell(&LifecycleEvent::ProcessExited {
            plugin: Arc::clone(&member.name),
            replica: member.replica,
            text,
        });
    }

    pub(super) fn restarting(&self, member: &Member, after: Duration, because: String) {
        tracing::warn!("plugin {}: {because}; it is started again in {after:?}", member.label());
        self.with(member.plugin, |group| {
            group.restarting += 1;
            group.restarts += 1;
            if group.pids.is_empty() {
                self.router.set_away(member.plugin, true);
            }
        });
        let plugin = Arc::clone(&member.name);
        self.router.lifecycles().tell(&LifecycleEvent::Restarting {
            plugin,
            replica: member.replica,
            after,
            because,
        });
    }

    pub(super) fn paused(&self, member: &Member) {
        self.with(member.plugin, |group| group.restarting = group.restarting.saturating_sub(1));
    }

    /// Whether a client has quit whose process is not known yet; it is `member`'s then.
    pub(super) fn take_quit(&self, member: &Member) -> bool {
        let quits = self.router.clients(member.plugin).quits;
        self.with(member.plugin, |group| {
            let new = quits > group.quits_taken;
            group.quits_taken += usize::from(new);
            new
        })
    }

    /// A process has exited whose client had quit.
    pub(super) fn quit(&self, member: &Member, exit: &Exit) {
        if exit.failed() {
            let text = format!("it quit, and then its process ended: {}", exit.text());
            self.verdict(member, Outcome::Failed(text));
        }
    }

    /// How a process has ended for good. The worst of a plugin's counts.
    pub(super) fn verdict(&self, member: &Member, outcome: Outcome) {
        self.with(member.plugin, |group| {
            if !group.verdict.as_ref().is_some_and(Outcome::is_failure) {
                group.verdict = Some(outcome);
            }
        });
    }

    /// `member` is not started any more. With its last process a plugin has ended, even if it has not quit.
    pub(super) fn left(&self, member: &Member) {
        let verdict = self.with(member.plugin, |group| {
            group.members -= 1;
            (group.members == 0).then(|| group.verdict.take().unwrap_or(Outcome::Stopped))
        });
        if let Some(verdict) = verdict {
            if self.router.clients(member.plugin).closed {
                self.supervisor.amend(member.plugin, verdict);
            } else {
                self.supervisor.decide(member.plugin, verdict);
                self.router.close(member.plugin);
            }
        }
        self.supervisor.process_left(member.plugin);
    }

    fn with<T>(&self, plugin: PluginId, act: impl FnOnce(&mut Group) -> T) -> T {
        act(self.groups.lock().entry(plugin).or_default())
    }
}
