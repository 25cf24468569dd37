"""One connection to the plugin's port: a zmq socket, its monitor, and when to open a new one.

A session must begin with ``hello`` on every connection, so zmq never reconnects by itself
and a broken connection gets a new socket. Nothing here waits: :meth:`Line.tend` and
:meth:`Line.receive` do what can be done now.
"""

from __future__ import annotations

import random
import struct
import sys
import threading
import time
import weakref
from typing import Any, cast

import zmq

from ._constants import (
    HANDSHAKE_MS,
    LINGER_MS,
    PUBLISH_WINDOW,
    RECEIVE_WINDOW_MAX,
    RECONNECT_MAX_MS,
    RECONNECT_MIN_MS,
)

_SPARE_MESSAGES = 1000
_FIRST_PATIENCE = 1.0
_LAST_PATIENCE = HANDSHAKE_MS / 1000
_MONITOR_EVENT = struct.Struct("=hi")
_BROKEN = (
    zmq.EVENT_CLOSED
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)
# The line opens a new socket instead. (-1 would switch reconnecting off, and then zmq throws away
# what it has received when the connection breaks.)
_NEVER_MS = 2**29

_WATCHED = _BROKEN | zmq.EVENT_CONNECT_DELAYED | zmq.EVENT_CONNECTED | zmq.EVENT_HANDSHAKE_SUCCEEDED


class Line:
    """A connection that is opened again when it breaks.

    ``patient`` leaves reconnecting to zmq: then messages that came and were not read survive a
    broken connection, and unsent ones are sent on the next.
    """

    def __init__(
        self,
        context: zmq.Context[Any],
        endpoint: str,
        heartbeat_ms: int,
        kind: int = zmq.DEALER,
        patient: bool = False,
    ) -> None:
        self.endpoint = endpoint
        self.up = False
        self.resolved = False
        """Whether the name of the host was ever found."""
        self.reached = False
        """Whether the try before or now found somebody who listens."""
        self.refused = False
        """Whether the try before was refused: nobody listens."""
        self.foreign = False
        """Whether the peer's first bytes were none of ZMTP."""
        self.generation = 0
        """Changes with :attr:`fds`."""
        self.fds: list[int] = []
        self.due: float | None = 0.0
        """When :meth:`tend` has to be called although nothing happened."""
        self._context = context
        self._heartbeat_ms = heartbeat_ms
        self._kind = kind
        self._patient = patient
        self._ending = False
        self._socket: zmq.Socket[bytes] | None = None
        self._monitor: zmq.Socket[bytes] | None = None
        self._pause_ms: float = RECONNECT_MIN_MS
        self._patience = _FIRST_PATIENCE

    def tend(self, now: float) -> bool | None:
        """Take note of what happened to the connection.

        Returns True when it has come up, False when it has broken or a try has failed, None when
        nothing changed. Call it until it returns None.
        """
        if self._socket is None:
            if self.due is None or now < self.due:
                return None
            try:
                self._open(now)
            except zmq.ZMQError:  # no descriptor left, for example
                return self._lose(now)
        if self._ending:
            return self._lose(now)
        # Also right after opening: only who has looked in vain is told of what comes.
        while True:
            event = self._next_event()
            if event == 0:
                break
            if event == zmq.EVENT_CONNECT_DELAYED:
                self.resolved = True
            elif event == zmq.EVENT_CONNECTED:
                self.resolved = self.reached = True
                if not self._patient:
                    self.due = now + HANDSHAKE_MS / 1000
            elif event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self.up = True
                self.due = None
                return True
            elif self._patient:
                if self.up:
                    self.up = False
                    return False
            else:
                self.foreign = event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
                self.refused = event == zmq.EVENT_CLOSED and not self.reached
                if not self.up:
                    return self._lose(now)
                self._ending = True  # as soon as everything is read that came before
                self.due = now
                return None
        if self.due is not None and now >= self.due:
            self.refused = False
            self._patience = min(2 * self._patience, _LAST_PATIENCE)
            return self._lose(now)
        return None

    def receive(self) -> list[bytes] | None:
        """Return the next message, None when there is none."""
        socket = self._socket
        if socket is None:
            return None
        try:
            first = socket.recv(zmq.DONTWAIT)
        except zmq.Again:
            return None
        frames = [first]
        while socket.getsockopt(zmq.RCVMORE):
            frames.append(socket.recv(zmq.DONTWAIT))
        return frames

    def look(self) -> None:
        """Quieten the descriptor of a socket that nobody receives from."""
        if self._socket is not None:
            self._socket.getsockopt(zmq.EVENTS)

    def send(self, frames: list[bytes]) -> bool:
        """Hand a message to zmq; False when it takes none now."""
        if self._socket is None:
            return False
        try:
            self._socket.send_multipart(frames, zmq.DONTWAIT)
        except zmq.Again:
            return False
        return True

    def proven(self) -> None:
        """Take the peer for the right one: the next pause between two tries is short."""
        self._pause_ms = RECONNECT_MIN_MS
        self._patience = _FIRST_PATIENCE

    def close(self, linger_ms: int = 0) -> None:
        """Close for good; terminating the context gives ``linger_ms`` to what is unsent."""
        self._close(linger_ms)
        self.due = None

    def _open(self, now: float) -> None:
        context = self._context
        self._socket = socket = context.socket(self._kind)
        self.generation += 1
        self.reached = False
        socket.linger = LINGER_MS
        socket.sndhwm = PUBLISH_WINDOW + _SPARE_MESSAGES
        socket.rcvhwm = RECEIVE_WINDOW_MAX + _SPARE_MESSAGES
        # Not for names: zmq would then try only the IPv6 address of one that has both.
        socket.ipv6 = "[" in self.endpoint
        socket.handshake_ivl = HANDSHAKE_MS
        socket.heartbeat_ivl = self._heartbeat_ms
        if self._heartbeat_ms:
            socket.heartbeat_timeout = self._heartbeat_ms
        socket.reconnect_ivl = RECONNECT_MIN_MS if self._patient else _NEVER_MS
        if self._patient:
            socket.reconnect_ivl_max = RECONNECT_MAX_MS
        address = f"inproc://monitor-{id(self)}-{self.generation}"
        socket.monitor(address, _WATCHED)
        self._monitor = monitor = context.socket(zmq.PAIR)
        monitor.linger = 0
        monitor.rcvhwm = 0  # or zmq's own thread could come to wait for us
        monitor.connect(address)
        socket.connect(self.endpoint)
        self.fds = [socket.getsockopt(zmq.FD), monitor.getsockopt(zmq.FD)]
        self.due = None if self._patient else now + self._patience

    def _next_event(self) -> int:
        monitor = self._monitor
        if monitor is None or not cast(int, monitor.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
            return 0
        event: int = _MONITOR_EVENT.unpack(monitor.recv_multipart(zmq.DONTWAIT)[0])[0]
        return event

    def _lose(self, now: float) -> bool:
        self._close(0)
        # Not all clients of an engine that comes back at the same moment.
        self.due = now + self._pause_ms / 1000 * random.uniform(0.5, 1.0)
        self._pause_ms = min(2 * self._pause_ms, RECONNECT_MAX_MS)
        return False

    def _close(self, linger_ms: int) -> None:
        socket, monitor = self._socket, self._monitor
        self._socket = self._monitor = None
        self.up = self._ending = False
        self.fds = []
        self.generation += 1
        if socket is not None:
            # In this order: a monitor without its reader blocks zmq's own thread.
            socket.disable_monitor()
            if monitor is not None:
                monitor.close(0)
            socket.close(linger_ms)


_terminations: weakref.WeakSet[threading.Thread] = weakref.WeakSet()


def terminate(context: zmq.Context[Any], unsent: bool) -> threading.Thread | None:
    """Give unsent messages of closed sockets their time, in a thread of its own.

    A thread, because a name that does not resolve holds up zmq for longer than any linger.
    ``unsent`` says that there may be such messages. Returns None when it is over already: a process
    that is ending has no new threads, and then only these are worth to be waited for.
    """
    if not sys.is_finalizing():  # until Python 3.11 a thread would wait for ever then
        thread = threading.Thread(target=context.term, name="event-engine-term", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # from Python 3.12 on, as soon as the process is ending
            pass
        else:
            if unsent:
                _terminations.add(thread)
            return thread
    if unsent:
        context.term()
    return None


def await_terminations(deadline: float) -> None:
    """Wait until everything is sent that closed clients have left."""
    for thread in list(_terminations):
        thread.join(max(0.0, deadline - time.monotonic()))
