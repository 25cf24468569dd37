"""Deliver a quit so that it survives the process that sends it.

A message that was handed to zmq leaves the process a little later, from a background thread; a
process that ends at once takes it along. Only terminating a context waits until everything is
sent, so the quit gets a context and a connection of its own.
"""

from __future__ import annotations

import threading
from typing import Any

import zmq
from zmq.utils.monitor import parse_monitor_message

from ._constants import QUIT
from ._socket import LINGER_MS, connect_like

_REACH_MS = 1000
"""How long to wait until it is known whether the engine can be reached."""

_KNOWN = (
    zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_CONNECT_RETRIED
    | zmq.EVENT_DISCONNECTED
)


def deliver_quit(socket: zmq.Socket[bytes]) -> None:
    """Send the quit to where ``socket`` is connected.

    Returns when it is sent, as soon as the port is seen to be closed, or when the engine's host
    was silent for 1 s. A quit that is not sent yet is tried for 1 s more in the background.
    """
    context: zmq.Context[Any] = zmq.Context()
    sender: zmq.Socket[bytes] = context.socket(zmq.REQ)
    monitor: zmq.Socket[bytes] = sender.get_monitor_socket(_KNOWN)
    connect_like(socket, sender)
    sender.send(QUIT)
    reached = False
    if monitor.poll(_REACH_MS):
        known = parse_monitor_message(monitor.recv_multipart())
        reached = known["event"] == zmq.EVENT_HANDSHAKE_SUCCEEDED
    sender.disable_monitor()
    monitor.close(linger=0)
    sender.close()
    # In a thread: a name that does not resolve holds up zmq for longer than any linger.
    flush = threading.Thread(target=context.term, name="pyevents-quit", daemon=True)
    flush.start()
    if reached:
        flush.join(LINGER_MS / 1000)
