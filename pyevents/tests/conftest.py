from __future__ import annotations

import socket as sockets
from typing import Any, Iterator

import pytest
import zmq
from fake_engine import FakeEngine

from pyevents.events import get_plugin_socket


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    with FakeEngine() as engine:
        yield engine


@pytest.fixture
def context() -> Iterator[zmq.Context[Any]]:
    context: zmq.Context[Any] = zmq.Context()
    yield context
    context.destroy(linger=0)


@pytest.fixture
def socket(engine: FakeEngine, context: zmq.Context[Any]) -> zmq.Socket[bytes]:
    return get_plugin_socket(context, engine.port, host="127.0.0.1")


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Yield a port that refuses connections: bound, never listening."""
    with sockets.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]
