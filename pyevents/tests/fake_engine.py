"""A plugin port of the basic profile, with its answers under the test's control."""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType
from typing import Any, Callable

import zmq

BOUND_S = 20.0
"""Longest wait for anything that is expected to happen."""

BOUND_MS = 20_000


class FakeEngine:
    """A ROUTER in a thread: one queue, any number of connections.

    ``reply`` is what a publish is answered with; None leaves it unanswered until :meth:`answer`.
    """

    def __init__(self) -> None:
        self._context: zmq.Context[Any] = zmq.Context()
        self._router: zmq.Socket[bytes] = self._context.socket(zmq.ROUTER)
        self._router.linger = 0
        self.port = self._router.bind_to_random_port("tcp://127.0.0.1")
        self._orders: zmq.Socket[bytes] = self._context.socket(zmq.PAIR)
        self._orders.bind("inproc://orders")
        self._ordered: zmq.Socket[bytes] = self._context.socket(zmq.PAIR)
        self._ordered.connect("inproc://orders")
        self._waiting: deque[bytes] = deque()
        self._events: deque[bytes] = deque()
        self._parked: list[bytes] = []
        self._changed = threading.Condition()
        self.reply: bytes | None = b"event-engine: msg published"
        self.requests: list[tuple[bytes, bytes]] = []
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> FakeEngine:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._orders.send(b"end")
        self._thread.join(BOUND_S)
        self._context.destroy(linger=0)

    def event(self, body: bytes) -> None:
        """Queue one event for the plugin."""
        self._orders.send_multipart([b"event", body])

    def answer(self, reply: bytes) -> None:
        """Answer every publish that is still unanswered."""
        self._orders.send_multipart([b"answer", reply])

    @property
    def bodies(self) -> list[bytes]:
        """Every request so far, in order of arrival."""
        return [body for _, body in self.requests]

    def until(self, condition: Callable[[FakeEngine], bool]) -> None:
        """Wait until the requests that came fulfil ``condition``."""
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self), BOUND_S), self.requests

    def _serve(self) -> None:
        poller = zmq.Poller()
        poller.register(self._router, zmq.POLLIN)
        poller.register(self._ordered, zmq.POLLIN)
        while True:
            ready = dict(poller.poll())
            if self._ordered in ready:
                order, *body = self._ordered.recv_multipart()
                if order == b"end":
                    return
                self._obey(order, body[0])
            if self._router in ready:
                peer, _, body_frame = self._router.recv_multipart()
                self._take(peer, body_frame)
            while self._waiting and self._events:
                self._send(self._waiting.popleft(), self._events.popleft())

    def _obey(self, order: bytes, body: bytes) -> None:
        if order == b"event":
            self._events.append(body)
        else:
            for peer in self._parked:
                self._send(peer, body)
            self._parked.clear()

    def _take(self, peer: bytes, body: bytes) -> None:
        # Before the answer: whoever has the answer may look for the request.
        with self._changed:
            self.requests.append((peer, body))
            self._changed.notify_all()
        if body == b"plugin_command: next_msg":
            self._waiting.append(peer)
        elif body.startswith(b"plugin_command: "):
            if body != b"plugin_command: quit":
                self._send(peer, b"event-engine: bad msg")
        elif self.reply is None:
            self._parked.append(peer)
        else:
            self._send(peer, self.reply)

    def _send(self, peer: bytes, body: bytes) -> None:
        self._router.send_multipart([peer, b"", body])
