"""The testee of this SDK's client for threads, for the harness in conformance/.

The harness starts it with CONFORMANCE_ADDRESS=127.0.0.1:PORT, sends commands there, one JSON object
a line, and gets an answer to each: what the library did, never a verdict. Each operation below is a
command of conformance/adapter.md; each command has a thread of its own, so calls can be under way
side by side. testee_aio.py has the same operations with the client for asyncio.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import socket
import threading

import adapter
from adapter import Fields, now_us

import event_engine


class Testee:
    """The operations, each of which takes a command's fields and returns those of its answer."""

    def __init__(self) -> None:
        self._clients: dict[str, event_engine.Client] = {}

    def hello(self, command: Fields) -> Fields:
        return adapter.hello("event-engine-python")

    def connect(self, command: Fields) -> Fields:
        self._clients.pop(command["client"], None)
        client = event_engine.connect(**adapter.connect_arguments(command))
        self._clients[command["client"]] = client
        return {"profile": client.profile}

    def next(self, command: Fields) -> Fields:
        client = self._clients[command["client"]]
        return adapter.received(client.next_event(**adapter.timeout(command)))

    def events(self, command: Fields) -> Fields:
        events: list[Fields] = []
        for event in self._clients[command["client"]]:
            events.append(adapter.received(event))
            if len(events) >= command["max"]:
                return {"events": events, "ended": False}
        return {"events": events, "ended": True}

    def publish(self, command: Fields) -> Fields:
        client, event = self._clients[command["client"]], adapter.decode(command["data"])
        return {"id": client.publish(event, **adapter.timeout(command))}

    def publish_batch(self, command: Fields) -> Fields:
        client, events = self._clients[command["client"]], map(adapter.decode, command["data"])
        return {"id": client.publish_batch(events, **adapter.timeout(command))}

    def quit(self, command: Fields) -> Fields:
        self._clients[command["client"]].quit(**adapter.timeout(command))
        return {}

    def close(self, command: Fields) -> Fields:
        self._clients[command["client"]].close()
        return {}

    def stopping(self, command: Fields) -> Fields:
        return {"stopping": self._clients[command["client"]].stopping}

    def drop(self, command: Fields) -> Fields:
        del self._clients[command["client"]]
        gc.collect()
        return {}

    def flood(self, command: Fields) -> Fields:
        client, last, began_us = self._clients[command["client"]], 0, now_us()
        for batch in adapter.batches(command):
            last = client.publish_batch(batch)
        return {"id": last, "us": now_us() - began_us}

    def drain(self, command: Fields) -> Fields:
        client, tally = self._clients[command["client"]], adapter.Tally()
        with contextlib.suppress(event_engine.Timeout):
            while len(tally.seen) < command["count"]:
                tally.add(client.next_event(**adapter.timeout(command)))
        return tally.result()

    def round_trips(self, command: Fields) -> Fields:
        client, trips_us = self._clients[command["client"]], []
        for event in adapter.numbered(command):
            began_us = now_us()
            client.publish(event)
            client.next_event()
            trips_us.append(now_us() - began_us)
        return {"us": trips_us}

    def seal(self, command: Fields) -> Fields:
        return adapter.seal(command)

    def open(self, command: Fields) -> Fields:
        return adapter.open_envelope(command)


OPERATIONS = {name: do for name, do in vars(Testee).items() if not name.startswith("_")}


def answer(testee: Testee, command: Fields) -> bytes:
    """Carry out one command."""
    try:
        if command["op"] not in OPERATIONS:
            raise adapter.Unsupported(f"no operation {command['op']}")
        return adapter.line(command, ok=OPERATIONS[command["op"]](testee, command))
    except Exception as error:
        return adapter.line(command, error=error)


def main() -> None:
    """Serve one harness until its connection ends."""
    testee, writing = Testee(), threading.Lock()
    connection = socket.create_connection(adapter.address())
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def serve(command: Fields) -> None:
        line = answer(testee, command)
        with contextlib.suppress(OSError), writing:  # without the harness nobody misses it
            connection.sendall(line)

    with contextlib.suppress(OSError):
        for line in connection.makefile("rb"):
            threading.Thread(target=serve, args=(json.loads(line),), daemon=True).start()
    os._exit(0)  # at once, as a crash would: no client is to close itself


if __name__ == "__main__":
    main()
