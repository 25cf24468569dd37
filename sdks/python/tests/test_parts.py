"""The parts without I/O: no input breaks them, and two of them agree."""

from __future__ import annotations

import random
from collections import deque

import pytest

from event_engine import Closed, Event, Protocol
from event_engine._arguments import check_endpoint, is_numeric
from event_engine._batch import pack, unpack
from event_engine._constants import BATCH_TARGET_BYTES, COMMAND_PREFIX, HEADER_MAX_BYTES
from event_engine._header import HeaderError, command, parse
from event_engine._session import Session

WELCOME = (
    b"event-engine: welcome version=1 engine=e plugin=p resumed=%d received=%d "
    b"max-event-bytes=100000000 publish-window=%d publish-window-bytes=%d ping-ms=1 grace-ms=1"
)


def test_headers_survive_everything() -> None:
    chance = random.Random(1)
    alphabet = b"event-engine: plugin_command=%0123456789 abcdefseqcountreasonpublished\0\xff\n"
    accepted = 0
    for _ in range(20_000):
        body = bytes(chance.choices(alphabet, k=chance.randrange(40)))
        prefix = chance.choice([b"", b"event-engine: ", COMMAND_PREFIX, b"event-engine: ack "])
        if chance.random() < 0.3:
            body = b"ping x=" + body.replace(b" ", b"")
        try:
            header = parse(prefix + body)
            accepted += 1
            assert header.verb.encode() in body
        except HeaderError as error:
            assert error.code in ("bad-command", "bad-param")
    assert accepted > 100


def test_headers_round_trip() -> None:
    chance = random.Random(2)
    for _ in range(2_000):
        name = "".join(map(chr, chance.choices(range(1, 0x300), k=chance.randrange(30))))
        header = command("hello", version=1, session="0" * 32, client=name)
        if len(header) <= HEADER_MAX_BYTES:
            assert parse(header, COMMAND_PREFIX).texts["client"] == name


def test_batches_survive_everything() -> None:
    chance = random.Random(3)
    for _ in range(5_000):
        events = [chance.randbytes(chance.randrange(9)) for _ in range(chance.randrange(1, 9))]
        payload = bytearray(pack(events))
        assert unpack(bytes(payload), len(events)) == events
        payload[chance.randrange(len(payload))] ^= 1 << chance.randrange(8)
        try:
            assert len(unpack(bytes(payload), len(events))) == len(events)
        except HeaderError as error:
            assert error.code == "bad-param"


def test_sessions_survive_everything() -> None:
    chance = random.Random(4)
    ended = 0
    for _ in range(500):
        session = Session("0" * 32, "test")
        for _ in range(40):
            verb = chance.choice(["ok", "events", "published", "ping", "stop", "bye", "error", "x"])
            header = b"event-engine: %s" % verb.encode()
            for key in chance.sample(["seq", "count", "id", "code", "reason", "redelivered"], 2):
                header += b" %s=%d" % (key.encode(), chance.randrange(4))
            frames = [header] + [chance.randbytes(chance.randrange(6))] * chance.randrange(3)
            step = chance.randrange(8)
            if step == 0:
                session.connected()
            elif step == 1:
                session.received([WELCOME % (chance.randrange(2), chance.randrange(2), 9, 99)])
            elif step == 2 and chance.random() < 0.2:
                session.disconnected()
            elif step == 3 and not session.ended:
                session.publish([b"x"])
            else:
                session.received(frames)
            session.outbox.clear()
        if isinstance(session.error, Protocol):
            ended += 1
            with pytest.raises(Closed):
                session.next()
    assert ended > 100


class Model:
    """An engine's session, as plain as can be, on a connection that loses what is on its way."""

    def __init__(self, chance: random.Random, number: int) -> None:
        self.chance = chance
        self.down = [b"d%d" % n for n in range(number)]
        self.known = False
        self.acked = self.sent = self.ever_sent = self.upto = 0
        self.taken: list[bytes] = []
        self.accepted = 0

    def greet(self) -> bytes:
        welcome = WELCOME % (self.known, len(self.taken), 5, 12)
        self.known, self.sent = True, self.acked
        return welcome

    def hear(self, frames: list[bytes]) -> list[list[bytes]]:
        header = parse(frames[0], COMMAND_PREFIX)
        if header.verb == "hello":
            return [[self.greet()]]
        if header.verb == "ready":
            return [[b"event-engine: ok"]]
        if header.verb == "ack":
            self.acked = max(self.acked, header.numbers["seq"])
            self.upto = max(self.upto, header.numbers["upto"])
            assert self.acked <= self.ever_sent, "acknowledged what was never sent"
            self.sent = max(self.sent, self.acked)
        if header.verb == "publish":
            count = header.numbers.get("count", 0)
            events = unpack(frames[1], count) if count else [frames[1]]
            assert header.numbers["id"] == len(self.taken) + 1, "a gap or a repetition"
            self.taken += events
            assert len(self.taken) - self.accepted <= 5, "beyond the window"
        return []

    def speak(self) -> list[list[bytes]]:
        messages = []
        if self.sent < min(self.upto, len(self.down)):
            first = self.sent + 1
            count = self.chance.randint(1, min(self.upto, len(self.down)) - self.sent)
            self.sent += count
            self.ever_sent = max(self.ever_sent, self.sent)
            payload = pack(self.down[first - 1 : self.sent])
            messages.append([b"event-engine: events seq=%d count=%d" % (first, count), payload])
        if self.chance.random() < 0.5:
            self.accepted = self.chance.randint(self.accepted, len(self.taken))
            messages.append([b"event-engine: published id=%d" % self.accepted])
        return messages


@pytest.mark.parametrize("seed", range(20))
def test_exactly_once_over_connections_that_break(seed: int) -> None:
    chance = random.Random(seed)
    number = 300
    engine, session = Model(chance, number), Session("0" * 32, "test", window=8)
    to_client: deque[list[bytes]] = deque()
    up = [b"u%d" % n for n in range(number)]
    received: list[Event] = []
    published, connected, breaks = 0, False, 0
    for _ in range(100_000):
        if len(received) == number and session.settled == number:
            break
        step = chance.randrange(12)
        if not connected:
            session.connected()
            connected = True
        elif step == 0 and chance.random() < 0.3:
            session.disconnected()
            to_client.clear()
            connected, breaks = False, breaks + 1
        elif step <= 3 and session.outbox:
            to_client.extend(engine.hear(session.outbox.popleft()))
        elif step <= 6 and to_client:
            session.received(to_client.popleft())
        elif step == 7 and session.state == "running":
            to_client.extend(engine.speak())
        elif step == 8 and published < number:
            count = chance.randint(1, min(9, number - published))
            assert session.publish(up[published : published + count]) == published + 1
            published += count
        elif step >= 9:
            event = session.next()
            if event is not None:
                received.append(event)
        assert session.error is None
    assert received == engine.down
    assert [event.sequence for event in received] == list(range(1, number + 1))
    assert engine.taken == up
    assert breaks > 3


def test_large_events_travel_alone() -> None:
    session = Session("0" * 32, "test")
    session.connected()
    session.received([WELCOME % (0, 0, 1000, 10_000_000)])
    session.outbox.clear()
    large = bytes(BATCH_TARGET_BYTES + 1)
    session.publish([b"a", b"b", large, b"c", bytes(BATCH_TARGET_BYTES - 4), b"d"])
    sizes = [len(message[1]) for message in session.outbox]
    counts = [parse(message[0], COMMAND_PREFIX).numbers.get("count") for message in session.outbox]
    assert counts == [2, None, None, None, None]
    assert sizes == [10, len(large), 1, BATCH_TARGET_BYTES - 4, 1]
    assert session.outbox[1][1] is large, "copied"


def test_what_was_handed_out_can_be_given_back() -> None:
    session = Session("0" * 32, "test")
    session.connected()
    session.received([WELCOME % (0, 0, 1000, 1000)])
    session.received([b"event-engine: ok"])
    session.received([b"event-engine: events seq=1 count=2", pack([b"a", b"b"])])
    session.outbox.clear()
    first = session.next()
    assert first is not None
    session.give_back(first)
    assert [session.next(), session.next(), session.next()] == [b"a", b"b", None]
    assert parse(session.outbox.popleft()[0], COMMAND_PREFIX).numbers["seq"] == 2


@pytest.mark.parametrize(
    ("endpoint", "numeric"),
    [
        ("tcp://127.0.0.1:6000", True),
        ("tcp://[::1]:6000", True),
        ("tcp://[fe80::1%eth0]:6000", True),
        ("tcp://localhost:6000", False),
        ("tcp://engine:6000", False),
    ],
)
def test_numeric_endpoints(endpoint: str, numeric: bool) -> None:
    assert is_numeric(check_endpoint(endpoint)) == numeric
