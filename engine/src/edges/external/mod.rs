//! The TCP port of an external plugin: clients of the basic profile (spec/basic.md) and of the session profile
//! (spec/session.md) side by side, on one queue. Never waits for room.

use std::sync::Arc;
use std::time::{Duration, Instant};

use event_engine_protocol::basic as codec;

use super::EdgeOf;
use crate::barrier::Barrier;
use crate::builder::Sessions as SessionOptions;
use crate::queue::{Settled, Ticket};
use crate::router::quiescence::{AtPort, Rest};
use crate::router::Taken;

mod basic;
pub(crate) mod monitor;
pub(crate) mod net;
pub(crate) mod port;
mod sessions;

use basic::Basic;
use port::{Incoming, PeerId, Port, Received};
use sessions::{HandedOut, SessionEdge};

/// So many messages are read before waiting clients get their turn, however many more there are.
const ROUND: usize = 64;

/// How serving a port has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Served {
    /// As many clients as the plugin has replicas have quit.
    Quit,
    /// The application ended first.
    Aborted,
}

/// What both profiles work with.
struct Counter {
    of: EdgeOf,
    port: Port,
    settled: Settled,
    /// When serving began; the sessions' clock counts from here.
    since: Instant,
    /// A client has shown a sign of life, or was given something, since that was last told.
    moved: bool,
}

impl Counter {
    fn now(&self) -> Duration {
        self.since.elapsed()
    }

    /// Counts a message that was refused.
    fn count_refused(&self) {
        self.of.router.count_refused(self.of.plugin);
    }
}

/// One plugin's port.
pub(crate) struct External {
    counter: Counter,
    barrier: Arc<Barrier>,
    replicas: usize,
    basic: Basic,
    sessions: SessionEdge,
    heard_anybody: bool,
    /// The start barrier was seen open, or cancelled.
    decided: bool,
    /// Quits that the router has heard of.
    quits_told: usize,
    /// Connections that the router has heard of.
    connections_told: usize,
}

impl External {
    pub(crate) fn new(
        of: EdgeOf,
        port: Port,
        replicas: usize,
        options: SessionOptions,
        barrier: Arc<Barrier>,
    ) -> Self {
        let replicas = replicas.max(1);
        let sessions = SessionEdge::new(&of, replicas, options);
        barrier.tell(port.waker());
        of.router.rests_as(of.plugin, Rest::Edge(AtPort::Busy));
        External {
            counter: Counter { of, port, settled: Settled::default(), since: Instant::now(), moved: false },
            barrier,
            replicas,
            basic: Basic::default(),
            sessions,
            heard_anybody: false,
            decided: false,
            quits_told: 0,
            connections_told: 0,
        }
    }

    /// Serves the port until its clients have quit or the application ends; then closes it. `before` came in already.
    pub(crate) fn serve(mut self, before: Vec<Incoming>) -> Served {
        for incoming in before {
            self.handle(incoming);
        }
        let served = self.run();
        self.sessions.close(&mut self.counter);
        let EdgeOf { router, plugin, .. } = &self.counter.of;
        router.settle(*plugin, self.counter.settled.take());
        router.close(*plugin);
        served
    }

    fn run(&mut self) -> Served {
        loop {
            let mut all_read = false;
            for _ in 0..ROUND {
                if self.have_quit() {
                    return Served::Quit;
                }
                match self.counter.port.next() {
                    Ok(Some(incoming)) => self.handle(incoming),
                    Ok(None) => {
                        all_read = true;
                        break;
                    }
                    Err(_) => return Served::Aborted,
                }
            }
            let EdgeOf { router, plugin, .. } = &self.counter.of;
            let Ok(news) = router.come_back(*plugin) else { return Served::Aborted };
            if news.closed {
                return Served::Aborted;
            }
            self.sessions.died(news.deaths);
            news.completed.into_iter().for_each(|ticket| self.complete(ticket));
            if !self.decided && self.barrier.is_decided() {
                self.decided = true;
                if self.barrier.is_open() {
                    self.counter.of.router.opened();
                }
                self.sessions.open();
            }
            if self.basic.hand_over(&mut self.counter) == Taken::Closed {
                return Served::Aborted;
            }
            let handed_out = self.sessions.advance(&mut self.counter);
            let EdgeOf { router, plugin, .. } = &self.counter.of.clone();
            let ends = news.told && router.is_empty(*plugin);
            // Who has quit is about to go by itself, and who has an event in its hands finishes it first.
            let quits = self.sessions.quits() + self.basic.quits();
            let nobody = self.sessions.is_empty() && quits == 0 && !self.basic.works();
            if ends && nobody {
                if news.all_told && self.counter.port.connections() == 0 && !router.is_followed(*plugin) {
                    // There is nobody to wait for, and nothing to do for who might come.
                    return Served::Aborted;
                }
                router.nobody_hears_stop(*plugin);
            }
            let says_stop = ends && self.sessions.stop();
            if self.have_quit() {
                return Served::Quit;
            }
            if !all_read || says_stop || handed_out == HandedOut::More || self.counter.port.has_news() {
                continue;
            }
            self.say_connections();
            let waits = handed_out == HandedOut::Waits || self.basic.is_waiting();
            // What came meanwhile, or was given back, is handed out first.
            if !waits || router.sleep(*plugin) {
                if news.watched {
                    self.say_rest();
                }
                if news.signs {
                    let moved = std::mem::take(&mut self.counter.moved);
                    router.sign_of_life(*plugin, moved, self.basic.works());
                }
                let due = self.sessions.due().map(|due| due.saturating_sub(self.counter.now()));
                if self.counter.port.wait(due).is_err() {
                    return Served::Aborted;
                }
            }
        }
    }

    /// Whether as many clients have quit as the plugin has.
    fn have_quit(&mut self) -> bool {
        let quits = self.basic.quits() + self.sessions.quits();
        if quits > self.quits_told {
            self.quits_told = quits;
            let EdgeOf { router, plugin, .. } = &self.counter.of;
            router.clients_quit(*plugin, quits);
        }
        quits >= self.replicas
    }

    fn client_came(&mut self) {
        self.connections_told = self.counter.port.connections();
        let EdgeOf { router, plugin, .. } = &self.counter.of;
        router.client_came(*plugin, self.connections_told);
    }

    /// When everything is read: who looks after processes wants to know whether those that have exited may still be heard.
    fn say_connections(&mut self) {
        let connections = self.counter.port.connections();
        if std::mem::replace(&mut self.connections_told, connections) != connections {
            let EdgeOf { router, plugin, .. } = &self.counter.of;
            router.connections_left(*plugin, connections);
        }
    }

    /// Before it sleeps: whether anybody here still has something to do.
    fn say_rest(&mut self) {
        let (sessions, basic) = (&self.sessions, &mut self.basic);
        let at_port = if sessions.is_empty() && basic.is_empty() {
            AtPort::Nobody
        } else if sessions.all_wait() && !basic.works() && (!sessions.is_empty() || basic.is_waiting()) {
            AtPort::Rests
        } else {
            AtPort::Busy
        };
        let EdgeOf { router, plugin, .. } = &self.counter.of;
        router.rest(*plugin, at_port);
    }

    fn handle(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Message(peer, frames) => self.message(peer, frames),
            Incoming::Gone(peer) => {
                self.basic.gone(&peer);
                self.sessions.gone(&peer, self.counter.now());
            }
            Incoming::Stranger => self.counter.count_refused(),
        }
    }

    fn message(&mut self, peer: PeerId, frames: Vec<Received>) {
        match codec::body_start(&frames) {
            Some(body_start) => {
                // The first request of any kind says that the plugin is there (EE-SYNC-4).
                if !std::mem::replace(&mut self.heard_anybody, true) {
                    self.barrier.arrive(self.counter.of.plugin);
                }
                if !self.basic.knows(&peer) {
                    self.client_came();
                }
                self.counter.moved = true;
                self.basic.message(&mut self.counter, peer, frames, body_start);
            }
            None => {
                if self.sessions.message(&mut self.counter, &peer, frames) {
                    self.barrier.arrive(self.counter.of.plugin);
                    self.client_came();
                }
            }
        }
    }

    /// A parked publish was accepted.
    fn complete(&mut self, ticket: Ticket) {
        if !self.sessions.complete(ticket) {
            self.basic.complete(&mut self.counter, ticket);
        }
    }
}
