//! An external plugin of the ancestor's API whose application has its own `start`: it gets real sockets.
//!
//! Whether `start` was overridden shows only when it is called. The provided body says at once that the port is to be
//! served natively, so the bridge waits a moment for that. Should the word come later (a loaded machine), nothing is
//! lost: until it is certain that somebody reads the sockets, the bridge keeps what it has put into them.

use std::cell::Cell;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use event_engine_protocol::basic;

use super::external::port::{Frame, Incoming, PeerId, Port};
use super::internal::{InternalEdge, PluginSockets};
use super::{rest_of_message, uninterrupted, EdgeOf};
use crate::router::quiescence::Rest;
use crate::wake::Waker;
use crate::zmq_ffi::ZmqContext;

/// How long the provided `start` has to make itself known before sockets are filled on suspicion.
const NATIVE_WITHIN: Duration = Duration::from_millis(20);

/// The sockets that a plugin's `start` was called with: publish, subscribe, external.
type Sockets = (zmq::Socket, zmq::Socket, zmq::Socket);

thread_local! {
    static NATIVE: Cell<Option<Sockets>> = const { Cell::new(None) };
}

/// Called by the provided body of `ExternalPlugin::start`: the engine is to serve the port itself. The sockets stay open until
/// the bridge has taken back what is in them: what is sent to a socket that is closed seems to have been read.
pub(crate) fn serve_natively(sockets: Sockets) {
    NATIVE.set(Some(sockets));
}

/// What `start` of an external plugin is called with.
pub(crate) struct ExternalSockets {
    pub(crate) plugin: PluginSockets,
    pub(crate) external: zmq::Socket,
}

/// The engine's side of them, and the port.
pub(crate) struct Bridge {
    edge: InternalEdge,
    dealer: zmq::Socket,
    port: Port,
    port_waker: Arc<Waker>,
    of: EdgeOf,
}

/// How the plugin's `start` ended.
enum Verdict {
    Native,
    Returned,
}

/// The running bridge.
pub(crate) struct RunningBridge {
    verdict: Sender<Verdict>,
    waker: Arc<Waker>,
    thread: JoinHandle<(Port, Vec<Incoming>)>,
}

impl Bridge {
    pub(crate) fn open(
        context: &ZmqContext,
        of: EdgeOf,
        filters: &[Vec<u8>],
        port: Port,
        port_waker: Arc<Waker>,
        pump_waker: Arc<Waker>,
    ) -> Result<(Self, ExternalSockets), zmq::Error> {
        let (edge, plugin) = InternalEdge::open(context, of.clone(), filters, pump_waker)?;
        let url = format!("inproc://event-engine-external-{}", of.plugin);
        let dealer = context.socket(zmq::DEALER)?;
        uninterrupted(|| dealer.bind(&url))?;
        let external = context.socket(zmq::REP)?;
        uninterrupted(|| external.connect(&url))?;
        Ok((Bridge { edge, dealer, port, port_waker, of }, ExternalSockets { plugin, external }))
    }

    pub(crate) fn start(self) -> std::io::Result<RunningBridge> {
        let (verdict, verdicts) = mpsc::channel();
        let waker = Arc::clone(&self.port_waker);
        let thread = thread::Builder::new().name("ee-bridge".into()).spawn(move || self.run(&verdicts))?;
        Ok(RunningBridge { verdict, waker, thread })
    }

    /// Returns the port, and what came in but was not answered by the plugin.
    fn run(mut self, verdicts: &Receiver<Verdict>) -> (Port, Vec<Incoming>) {
        let mut verdict = match verdicts.recv_timeout(NATIVE_WITHIN) {
            Ok(Verdict::Native) => return (self.port, Vec::new()),
            Ok(Verdict::Returned) | Err(RecvTimeoutError::Disconnected) => Some(Verdict::Returned),
            Err(RecvTimeoutError::Timeout) => None,
        };
        // Also when it has returned already: what it published last is still in its socket.
        self.of.router.rests_as(self.of.plugin, Rest::Unseen);
        let Ok(edge) = self.edge.start_on_suspicion() else { return (self.port, Vec::new()) };
        // What was forwarded while nobody has answered anything.
        let mut unanswered = Some(Vec::new());
        while verdict.is_none() {
            // While the plugin takes no requests, none is read: waiting to send one would miss the plugin's end.
            let served = forward(&self.of, &mut self.port, &self.dealer, &mut unanswered)
                .and_then(|all| self.port.wait_with(&self.dealer, all))
                .and_then(|()| answer(&mut self.port, &self.dealer, &mut unanswered));
            verdict = match verdicts.try_recv() {
                Ok(verdict) => Some(verdict),
                // `start` has panicked.
                Err(TryRecvError::Disconnected) => Some(Verdict::Returned),
                Err(TryRecvError::Empty) => served.is_err().then_some(Verdict::Returned),
            };
        }
        match verdict {
            Some(Verdict::Native) => {
                edge.take_back();
                self.of.router.set_waker(self.of.plugin, &self.port_waker);
                (self.port, unanswered.unwrap_or_default())
            }
            Some(Verdict::Returned) | None => {
                // The last answer may be on its way.
                let _ = answer(&mut self.port, &self.dealer, &mut unanswered);
                self.of.router.close(self.of.plugin);
                edge.finish();
                (self.port, Vec::new())
            }
        }
    }
}

impl RunningBridge {
    /// Runs `start` on this thread. The port comes back if it is to be served natively.
    pub(crate) fn run<T>(self, start: impl FnOnce() -> T) -> (T, Option<(Port, Vec<Incoming>)>) {
        NATIVE.set(None);
        let ending = EndOnDrop(Some(self));
        let result = start();
        let sockets = NATIVE.take();
        let port = ending.end(if sockets.is_some() { Verdict::Native } else { Verdict::Returned });
        (result, port.filter(|_| sockets.is_some()))
    }

    fn end(self, verdict: Verdict) -> Option<(Port, Vec<Incoming>)> {
        let _ = self.verdict.send(verdict);
        self.waker.wake();
        self.thread.join().ok()
    }
}

/// Ends the bridge, also when `start` panics.
struct EndOnDrop(Option<RunningBridge>);

impl EndOnDrop {
    fn end(mut self, verdict: Verdict) -> Option<(Port, Vec<Incoming>)> {
        self.0.take()?.end(verdict)
    }
}

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        if let Some(bridge) = self.0.take() {
            bridge.end(Verdict::Returned);
        }
    }
}

/// Requests from the port to the plugin's REP, for as long as it takes some. Whether all were forwarded.
fn forward(
    of: &EdgeOf,
    port: &mut Port,
    dealer: &zmq::Socket,
    unanswered: &mut Option<Vec<Incoming>>,
) -> Result<bool, zmq::Error> {
    loop {
        if !uninterrupted(|| dealer.get_events())?.contains(zmq::POLLOUT) {
            return Ok(false);
        }
        let Some(incoming) = port.next()? else { return Ok(true) };
        let (peer, frames) = match &incoming {
            Incoming::Message(peer, frames) => (peer, frames),
            Incoming::Gone(_) => continue,
            Incoming::Stranger => {
                of.router.count_refused(of.plugin);
                continue;
            }
        };
        let slices: Vec<&[u8]> = frames.iter().map(|frame| &frame[..]).collect();
        if basic::body_start(&slices).is_none() {
            continue;
        }
        uninterrupted(|| dealer.send(&peer[..], zmq::SNDMORE | zmq::DONTWAIT))?;
        for (index, frame) in slices.iter().enumerate() {
            let more = if index + 1 < slices.len() { zmq::SNDMORE } else { 0 };
            uninterrupted(|| dealer.send(*frame, more | zmq::DONTWAIT))?;
        }
        if let Some(unanswered) = unanswered {
            unanswered.push(incoming);
        }
    }
}

/// Answers of the plugin's REP to the port.
fn answer(
    port: &mut Port,
    dealer: &zmq::Socket,
    unanswered: &mut Option<Vec<Incoming>>,
) -> Result<(), zmq::Error> {
    loop {
        let message = match uninterrupted(|| dealer.recv_msg(zmq::DONTWAIT)) {
            Ok(first) => rest_of_message(dealer, first)?,
            Err(zmq::Error::EAGAIN) => return Ok(()),
            Err(error) => return Err(error),
        };
        // Somebody reads and answers: `start` was overridden.
        *unanswered = None;
        let Some((peer, frames)) = message.split_first() else { continue };
        let peer: PeerId = Arc::from(&peer[..]);
        let frames: Vec<Frame<'_>> = frames.iter().map(|frame| Frame::Bytes(frame)).collect();
        port.send(&peer, &frames);
    }
}
