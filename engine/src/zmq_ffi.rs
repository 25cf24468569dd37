//! What the `zmq` crate does not offer: a context that can be shut down, and messages that share an event's bytes.
//!
//! `zmq_ctx_shutdown` is the only call that wakes a plugin which waits in a socket; the crate's `Context` neither has it
//! nor gives its pointer away (spec/decisions/0005). This is the only module with unsafe code.
#![allow(unsafe_code)]

use std::os::raw::{c_int, c_void};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{mpsc, Arc};
use std::time::Duration;

use crate::payload::Payload;
use crate::wake::Waker;

/// Sockets that one application may have; libzmq's own default is 1,023.
const MAX_SOCKETS: c_int = 16_384;

/// Smaller events are copied into a message: that is cheaper than the bookkeeping of sharing them.
const SHARE_MIN_BYTES: usize = 4096;

struct RawContext(*mut c_void);

// SAFETY: a libzmq context is thread safe by its documentation.
unsafe impl Send for RawContext {}
// SAFETY: as above.
unsafe impl Sync for RawContext {}

/// A libzmq context of the engine's own.
pub(crate) struct ZmqContext(RawContext);

impl ZmqContext {
    pub(crate) fn new() -> Result<Self, zmq::Error> {
        // SAFETY: no preconditions; null is checked.
        let raw = unsafe { zmq_sys::zmq_ctx_new() };
        if raw.is_null() {
            return Err(last_error());
        }
        // SAFETY: the pointer came from zmq_ctx_new just now.
        unsafe { zmq_sys::zmq_ctx_set(raw, zmq_sys::ZMQ_MAX_SOCKETS as c_int, MAX_SOCKETS) };
        Ok(ZmqContext(RawContext(raw)))
    }

    /// Makes a socket that never keeps the context from ending: LINGER is 0 until set otherwise.
    pub(crate) fn socket(&self, kind: zmq::SocketType) -> Result<zmq::Socket, zmq::Error> {
        let raw = loop {
            // SAFETY: the context is alive as long as `self`; null is checked.
            let raw = unsafe { zmq_sys::zmq_socket(self.0 .0, kind as c_int) };
            match raw.is_null().then(last_error) {
                None => break raw,
                Some(zmq::Error::EINTR) => {}
                Some(error) => return Err(error),
            }
        };
        // SAFETY: `raw` is a socket that nobody else owns; `zmq::Socket` closes it.
        let socket = unsafe { zmq::Socket::from_raw(raw) };
        socket.set_linger(0)?;
        Ok(socket)
    }

    /// Makes every call on every socket of this context return ETERM, those that wait included.
    pub(crate) fn shutdown(&self) {
        // SAFETY: the context is alive as long as `self`.
        unsafe { zmq_sys::zmq_ctx_shutdown(self.0 .0) };
    }

    /// Waits until all sockets are closed and their ports are free. `false`: somebody still holds one after `patience`; the rest is
    /// then left to a thread that ends with it.
    pub(crate) fn terminate(self, patience: Duration) -> bool {
        let (done, ended) = mpsc::channel();
        let context = self.0;
        let spawned = std::thread::Builder::new().name("event-engine-term".into()).spawn(move || {
            let context = context;
            // SAFETY: called once, as `self` was consumed. EINTR asks for another call.
            while unsafe { zmq_sys::zmq_ctx_term(context.0) } == -1 && last_error() == zmq::Error::EINTR {}
            let _ = done.send(());
        });
        spawned.is_ok() && ended.recv_timeout(patience).is_ok()
    }
}

fn last_error() -> zmq::Error {
    // SAFETY: reads a thread-local of libzmq.
    zmq::Error::from_raw(unsafe { zmq_sys::zmq_errno() })
}

/// Sets an integer option that the `zmq` crate has no function for.
pub(crate) fn set_int_option(socket: &mut zmq::Socket, option: u32, value: i32) -> Result<(), zmq::Error> {
    let value: c_int = value;
    // SAFETY: the socket is alive; pointer and size are those of one int.
    let rc = unsafe {
        zmq_sys::zmq_setsockopt(
            socket.as_mut_ptr(),
            option as c_int,
            std::ptr::addr_of!(value).cast(),
            std::mem::size_of::<c_int>(),
        )
    };
    if rc == -1 {
        return Err(last_error());
    }
    Ok(())
}

/// Ends the reports of a socket's monitor; to be called before the reports' reader is closed, since libzmq's I/O thread
/// would wait for a reader for ever, and with it every port of the context.
pub(crate) fn stop_monitor(socket: &mut zmq::Socket) {
    // SAFETY: the socket is alive; no address means the end of monitoring.
    unsafe { zmq_sys::zmq_socket_monitor(socket.as_mut_ptr(), std::ptr::null(), 0) };
}

/// Bytes of shared events that a socket's reader has not taken yet.
pub(crate) struct Outstanding {
    bytes: AtomicUsize,
    max_bytes: usize,
    waker: Arc<Waker>,
}

impl Outstanding {
    pub(crate) fn new(max_bytes: usize, waker: Arc<Waker>) -> Arc<Self> {
        Arc::new(Outstanding { bytes: AtomicUsize::new(0), max_bytes, waker })
    }

    /// Whether another event may be sent.
    pub(crate) fn has_room(&self) -> bool {
        self.bytes.load(Ordering::Acquire) < self.max_bytes
    }
}

/// Keeps an event's bytes alive while libzmq has them.
struct Shared {
    payload: Payload,
    outstanding: Option<Arc<Outstanding>>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(outstanding) = &self.outstanding {
            let before = outstanding.bytes.fetch_sub(self.payload.len(), Ordering::AcqRel);
            if before >= outstanding.max_bytes {
                outstanding.waker.wake();
            }
        }
    }
}

unsafe extern "C" fn drop_shared(_data: *mut c_void, hint: *mut c_void) {
    // SAFETY: `hint` is the box that `send` gave away; libzmq calls this exactly once for it.
    drop(unsafe { Box::from_raw(hint.cast::<Shared>()) });
}

/// Sends an event as one frame, a large one without copying it.
pub(crate) fn send(
    socket: &mut zmq::Socket,
    payload: &Payload,
    flags: i32,
    outstanding: Option<&Arc<Outstanding>>,
) -> Result<(), zmq::Error> {
    if payload.len() < SHARE_MIN_BYTES {
        return socket.send(&payload[..], flags);
    }
    if let Some(outstanding) = outstanding {
        outstanding.bytes.fetch_add(payload.len(), Ordering::AcqRel);
    }
    let shared = Box::new(Shared { payload: payload.clone(), outstanding: outstanding.cloned() });
    let (data, bytes) = (shared.payload.as_ptr(), shared.payload.len());
    let hint = Box::into_raw(shared);
    let mut message = zmq_sys::zmq_msg_t::default();
    // SAFETY: `data` stays valid and in place until `drop_shared` frees `hint`, which owns it. libzmq only reads it. A plugin
    // of the ancestor's API could write through the received `zmq::Message`, as it could with every message that libzmq's
    // own PUB shares between its subscribers; `Plugin::start` says not to.
    let rc = unsafe {
        zmq_sys::zmq_msg_init_data(
            &mut message,
            data.cast_mut().cast(),
            bytes,
            Some(drop_shared),
            hint.cast(),
        )
    };
    if rc == -1 {
        // SAFETY: libzmq has not taken the box.
        drop(unsafe { Box::from_raw(hint) });
        return Err(zmq::Error::ENOMEM);
    }
    // SAFETY: message and socket are alive; on success the message is libzmq's.
    if unsafe { zmq_sys::zmq_msg_send(&mut message, socket.as_mut_ptr(), flags) } == -1 {
        let error = last_error();
        // SAFETY: the message was initialised and not sent; closing it runs `drop_shared`.
        unsafe { zmq_sys::zmq_msg_close(&mut message) };
        return Err(error);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_event_is_freed_once_when_its_reader_is_done() {
        let context = ZmqContext::new().unwrap();
        let mut sender = context.socket(zmq::PUSH).unwrap();
        let receiver = context.socket(zmq::PULL).unwrap();
        receiver.bind("inproc://shared").unwrap();
        sender.connect("inproc://shared").unwrap();
        let waker = Waker::new().unwrap();
        let outstanding = Outstanding::new(100_000, waker);
        let payload = Payload::from(vec![7u8; 100_000]);
        send(&mut sender, &payload, 0, Some(&outstanding)).unwrap();
        assert!(!outstanding.has_room());
        let message = receiver.recv_msg(0).unwrap();
        assert_eq!(message.as_ptr(), payload.as_ptr(), "the bytes were copied");
        drop(message);
        assert!(outstanding.has_room());
        drop((sender, receiver));
        assert!(context.terminate(Duration::from_secs(10)));
    }

    #[test]
    fn shutdown_wakes_a_waiting_socket_and_terminate_frees_its_port() {
        let context = ZmqContext::new().unwrap();
        let socket = context.socket(zmq::PULL).unwrap();
        socket.bind("tcp://127.0.0.1:*").unwrap();
        let endpoint = socket.get_last_endpoint().unwrap().unwrap();
        let waiting = std::thread::spawn(move || socket.recv_bytes(0).unwrap_err());
        context.shutdown();
        assert_eq!(waiting.join().unwrap(), zmq::Error::ETERM);
        assert!(context.terminate(Duration::from_secs(10)));
        let again = ZmqContext::new().unwrap();
        let socket = again.socket(zmq::PULL).unwrap();
        socket.bind(&endpoint).unwrap();
        drop(socket);
        assert!(again.terminate(Duration::from_secs(10)));
    }
}
