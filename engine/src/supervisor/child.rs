//! One process of a plugin: started, listened to, ended, started again. Each has a thread of its own.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use event_engine_protocol::constants;
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::process::{kill_process_group, pidfd_open, Pid, PidfdFlags, Signal};

use super::children::{Children, Member};
use super::group;
use super::pipes::Pipes;
use super::restart::{Decision, RestartHistory};
use super::Outcome;
use crate::router::clients::Clients;
use crate::wake::Waker;

/// A process that was asked to end gets so long before it is killed.
const KILL_AFTER: Duration = Duration::from_secs(1);
/// A process has exited; what its client said last is looked for at most so long.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// As long for one that has failed: most likely it has not quit, and if a quit comes after all its plugin is not started again.
const LAST_WORDS_OF_FAILED: Duration = Duration::from_millis(100);
/// Between two looks at what an exited process has left behind in its group.
const LEFT_BEHIND_EVERY: Duration = Duration::from_millis(20);
/// A process has exited; what it printed last is passed on before its exit is told, unless that takes longer.
const LAST_LINES: Duration = Duration::from_secs(1);

/// How one run of a process ended.
pub(super) struct Exit {
    status: Option<ExitStatus>,
    /// Why it was ended, if it was.
    ended_for: Option<EndedFor>,
    /// Instead of a status: it could not be started.
    not_started: Option<String>,
    /// A client of its had been heard.
    heard: bool,
}

/// Why the engine ended a process.
#[derive(Clone, Debug, PartialEq, Eq)]
enum EndedFor {
    /// It was not ready in time, or hung.
    Failure(String),
    /// It was to stop, and a signal is the only way to tell it.
    Told,
    /// The time to stop is over.
    Deadline,
    /// Its plugin had quit long ago.
    Quit,
}

impl Exit {
    pub(super) fn failed(&self) -> bool {
        match &self.ended_for {
            Some(EndedFor::Failure(_)) => true,
            Some(_) => false,
            None => !self.status.is_some_and(|status| status.success()),
        }
    }

    pub(super) fn text(&self) -> String {
        if let Some(why) = &self.not_started {
            return why.clone();
        }
        let status = match self.status {
            None => "it has ended".to_string(),
            Some(status) => match (status.code(), status.signal()) {
                (Some(code), _) => format!("exit status {code}"),
                (None, Some(signal)) => format!("killed by signal {signal}"),
                (None, None) => status.to_string(),
            },
        };
        match &self.ended_for {
            Some(EndedFor::Failure(why)) => why.clone(),
            _ => status,
        }
    }
}

/// Runs a process, again and again as its policy says; returns when it will not be started any more.
pub(super) fn supervise(children: &Arc<Children>, member: &Member, waker: &Arc<Waker>) {
    let mut history = RestartHistory::default();
    loop {
        let before = children.router.clients(member.plugin);
        if before.closed || before.aborted || before.told {
            break;
        }
        history.started(children.now());
        let exit = Running::run(children, member, waker, before);
        let Some(pause) = settle(children, member, waker, &exit, &mut history) else { break };
        children.restarting(member, pause, exit.text());
        let wanted = wait(children, member, waker, pause);
        children.paused(member);
        if !wanted {
            // Its last run counts.
            if children.take_quit(member) {
                children.quit(member, &exit);
            } else if exit.failed() {
                children.verdict(member, Outcome::Failed(exit.text()));
            }
            break;
        }
    }
    children.left(member);
}

/// What follows from an exit: the pause before the next start, or nothing more.
fn settle(
    children: &Arc<Children>,
    member: &Member,
    waker: &Arc<Waker>,
    exit: &Exit,
    history: &mut RestartHistory,
) -> Option<Duration> {
    let router = &children.router;
    children.exited(member, exit.heard, exit.text());
    if exit.ended_for == Some(EndedFor::Quit) || has_quit(children, member, waker, exit) {
        children.quit(member, exit);
        return None;
    }
    if exit.heard {
        router.client_died(member.plugin);
    }
    if exit.ended_for == Some(EndedFor::Deadline) {
        children.verdict(member, Outcome::Terminated);
        return None;
    }
    let Clients { told, aborted, .. } = router.clients(member.plugin);
    if told || aborted {
        let outcome = if exit.failed() { Outcome::Failed(exit.text()) } else { Outcome::Stopped };
        children.verdict(member, outcome);
        return None;
    }
    match history.ended(&member.policy, children.now(), exit.failed()) {
        Decision::RestartAfter(pause) => return Some(pause),
        Decision::Stay if exit.failed() => children.verdict(member, Outcome::Failed(exit.text())),
        Decision::Stay => {
            children.verdict(member, Outcome::Failed("its process exited without quit".to_string()));
        }
        Decision::GiveUp => {
            children.verdict(member, Outcome::GaveUp(member.policy.gave_up(&exit.text())));
        }
    }
    None
}

/// Whether the process had said quit before it exited; what it said last may still be on its way.
fn has_quit(children: &Arc<Children>, member: &Member, waker: &Arc<Waker>, exit: &Exit) -> bool {
    let until = Instant::now() + if exit.failed() { LAST_WORDS_OF_FAILED } else { LAST_WORDS };
    let may_have = exit.heard && exit.ended_for.is_none();
    // With several processes a quit that is there is more likely another's than that of one that was killed.
    let was_killed = member.replicas > 1 && exit.status.is_some_and(|status| status.signal().is_some());
    loop {
        waker.clear();
        let clients = children.router.clients(member.plugin);
        if (!was_killed || clients.closed) && children.take_quit(member) {
            return true;
        }
        let left = until.saturating_duration_since(Instant::now());
        let all_heard = clients.closed || clients.connections == 0;
        if !may_have || all_heard || clients.aborted || left.is_zero() {
            return false;
        }
        let _ = wait_for(&mut [PollFd::new(&**waker, PollFlags::IN)], Some(left));
    }
}

/// Waits before a restart. Whether the process is still wanted then.
fn wait(children: &Arc<Children>, member: &Member, waker: &Arc<Waker>, pause: Duration) -> bool {
    let until = Instant::now() + pause;
    loop {
        waker.clear();
        let Clients { closed, told, aborted, .. } = children.router.clients(member.plugin);
        let left = until.saturating_duration_since(Instant::now());
        if closed || told || aborted || children.is_terminated(member) {
            return false;
        }
        if left.is_zero() {
            return true;
        }
        let _ = wait_for(&mut [PollFd::new(&**waker, PollFlags::IN)], Some(left));
    }
}

/// Waits for descriptors, or until `within` has passed.
fn wait_for(fds: &mut [PollFd<'_>], within: Option<Duration>) -> io::Result<()> {
    let timeout = within.map(|within| Timespec {
        tv_sec: i64::try_from(within.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(within.subsec_nanos()),
    });
    match poll(fds, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// A process that runs.
struct Running<'a> {
    children: &'a Arc<Children>,
    member: &'a Member,
    child: Child,
    group: Pid,
    pidfd: OwnedFd,
    pipes: Pipes,
    /// Clients that had been heard before it was started.
    heard_before: u64,
    heard: bool,
    /// By then it must have been heard.
    start_by: Option<Instant>,
    /// By then it must have exited, since its plugin has ended.
    exit_by: Option<Instant>,
    /// It was asked to end, and is killed then.
    kill_at: Option<Instant>,
    ended_for: Option<EndedFor>,
}

impl<'a> Running<'a> {
    fn run(children: &'a Arc<Children>, member: &'a Member, waker: &Arc<Waker>, before: Clients) -> Exit {
        let not_started = |text: String| Exit {
            status: None,
            ended_for: None,
            not_started: Some(format!("its process could not be started: {text}")),
            heard: false,
        };
        if let Err(problem) = member.process.check() {
            return not_started(problem.to_string());
        }
        let mut child = match command(member).spawn() {
            Ok(child) => child,
            Err(error) => return not_started(error.to_string()),
        };
        let group = Pid::from_child(&child);
        children.guardian.watch(child.id());
        let watched = pidfd_open(group, PidfdFlags::empty()).map_err(io::Error::from);
        let watched = watched.and_then(|pidfd| Ok((pidfd, Pipes::forward(children, member, &mut child)?)));
        let (pidfd, pipes) = match watched {
            Ok(watched) => watched,
            Err(error) => {
                let _ = kill_process_group(group, Signal::KILL);
                let _ = child.wait();
                children.guardian.forget(child.id());
                return not_started(format!("the system cannot watch it: {error}"));
            }
        };
        children.started(member, child.id());
        let start_by = Instant::now().checked_add(member.process.start_within);
        let running = Running {
            children,
            member,
            child,
            group,
            pidfd,
            pipes,
            heard_before: before.heard,
            heard: false,
            start_by,
            exit_by: None,
            kill_at: None,
            ended_for: None,
        };
        running.watch(waker)
    }

    /// Until it has exited, and nothing of it is left.
    fn watch(mut self, waker: &Arc<Waker>) -> Exit {
        let mut exited = false;
        while !exited {
            waker.clear();
            let due = self.look();
            let mut fds = [PollFd::new(&self.pidfd, PollFlags::IN), PollFd::new(&**waker, PollFlags::IN)];
            let within = due.map(|due| due.saturating_duration_since(Instant::now()));
            if let Err(error) = wait_for(&mut fds, within) {
                tracing::error!("plugin {}: its process cannot be waited for: {error}", self.member.label());
                self.signal(Signal::KILL);
                break;
            }
            exited = fds.first().is_some_and(|fd| !fd.revents().is_empty());
        }
        // Its client may have come and gone since the last look.
        self.hear();
        self.clear_up(waker);
        let status = self.child.wait().ok();
        self.children.guardian.forget(self.child.id());
        if !self.pipes.end(LAST_LINES) {
            tracing::warn!("plugin {}: nobody takes what it printed last", self.member.label());
        }
        Exit { status, ended_for: self.ended_for, not_started: None, heard: self.heard }
    }

    /// Whether its client has said that it is there.
    fn hear(&mut self) -> Clients {
        let clients = self.children.router.clients(self.member.plugin);
        if !self.heard && clients.heard > self.heard_before {
            self.heard = true;
            self.children.ready(self.member);
        }
        clients
    }

    /// Does what is due; when the next look is.
    fn look(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let clients = self.hear();
        if let Some(kill_at) = self.kill_at {
            if kill_at <= now || self.children.is_killed() {
                self.signal(Signal::KILL);
                self.kill_at = None;
            }
        } else if self.ended_for.is_none() {
            if self.children.is_terminated(self.member) || clients.aborted {
                self.end(EndedFor::Deadline);
            } else if clients.deaf && clients.told {
                self.end(EndedFor::Told);
            } else if clients.closed {
                let within = self.children.exit_within;
                // A moment beyond what the clock knows never comes.
                self.exit_by = self.exit_by.or_else(|| now.checked_add(within));
                if self.exit_by.is_some_and(|by| by <= now) {
                    tracing::warn!(
                        "plugin {} has quit, and its process has not ended within {within:?}; it is ended",
                        self.member.label()
                    );
                    self.end(EndedFor::Quit);
                }
            } else if !self.heard && self.start_by.is_some_and(|by| by <= now) {
                let within = self.member.process.start_within;
                self.end(EndedFor::Failure(format!("it was not ready within {within:?}")));
            } else if let Some((limit, silence)) = self.hang() {
                if silence >= limit {
                    self.children.hung(self.member);
                    self.end(EndedFor::Failure(format!(
                        "it hung: for {limit:?} it held an event and showed no sign of life"
                    )));
                }
            }
        }
        let start_by = self.start_by.filter(|_| !self.heard && self.ended_for.is_none());
        let exit_by = self.exit_by.filter(|_| self.ended_for.is_none());
        // With nothing in its hands it hangs at the earliest after the whole time.
        let hang = self.member.hang_after.filter(|_| self.ended_for.is_none());
        let hang = hang.and_then(|limit| {
            let silence = self.hang().map_or(Duration::ZERO, |(_, silence)| silence);
            now.checked_add(limit.saturating_sub(silence).max(Duration::from_millis(1)))
        });
        [start_by, exit_by, self.kill_at, hang].into_iter().flatten().min()
    }

    /// After how long a silence it hangs, and how long it is silent with something in its hands.
    fn hang(&self) -> Option<(Duration, Duration)> {
        let limit = self.member.hang_after?;
        Some((limit, self.children.router.silence(self.member.plugin)?))
    }

    fn end(&mut self, why: EndedFor) {
        self.ended_for = Some(why);
        self.kill_at = Some(Instant::now() + KILL_AFTER);
        self.signal(Signal::TERM);
    }

    fn signal(&self, signal: Signal) {
        // It has not been waited for, so that its number is its own.
        let _ = kill_process_group(self.group, signal);
    }

    /// The process has exited and was not waited for yet: whoever else is in its group ends, too.
    fn clear_up(&self, waker: &Arc<Waker>) {
        let until = Instant::now() + KILL_AFTER;
        let mut asked = false;
        while group::has_others(self.child.id()) {
            if !std::mem::replace(&mut asked, true) {
                self.signal(Signal::TERM);
            }
            if Instant::now() >= until || self.children.is_killed() {
                self.signal(Signal::KILL);
                return;
            }
            waker.clear();
            let mut fds = [PollFd::new(&**waker, PollFlags::IN)];
            let _ = wait_for(&mut fds, Some(LEFT_BEHIND_EVERY));
        }
    }
}

/// The process as the system is told of it.
fn command(member: &Member) -> Command {
    let process = &member.process;
    let mut command = match &process.dir {
        // A relative program is meant from its own folder; the system would look for it from the engine's, or, once it is there,
        // from that twice.
        Some(dir) if process.program.as_encoded_bytes().contains(&b'/') => {
            let program = dir.join(&process.program);
            Command::new(std::path::absolute(&program).unwrap_or(program))
        }
        _ => Command::new(&process.program),
    };
    if let Some(dir) = &process.dir {
        command.current_dir(dir);
    }
    command
        .args(&process.args)
        .env(constants::ENV_ENDPOINT, &member.endpoint)
        .env(constants::ENV_PLUGIN, &*member.name)
        .env(constants::ENV_REPLICA, member.replica.to_string())
        .envs(process.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    command
}
