"""What a plugin socket still waits for, kept beside the plain zmq socket without owning it."""

from __future__ import annotations

import enum
import math
import os
import time
import weakref
from typing import Any, Dict, Optional

import zmq

from ._socket import can_send, connect_like, endpoint_of, is_remote, number_option

_DISCONNECT_MS = 20


class Awaited(enum.Enum):
    """The answer that a REQ socket has been promised."""

    EVENT = "the event of a next_msg"
    REPLY = "the reply to a publish"


class Requester:
    """The request side of one REQ socket: what it asked and has no answer to yet."""

    __slots__ = ("awaits",)

    def __init__(self) -> None:
        self.awaits: Optional[Awaited] = None

    def request(self, socket: zmq.Socket[bytes], body: Any, awaited: Awaited) -> None:
        """Send ``body``; from then on the socket owes ``awaited``."""
        # Set before the send: an interrupt in between must not make the next call ask again.
        self.awaits = awaited
        try:
            socket.send(body)
        except Exception:
            self.awaits = None
            raise

    def answer(self, socket: zmq.Socket[bytes], deadline: Optional[float]) -> bytes:
        """Receive what is awaited. Raises zmq.Again past the deadline and goes on awaiting."""
        if deadline is None:
            body = socket.recv()
        else:
            wait_ms = max(0, math.ceil((deadline - time.monotonic()) * 1000))
            if not socket.poll(wait_ms):
                raise zmq.Again()
            body = socket.recv(zmq.NOBLOCK)
        self.awaits = None
        return body

    def ask(self, socket: zmq.Socket[bytes], data: Any, deadline: Optional[float]) -> bytes:
        """Publish ``data`` and return the reply."""
        self.request(socket, data, Awaited.REPLY)
        return self.answer(socket, deadline)


class Side(Requester):
    """A second connection to the plugin's port, for publishing while the first waits."""

    __slots__ = ("socket",)

    def __init__(self, main: zmq.Socket[bytes]) -> None:
        super().__init__()
        # A context of our own: the application's can be terminated while this socket is open.
        self.socket: zmq.Socket[bytes] = _own_context().socket(zmq.REQ)
        connect_like(main, self.socket)


class PluginState(Requester):
    """All that this module knows about one plugin socket."""

    __slots__ = ("_close_side", "finished", "side")

    def __init__(self) -> None:
        super().__init__()
        self.side: Optional[Side] = None
        self.finished = False
        self._close_side: Optional[weakref.finalize[..., Any]] = None

    def open_side(self, main: zmq.Socket[bytes]) -> Side:
        """Return the second connection, made on first use and closed when ``main`` is collected."""
        if self.side is None:
            if not is_remote(main):
                raise zmq.ZMQError(zmq.EFSM)
            self.side = Side(main)
            self._close_side = weakref.finalize(main, self.side.socket.close)
            self._close_side.atexit = False
        return self.side

    def give_up_event(self, socket: zmq.Socket[bytes]) -> None:
        """Drop the connection, so that the engine cancels the owed request."""
        linger_ms = number_option(socket, zmq.LINGER)
        socket.setsockopt(zmq.LINGER, 0)  # an unsent next_msg must not reach an engine any more
        socket.disconnect(endpoint_of(socket))
        socket.poll(_DISCONNECT_MS)  # zmq disconnects in steps, and some are taken in this thread
        socket.setsockopt(zmq.LINGER, linger_ms)

    def finish(self) -> None:
        """Close the second connection; from now on every call raises EFSM."""
        self.finished = True
        if self._close_side is not None:
            self._close_side()
            self.side = None


_states: weakref.WeakKeyDictionary[zmq.Socket[bytes], PluginState] = weakref.WeakKeyDictionary()
_contexts: Dict[int, zmq.Context[Any]] = {}


def state_of(socket: zmq.Socket[bytes]) -> PluginState:
    """Return the state of ``socket``. Raises ZMQError (EFSM) when its plugin has quit."""
    state = _states.get(socket)
    if state is None:
        state = _states.setdefault(socket, PluginState())
    if state.finished:
        raise zmq.ZMQError(zmq.EFSM)
    if state.awaits is not None and can_send(socket):
        state.awaits = None  # the application has received the answer itself
    return state


def _own_context() -> zmq.Context[Any]:
    """One context per process; a forked child must not use its parent's."""
    pid = os.getpid()
    context = _contexts.get(pid)
    if context is None:
        context = _contexts.setdefault(pid, zmq.Context())
    return context
