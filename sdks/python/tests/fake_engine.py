"""A plugin's port under the test's control: a ROUTER that says what it is told to say."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import zmq

from event_engine._constants import COMMAND_PREFIX
from event_engine._header import Header, parse

BOUND_MS = 20_000

WELCOME = (
    b"event-engine: welcome version=1 engine=fake/1 plugin=p resumed=%d received=%d "
    b"max-event-bytes=1000 publish-window=4 publish-window-bytes=1000 ping-ms=1000 grace-ms=2000"
)


class FakeEngine:
    """Speaks from a thread of the test, one step after the other."""

    def __init__(self) -> None:
        self._context: zmq.Context[Any] = zmq.Context()
        self._router: zmq.Socket[bytes] = self._context.socket(zmq.ROUTER)
        self._router.linger = 0
        port = self._router.bind_to_random_port("tcp://127.0.0.1")
        self.endpoint = f"tcp://127.0.0.1:{port}"
        self._peer = b""

    def hear(self) -> tuple[Header, list[bytes]]:
        """Return the next message of whoever speaks, who is then answered."""
        assert self._router.poll(BOUND_MS), "nothing came"
        self._peer, *frames = self._router.recv_multipart()
        return parse(frames[0], COMMAND_PREFIX), frames[1:]

    def expect(self, verb: str) -> Header:
        """Return the next message with this verb."""
        while True:
            header, _ = self.hear()
            if header.verb == verb:
                return header

    def say(self, *frames: bytes) -> None:
        """Send a message."""
        self._router.send_multipart([self._peer, *frames])

    def greet(self, resumed: int = 0, received: int = 0) -> None:
        """Take a client in, up to `ok`."""
        self.expect("hello")
        self.say(WELCOME % (resumed, received))
        self.expect("ready")
        self.expect("ack")
        self.say(b"event-engine: ok")

    def __enter__(self) -> FakeEngine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._context.destroy(linger=0)
