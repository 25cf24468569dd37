"""Four functions for an external plugin of an event-engine application.

.. code-block:: python

    import zmq
    from pyevents.events import get_plugin_socket, get_next_msg, publish_msg, send_quit_command

    socket = get_plugin_socket(zmq.Context(), 6000, host="127.0.0.1")
    event = get_next_msg(socket)
    publish_msg(socket, b"answer to " + event)
    send_quit_command(socket)

The socket is a plain zmq REQ socket and belongs to one thread at a time, like every zmq socket.
An answer that comes after a time-out is not lost: the next call gets it. Nothing is printed;
warnings go to the logger ``pyevents.events``.
"""

from __future__ import annotations

import logging
import time
from typing import Any, Optional, Union

import zmq

from ._constants import MSG_PUBLISHED, NEXT_MSG, QUIT
from ._quit import deliver_quit
from ._socket import LINGER_MS, can_send, is_remote, number_option
from ._state import Awaited, PluginState, Requester, state_of

__all__ = ["get_plugin_socket", "get_next_msg", "publish_msg", "send_quit_command"]

_log = logging.getLogger(__name__)
# Without it Python prints warnings to stderr when the application has not set up logging.
_log.addHandler(logging.NullHandler())

# zmq's own word for "wait for ever", and of `timeout` for "the socket's own RCVTIMEO"
_NO_LIMIT = -1


def get_plugin_socket(
    context: zmq.Context[Any], port: Union[int, str], host: str = "engine"
) -> zmq.Socket[bytes]:
    """Connect a REQ socket to the plugin's TCP port on the engine and return it.

    Returns at once: the connection is made in the background and retried until the engine is
    there. The socket's options are zmq's defaults, so its calls wait without limit; set
    ``socket.RCVTIMEO`` (milliseconds) for a limit.

    Raises :class:`zmq.ZMQError` (EINVAL) for a port that is no number.
    """
    socket: zmq.Socket[bytes] = context.socket(zmq.REQ)
    try:
        socket.connect(f"tcp://{host}:{port}")
    except Exception:
        socket.close()
        raise
    return socket


def get_next_msg(socket: zmq.Socket[bytes], timeout: int = _NO_LIMIT) -> bytes:
    """Wait for the plugin's next event and return its bytes.

    ``timeout`` is in milliseconds and for this call only; −1 leaves the socket's own RCVTIMEO in
    force. After a time-out the engine still owes the event: the next call gets it, however late.

    Raises :class:`zmq.Again` when nothing came in time, and :class:`zmq.ZMQError` with EFSM after
    :func:`send_quit_command` or while an application's own request on the socket is unanswered.
    """
    state = state_of(socket)
    deadline = _deadline(socket, timeout)
    _collect_late_reply(socket, state, deadline)
    if state.awaits is None:
        state.request(socket, NEXT_MSG, Awaited.EVENT)
    return state.answer(socket, deadline)


def publish_msg(socket: zmq.Socket[bytes], data: Any) -> str:
    """Publish one event and return the engine's reply once it has answered.

    ``data`` is bytes or another bytes-like object, at most as large as the engine's event limit
    (128 MiB by default). The reply is ``event-engine: msg published`` when the event was
    accepted; any other is logged as a warning and returned, and then nothing was published.

    The engine answers when every subscriber's queue has room; the wait is limited by the socket's
    own RCVTIMEO. While a :func:`get_next_msg` that timed out is owed its event, the publish goes
    over a second connection to the same port. An engine that serves one connection at a time
    (event-engine 0.2) answers it only after the owed event.

    Raises :class:`zmq.Again` when RCVTIMEO passed without an answer: the event is on its way,
    do not send it again. Raises :class:`TypeError` for text or None, :class:`ValueError` for the
    two commands that have functions of their own, :class:`UnicodeDecodeError` for a reply that
    is no UTF-8, and :class:`zmq.ZMQError` with EFSM like :func:`get_next_msg`.
    """
    state = state_of(socket)
    _refuse_commands(data)
    deadline = _deadline(socket, _NO_LIMIT)
    _collect_late_reply(socket, state, deadline)
    if state.side is not None:
        _collect_late_reply(state.side.socket, state.side, deadline)
    if state.awaits is None:
        reply = state.ask(socket, data, deadline)
    else:
        side = state.open_side(socket)
        reply = side.ask(side.socket, data, deadline)
    if reply != MSG_PUBLISHED:
        _log.warning("the engine did not publish the event; its reply: %r", reply[:200])
    return reply.decode("utf-8")


def send_quit_command(socket: zmq.Socket[bytes]) -> None:
    """Tell the engine that this plugin has finished; there is no reply.

    When this returns, the command has left the process if the engine could be reached, so the
    process may end at once. It returns at once when the port is closed, and in any case within 2 s
    (3 s when a publish is still unanswered). It also limits the
    socket's LINGER to 1 s, so that closing it and terminating its context cannot hang. An event
    still owed is given up.

    Raises :class:`zmq.ZMQError` with EFSM when it was called before on this socket or while an
    application's own request on the socket is unanswered.
    """
    state = state_of(socket)
    if state.awaits is None and is_remote(socket) and not can_send(socket):
        raise zmq.ZMQError(zmq.EFSM)
    _settle_before_quit(socket, state)
    if not 0 <= number_option(socket, zmq.LINGER) <= LINGER_MS:
        socket.setsockopt(zmq.LINGER, LINGER_MS)
    if is_remote(socket):
        if state.awaits is Awaited.EVENT:
            state.give_up_event(socket)
        deliver_quit(socket)
    else:
        socket.send(QUIT)
    state.finish()


def _deadline(socket: zmq.Socket[bytes], timeout_ms: int) -> Optional[float]:
    """When a call that starts now must end, on the monotonic clock in seconds; None is never."""
    limit_ms = number_option(socket, zmq.RCVTIMEO) if timeout_ms == _NO_LIMIT else timeout_ms
    if limit_ms == _NO_LIMIT:
        return None
    if limit_ms < 0:
        raise zmq.ZMQError(zmq.EINVAL)
    return time.monotonic() + limit_ms / 1000


def _refuse_commands(data: Any) -> None:
    try:
        view = memoryview(data)
    except TypeError:
        return  # what is not bytes-like is for the socket to refuse
    if view.nbytes in (len(NEXT_MSG), len(QUIT)) and view.tobytes() in (NEXT_MSG, QUIT):
        raise ValueError(
            f"{view.tobytes()!r} is a command, not an event: use get_next_msg or send_quit_command"
        )


def _collect_late_reply(
    socket: zmq.Socket[bytes], requester: Requester, deadline: Optional[float]
) -> None:
    """Take the answer of a publish that timed out off the socket, before the next request."""
    if requester.awaits is Awaited.REPLY:
        reply = requester.answer(socket, deadline)
        if reply != MSG_PUBLISHED:
            _log.warning("a late reply: the engine did not publish the event: %r", reply[:200])


def _settle_before_quit(socket: zmq.Socket[bytes], state: PluginState) -> None:
    """Give a publish that timed out a last chance: after the quit nobody would take it."""
    deadline = time.monotonic() + LINGER_MS / 1000
    try:
        _collect_late_reply(socket, state, deadline)
        if state.side is not None:
            _collect_late_reply(state.side.socket, state.side, deadline)
    except zmq.Again:
        _log.warning("quitting while the engine has not answered the last publish")
