"""The bench's clients with the Python SDK, and a raw pyzmq subscriber to compare them with.

    client.py receive|publish|receive-asyncio|publish-asyncio|subscribe ENDPOINT EVENTS BYTES

Prints one line of JSON: how many events, when (nanoseconds since 1970), and for events that carry
a time, how long each travelled. Where there are many events, every 64th is checked: checking all
of them would be much of what is measured.
"""

import asyncio
import json
import struct
import sys
import time

FILTER = b"bench:"
NUMBERS = struct.Struct("<QQ")
# Events per publish_batch.
BATCH = 10_000
CHECK_EVERY = 64


class Account:
    """Checks and counts events."""

    def __init__(self, events, size):
        self.events = events
        self.size = size
        self.count = 0
        self.latencies_ns = []
        self.check_every = CHECK_EVERY if events >= 10_000 else 1

    def check(self, event):
        """Check the event that is next."""
        number, sent_ns = NUMBERS.unpack_from(event, len(FILTER))
        if number != self.count or len(event) != self.size:
            raise SystemExit(f"event {self.count} is not the one that came")
        if sent_ns:
            self.latencies_ns.append(time.time_ns() - sent_ns)

    def answer(self):
        """What is printed."""
        return {"events": self.count, "last_ns": time.time_ns(), "latencies_ns": self.latencies_ns}


def subscribe(endpoint, events, size):
    """Receive from a PUB."""
    import zmq

    socket = zmq.Context().socket(zmq.SUB)
    socket.rcvhwm = 0
    socket.connect(endpoint)
    socket.subscribe(FILTER)
    account = Account(events, size)
    while account.count < events:
        event = socket.recv()
        if not account.count % account.check_every:
            account.check(event)
        account.count += 1
    return account.answer()


def receive(endpoint, events, size):
    """Receive by iteration."""
    import event_engine

    account = Account(events, size)
    with event_engine.connect(endpoint, profile="session") as client:
        for event in client:
            if not account.count % account.check_every:
                account.check(event)
            account.count += 1
            if account.count == events:
                break
        return account.answer()


async def receive_asyncio(endpoint, events, size):
    """Receive by asynchronous iteration."""
    import event_engine.aio

    account = Account(events, size)
    async with await event_engine.aio.connect(endpoint, profile="session") as client:
        async for event in client:
            if not account.count % account.check_every:
                account.check(event)
            account.count += 1
            if account.count == events:
                break
        return account.answer()


def batches(events, size):
    """Events to publish: a filter, a number, no time, and fill."""
    made = [(FILTER + NUMBERS.pack(number, 0)).ljust(size, b".") for number in range(events)]
    return [made[first : first + BATCH] for first in range(0, events, BATCH)]


def publish(endpoint, events, size):
    """Publish."""
    import event_engine

    made = batches(events, size)
    with event_engine.connect(endpoint, profile="session") as client:
        first_ns = time.time_ns()
        for batch in made:
            client.publish_batch(batch)
        return {"events": events, "first_ns": first_ns, "last_ns": time.time_ns()}


async def publish_asyncio(endpoint, events, size):
    """Publish on an event loop."""
    import event_engine.aio

    made = batches(events, size)
    async with await event_engine.aio.connect(endpoint, profile="session") as client:
        first_ns = time.time_ns()
        for batch in made:
            await client.publish_batch(batch)
        return {"events": events, "first_ns": first_ns, "last_ns": time.time_ns()}


COMMANDS = {
    "receive": receive,
    "receive-asyncio": receive_asyncio,
    "publish": publish,
    "publish-asyncio": publish_asyncio,
    "subscribe": subscribe,
}


def main():
    """Do what the arguments say."""
    command, endpoint, events, size = sys.argv[1:]
    answer = COMMANDS[command](endpoint, int(events), int(size))
    if asyncio.iscoroutine(answer):
        answer = asyncio.run(answer)
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
