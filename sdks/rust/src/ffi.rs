//! The two things that the `zmq` crate and the standard library cannot do safely.
#![allow(unsafe_code)] // the only file with unsafe code

/// Ends the reports of a socket's monitor; to be called before the reports' reader is closed, since libzmq's I/O thread
/// would wait for a reader for ever.
pub(crate) fn stop_monitor(socket: &mut zmq::Socket) {
    // SAFETY: the socket is alive; no address means the end of monitoring.
    unsafe { zmq_sys::zmq_socket_monitor(socket.as_mut_ptr(), std::ptr::null(), 0) };
}

/// A descriptor of one's own for what libzmq's signals are read from, so that it can be watched until it is dropped,
/// whenever the socket is closed.
#[cfg(feature = "tokio")]
pub(crate) fn own(fd: std::os::fd::RawFd) -> std::io::Result<std::os::fd::OwnedFd> {
    // SAFETY: the caller holds the socket whose descriptor this is, so it is open for the length of this call.
    unsafe { std::os::fd::BorrowedFd::borrow_raw(fd) }.try_clone_to_owned()
}
