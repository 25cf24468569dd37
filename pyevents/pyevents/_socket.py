"""What can be read off a plugin socket, and connecting another one to the same place."""

from __future__ import annotations

from typing import cast

import zmq

LINGER_MS = 1000
"""How long an unsent message may hold up the end of a connection that this package closes."""


def number_option(socket: zmq.Socket[bytes], option: int) -> int:
    """Return one of the socket's numeric options."""
    return cast(int, socket.getsockopt(option))


def can_send(socket: zmq.Socket[bytes]) -> bool:
    """Return whether a REQ socket takes a request, that is, has no answer outstanding."""
    return bool(number_option(socket, zmq.EVENTS) & zmq.POLLOUT)


def endpoint_of(socket: zmq.Socket[bytes]) -> str:
    """Return the address that the socket was connected to last, empty when there is none."""
    return cast(bytes, socket.getsockopt(zmq.LAST_ENDPOINT)).rstrip(b"\0").decode()


def is_remote(socket: zmq.Socket[bytes]) -> bool:
    """Return whether a socket of another context can connect to the same place."""
    return endpoint_of(socket).startswith(("tcp:", "ipc:"))


def connect_like(socket: zmq.Socket[bytes], twin: zmq.Socket[bytes]) -> None:
    """Connect ``twin`` to where ``socket`` is connected."""
    twin.setsockopt(zmq.LINGER, LINGER_MS)
    twin.setsockopt(zmq.IPV6, number_option(socket, zmq.IPV6))
    twin.connect(endpoint_of(socket))
