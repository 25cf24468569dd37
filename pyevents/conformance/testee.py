"""The testee of pyevents, for the harness in conformance/.

The harness starts it with CONFORMANCE_ADDRESS=127.0.0.1:PORT, sends commands there, one JSON object
a line, and gets an answer to each: what the library did, never a verdict. Each operation below is a
command of conformance/adapter.md. A zmq socket belongs to one thread: each client has its own, and
its commands are done there in order.

The same file drives the published tapis-pyevents 0.1.0, whose get_next_msg takes no time-out.
"""

from __future__ import annotations

import base64
import contextlib
import inspect
import json
import os
import platform
import queue
import socket as sockets
import threading
import time
from importlib import metadata
from typing import Any, Callable, Dict, Iterator, List, Optional, Set

import zmq

from pyevents.events import get_next_msg, get_plugin_socket, publish_msg, send_quit_command

Fields = Dict[str, Any]

NO_LIMIT = -1
CLOSE_MS = 1000
TAKES_TIMEOUT = "timeout" in inspect.signature(get_next_msg).parameters
CONTEXT: zmq.Context[Any] = zmq.Context()


class Failure(Exception):
    """What the library says by a reply and not by an exception, in the adapter's words."""

    def __init__(self, kind: str, text: str, code: Optional[str] = None) -> None:
        super().__init__(text)
        self.fields: Fields = {"kind": kind, "text": text}
        if code is not None:
            self.fields["code"] = code


class Client:
    """One client, and its operations: each takes a command's fields and returns the answer's."""

    def __init__(self) -> None:
        self._socket: zmq.Socket[bytes]
        self._ended = False

    def connect(self, command: Fields) -> Fields:
        if "endpoint" not in command or command.get("profile") == "session":
            raise Failure("unsupported", "pyevents needs a host and knows only the basic profile")
        host, _, port = command["endpoint"].replace("tcp://", "", 1).rpartition(":")
        self._socket = get_plugin_socket(CONTEXT, port, host)
        self._ended = False
        return {"profile": "basic"}

    def next(self, command: Fields) -> Fields:
        return {"data": encode(self._next(command.get("timeout_ms", NO_LIMIT)))}

    def publish(self, command: Fields) -> Fields:
        self._publish(base64.b64decode(command["data"]), command.get("timeout_ms", NO_LIMIT))
        return {}

    def quit(self, command: Fields) -> Fields:
        send_quit_command(self._socket)
        self._ended = True
        return {}

    def close(self, command: Fields) -> Fields:
        self._socket.close(linger=CLOSE_MS)
        self._ended = True
        return {}

    def flood(self, command: Fields) -> Fields:
        began_us = now_us()
        for event in numbered(command):
            self._publish(event)
        return {"us": now_us() - began_us}

    def drain(self, command: Fields) -> Fields:
        numbers: List[int] = []
        distinct: Set[int] = set()
        began_us = ended_us = 0
        with contextlib.suppress(zmq.Again):
            while len(distinct) < command["count"]:
                event = self._next(command["timeout_ms"])
                ended_us = now_us()
                began_us = began_us or ended_us
                digits = event.partition(b":")[2][:8]
                if not digits.isdigit():
                    raise LookupError(f"an event without a number: {event[:64]!r}")
                numbers.append(int(digits))
                distinct.add(numbers[-1])
        return {
            "count": len(numbers),
            "distinct": len(distinct),
            "in_order": all(one < other for one, other in zip(numbers, numbers[1:])),
            "first": numbers[0] if numbers else None,
            "last": numbers[-1] if numbers else None,
            "redelivered": 0,
            "us": ended_us - began_us,
        }

    def round_trips(self, command: Fields) -> Fields:
        trips_us = []
        for event in numbered(command):
            began_us = now_us()
            self._publish(event)
            self._next()
            trips_us.append(now_us() - began_us)
        return {"us": trips_us}

    def _next(self, timeout_ms: int = NO_LIMIT) -> bytes:
        if TAKES_TIMEOUT:
            return get_next_msg(self._socket, timeout_ms)
        with self._limit(timeout_ms):
            return get_next_msg(self._socket)

    def _publish(self, event: bytes, timeout_ms: int = NO_LIMIT) -> None:
        with self._limit(timeout_ms):
            reply = publish_msg(self._socket, event)
        if reply == "event-engine: bad msg":
            raise Failure("rejected", reply, "bad-msg")
        if reply != "event-engine: msg published":
            raise Failure("protocol", f"the reply to a publish was {reply[:200]!r}")

    @contextlib.contextmanager
    def _limit(self, timeout_ms: int) -> Iterator[None]:
        """Limit the socket's calls: that is how the library leaves it to its caller."""
        if timeout_ms == NO_LIMIT:
            yield
            return
        self._socket.setsockopt(zmq.RCVTIMEO, timeout_ms)
        try:
            yield
        finally:
            self._socket.setsockopt(zmq.RCVTIMEO, NO_LIMIT)

    def failure(self, error: Exception) -> Fields:
        """Describe an error in the adapter's words."""
        if isinstance(error, Failure):
            return error.fields
        kind = "other"
        if isinstance(error, zmq.Again):
            kind = "timeout"
        elif isinstance(error, zmq.ZMQError):
            if self._ended and error.errno in (zmq.EFSM, zmq.ENOTSOCK):
                kind = "closed"
            elif error.errno == zmq.EINVAL:
                kind = "invalid"
        elif isinstance(error, UnicodeDecodeError):  # of the engine's reply; it is a ValueError
            kind = "protocol"
        elif isinstance(error, (TypeError, ValueError)):
            kind = "invalid"
        return {"kind": kind, "text": repr(error) if kind == "other" else str(error)}


OPERATIONS: Dict[str, Callable[[Client, Fields], Fields]] = {
    name: getattr(Client, name)
    for name in ("connect", "next", "publish", "quit", "close", "flood", "drain", "round_trips")
}


def hello() -> Fields:
    """Describe the testee."""
    try:
        version = metadata.version("tapis-pyevents")
    except metadata.PackageNotFoundError:  # it comes from the source tree
        from pyevents._constants import VERSION as version
    return {
        "name": "tapis-pyevents",
        "version": version,
        "role": "client",
        "language": f"python{platform.python_version()}",
        "profiles": ["basic"],
        "features": ["timeouts"],
        "libraries": {"pyzmq": zmq.__version__, "libzmq": zmq.zmq_version()},
    }


def encode(data: bytes) -> str:
    """Make a Base64 field."""
    return base64.b64encode(data).decode()


def numbered(command: Fields) -> Iterator[bytes]:
    """Make the events of a flood or of round trips."""
    prefix, first = base64.b64decode(command["prefix"]), command.get("first", 0)
    for number in range(first, first + command["count"]):
        yield (prefix + b"%08d" % number).ljust(command["size"], b".")


def now_us() -> int:
    """Return the time in microseconds, to measure by."""
    return time.perf_counter_ns() // 1000


def work(commands: queue.SimpleQueue[Fields], answer: Callable[..., None]) -> None:
    """Do one client's commands in order."""
    client = Client()
    while True:
        command = commands.get()
        try:
            answer(command, ok=OPERATIONS[command["op"]](client, command))
        except Exception as error:
            answer(command, error=client.failure(error))


def main() -> None:
    """Serve one harness until its connection ends."""
    host, _, port = os.environ["CONFORMANCE_ADDRESS"].rpartition(":")
    connection = sockets.create_connection((host, int(port)))
    connection.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY, 1)
    writing = threading.Lock()
    clients: Dict[str, queue.SimpleQueue[Fields]] = {}

    def answer(command: Fields, **result: Fields) -> None:
        line = json.dumps({"id": command["id"], **result}).encode() + b"\n"
        with contextlib.suppress(OSError), writing:  # without the harness nobody misses it
            connection.sendall(line)

    with contextlib.suppress(OSError):
        for line in connection.makefile("rb"):
            command = json.loads(line)
            if command["op"] == "hello":
                answer(command, ok=hello())
            elif command["op"] not in OPERATIONS:
                text = f"no operation {command['op']}"
                answer(command, error={"kind": "unsupported", "text": text})
            else:
                if command["client"] not in clients:
                    commands = clients[command["client"]] = queue.SimpleQueue()
                    threading.Thread(target=work, args=(commands, answer), daemon=True).start()
                clients[command["client"]].put(command)
    os._exit(0)  # at once, as a crash would: zmq is not to send what is unsent


if __name__ == "__main__":
    main()
