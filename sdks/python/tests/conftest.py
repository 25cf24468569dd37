from __future__ import annotations

import asyncio
import faulthandler
import os
import socket as sockets
from collections.abc import Coroutine, Iterator
from typing import Any, Callable, Protocol, TypeVar

import pytest
from peers import Peer

import event_engine
from event_engine import Event, aio

T = TypeVar("T")

SHORT = os.environ.get("SHORT", "0") == "1"
"""Whether long tests are to be short."""


_stderr = 2


def pytest_configure() -> None:
    """Keep the standard error that pytest does not capture."""
    global _stderr
    _stderr = os.dup(2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the peers, by the fixtures it uses."""
    for item in items:
        used = getattr(item, "fixturenames", ())
        if {"engine", "start", "ancestor"} & set(used):
            item.add_marker(pytest.mark.peers)


@pytest.fixture(autouse=True)
def bound() -> Iterator[None]:
    """End the whole run with a traceback when a test hangs."""
    faulthandler.dump_traceback_later(100, exit=True, file=_stderr)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture
def start() -> Iterator[Callable[..., Peer]]:
    """Return a function that starts a peer, which ends with the test."""
    peers: list[Peer] = []

    def begin(*arguments: str) -> Peer:
        peers.append(Peer(*arguments))
        return peers[-1]

    yield begin
    for peer in peers:
        peer.__exit__(None, None, None)


@pytest.fixture
def engine(start: Callable[..., Peer]) -> Peer:
    return start("engine")


@pytest.fixture
def ancestor(start: Callable[..., Peer]) -> Peer:
    return start("ancestor")


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Yield a port that refuses connections: bound, never listening."""
    with sockets.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


class Blocking(Protocol):
    """What both clients look like in a test that does one thing after the other."""

    profile: str

    @property
    def stopping(self) -> bool: ...
    def next_event(self, timeout: float | None = None) -> Event: ...
    def publish(self, event: Any, timeout: float | None = None) -> int: ...
    def publish_batch(self, events: Any, timeout: float | None = None) -> int: ...
    def quit(self, timeout: float = 10.0) -> None: ...
    def close(self) -> None: ...
    def take(self, number: int) -> list[Event]: ...


class SyncClient:
    """The client for threads, with one method more."""

    def __init__(self, endpoint: str, **options: Any) -> None:
        self._client = event_engine.connect(endpoint, **options)
        self.profile = self._client.profile

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def take(self, number: int) -> list[Event]:
        """Iterate over the next events."""
        return [event for _, event in zip(range(number), self._client)]


class AioClient:
    """The client for asyncio, with a loop that runs while a call lasts."""

    def __init__(self, endpoint: str, **options: Any) -> None:
        self._loop = asyncio.new_event_loop()
        try:
            self._client = self._run(aio.connect(endpoint, **options))
        except BaseException:
            self._loop.close()
            raise
        self.profile = self._client.profile

    def next_event(self, timeout: float | None = None) -> Event:
        return self._run(self._client.next_event(timeout))

    def publish(self, event: Any, timeout: float | None = None) -> int:
        return self._run(self._client.publish(event, timeout))

    def publish_batch(self, events: Any, timeout: float | None = None) -> int:
        return self._run(self._client.publish_batch(events, timeout))

    @property
    def stopping(self) -> bool:
        async def ask() -> bool:
            return self._client.stopping

        return self._run(ask())

    def quit(self, timeout: float = 10.0) -> None:
        self._run(self._client.quit(timeout))

    def close(self) -> None:
        if not self._loop.is_closed():
            self._run(self._client.close())

    def end(self) -> None:
        self.close()
        if not self._loop.is_closed():
            self._run(self._loop.shutdown_default_executor())
            self._loop.close()

    def take(self, number: int) -> list[Event]:
        async def run() -> list[Event]:
            events: list[Event] = []
            if number:
                async for event in self._client:
                    events.append(event)
                    if len(events) == number:
                        break
            return events

        return self._run(run())

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(asyncio.wait_for(coroutine, 60))


@pytest.fixture(params=["sync", "aio"])
def connect(request: pytest.FixtureRequest) -> Iterator[Callable[..., Blocking]]:
    """Return a function that connects a client of either kind, closed with the test."""
    clients: list[Any] = []

    def begin(endpoint: str, **options: Any) -> Any:
        kind = SyncClient if request.param == "sync" else AioClient
        clients.append(kind(endpoint, **options))
        return clients[-1]

    yield begin
    for client in clients:
        client.end() if request.param == "aio" else client.close()
