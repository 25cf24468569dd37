"""The testee of this SDK's client for asyncio: the twin of testee.py, which says more.

Each command is a task, and `cancel` cancels a task.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import json
import os

import adapter
from adapter import Fields, now_us

import event_engine
from event_engine import aio

Call = asyncio.Task[Fields]


class Testee:
    """The operations, each of which takes a command's fields and returns those of its answer."""

    def __init__(self) -> None:
        self._clients: dict[str, aio.Client] = {}
        self._calls: dict[int, Call] = {}

    async def hello(self, command: Fields) -> Fields:
        return adapter.hello("event-engine-python-asyncio", "cancel")

    async def connect(self, command: Fields) -> Fields:
        self._clients.pop(command["client"], None)
        client = await aio.connect(**adapter.connect_arguments(command))
        self._clients[command["client"]] = client
        return {"profile": client.profile}

    async def next(self, command: Fields) -> Fields:
        client = self._clients[command["client"]]
        return adapter.received(await client.next_event(**adapter.timeout(command)))

    async def events(self, command: Fields) -> Fields:
        events: list[Fields] = []
        async for event in self._clients[command["client"]]:
            events.append(adapter.received(event))
            if len(events) >= command["max"]:
                return {"events": events, "ended": False}
        return {"events": events, "ended": True}

    async def publish(self, command: Fields) -> Fields:
        client, event = self._clients[command["client"]], adapter.decode(command["data"])
        return {"id": await client.publish(event, **adapter.timeout(command))}

    async def publish_batch(self, command: Fields) -> Fields:
        client, events = self._clients[command["client"]], map(adapter.decode, command["data"])
        return {"id": await client.publish_batch(events, **adapter.timeout(command))}

    async def quit(self, command: Fields) -> Fields:
        await self._clients[command["client"]].quit(**adapter.timeout(command))
        return {}

    async def close(self, command: Fields) -> Fields:
        await self._clients[command["client"]].close()
        return {}

    async def stopping(self, command: Fields) -> Fields:
        return {"stopping": self._clients[command["client"]].stopping}

    async def drop(self, command: Fields) -> Fields:
        del self._clients[command["client"]]
        gc.collect()
        return {}

    async def cancel(self, command: Fields) -> Fields:
        if command["call"] in self._calls:  # else it has been answered in the meantime
            self._calls[command["call"]].cancel()
        return {}

    async def flood(self, command: Fields) -> Fields:
        client, last, began_us = self._clients[command["client"]], 0, now_us()
        for batch in adapter.batches(command):
            last = await client.publish_batch(batch)
        return {"id": last, "us": now_us() - began_us}

    async def drain(self, command: Fields) -> Fields:
        client, tally = self._clients[command["client"]], adapter.Tally()
        with contextlib.suppress(event_engine.Timeout):
            while len(tally.seen) < command["count"]:
                tally.add(await client.next_event(**adapter.timeout(command)))
        return tally.result()

    async def round_trips(self, command: Fields) -> Fields:
        client, trips_us = self._clients[command["client"]], []
        for event in adapter.numbered(command):
            began_us = now_us()
            await client.publish(event)
            await client.next_event()
            trips_us.append(now_us() - began_us)
        return {"us": trips_us}

    async def seal(self, command: Fields) -> Fields:
        return adapter.seal(command)

    async def open(self, command: Fields) -> Fields:
        return adapter.open_envelope(command)

    def _begin(self, command: Fields, writer: asyncio.StreamWriter) -> None:
        call = self._calls[command["id"]] = asyncio.create_task(self._call(command))
        call.add_done_callback(functools.partial(self._answer, command, writer))

    async def _call(self, command: Fields) -> Fields:
        if command["op"] not in OPERATIONS:
            raise adapter.Unsupported(f"no operation {command['op']}")
        result: Fields = await OPERATIONS[command["op"]](self, command)
        return result

    def _answer(self, command: Fields, writer: asyncio.StreamWriter, call: Call) -> None:
        # Here and not in the task, since one that is cancelled before it began never runs.
        del self._calls[command["id"]]
        if call.cancelled():
            line = adapter.line(command, error=event_engine.Timeout("the task was cancelled"))
        elif call.exception() is not None:
            line = adapter.line(command, error=call.exception())
        else:
            line = adapter.line(command, ok=call.result())
        writer.write(line)


OPERATIONS = {name: do for name, do in vars(Testee).items() if not name.startswith("_")}


async def main() -> None:
    """Serve one harness until its connection ends."""
    testee = Testee()
    reader, writer = await asyncio.open_connection(*adapter.address(), limit=adapter.LINE_BYTES_MAX)
    with contextlib.suppress(OSError):
        while line := await reader.readline():
            testee._begin(json.loads(line), writer)
    os._exit(0)  # at once, as a crash would: no client is to close itself


if __name__ == "__main__":
    asyncio.run(main())
