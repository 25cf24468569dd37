"""What an engine says to refuse or to end a session, and what it must not say."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, Callable

import pytest
from conftest import Blocking
from fake_engine import WELCOME, FakeEngine

import event_engine
from event_engine import Closed, Protocol, Rejected, Timeout

Connect = Callable[..., Blocking]


@pytest.fixture
def fake() -> Iterator[FakeEngine]:
    with FakeEngine() as fake:
        yield fake


def _meanwhile(function: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=function)
    thread.start()
    return thread


def _connected(fake: FakeEngine, connect: Connect) -> Blocking:
    greeting = _meanwhile(fake.greet)
    client = connect(fake.endpoint)
    greeting.join(20)
    return client


@pytest.mark.parametrize("code", ["bad-command", "bad-param", "too-large", "window", "internal"])
def test_rejected(fake: FakeEngine, connect: Connect, code: str) -> None:
    client = _connected(fake, connect)

    def refuse() -> None:
        fake.expect("publish")
        fake.say(b"event-engine: error code=" + code.encode(), b"because")

    refusing = _meanwhile(refuse)
    with pytest.raises(Rejected, match="because") as caught:
        client.publish_batch([b"a", b"b"])
    refusing.join(20)
    assert (caught.value.code, caught.value.unsettled) == (code, range(1, 3))
    for call in (client.next_event, lambda: client.publish(b"c"), client.quit):
        with pytest.raises(Closed, match="because") as closed:
            call()
        assert closed.value.unsettled == range(1, 3)


@pytest.mark.parametrize("code", ["superseded", "no-session"])
def test_closed_by_the_engine(fake: FakeEngine, connect: Connect, code: str) -> None:
    client = _connected(fake, connect)
    fake.say(b"event-engine: events seq=1", b"never returned")
    fake.say(b"event-engine: error code=" + code.encode(), b"because")
    with pytest.raises(Closed, match=code):
        while True:
            client.next_event(20)


def test_refused_at_once(fake: FakeEngine, connect: Connect) -> None:
    def refuse() -> None:
        fake.expect("hello")
        fake.say(b"event-engine: error code=not-allowed", b"too many")

    refusing = _meanwhile(refuse)
    with pytest.raises(Rejected, match="too many") as caught:
        connect(fake.endpoint)
    refusing.join(20)
    assert caught.value.code == "not-allowed"


@pytest.mark.parametrize(
    "frames",
    [
        [b""],
        [b"nonsense"],
        [b"event-engine: msg published"],
        [b"event-engine: hello"],
        [b"event-engine: ok"],
        [b"event-engine: bye"],
        [b"event-engine: events seq=1"],
        [b"event-engine: events seq=2", b"a"],
        [b"event-engine: events seq=1 count=2", b"\0\0\0\1a"],
        [b"event-engine: published id=1"],
        [b"event-engine: ping", b"", b""],
        [b"", b"an event of the basic profile"],
    ],
)
def test_broken_protocol(fake: FakeEngine, connect: Connect, frames: list[bytes]) -> None:
    client = _connected(fake, connect)
    fake.say(*frames)
    with pytest.raises(Protocol, match="the engine sent"):
        client.next_event(20)
    with pytest.raises(Closed, match="the engine sent"):
        client.next_event(20)


def test_ping_is_answered_by_who_waits(fake: FakeEngine, connect: Connect) -> None:
    client = _connected(fake, connect)

    def ping() -> None:
        fake.say(b"event-engine: ping")
        fake.expect("pong")
        fake.say(b"event-engine: events seq=1", b"after the pong")

    pinging = _meanwhile(ping)
    assert client.next_event(20) == b"after the pong"
    pinging.join(20)


def test_start_barrier(fake: FakeEngine, connect: Connect) -> None:
    def hold_back() -> None:
        fake.expect("hello")
        fake.say(WELCOME % (0, 0))
        fake.expect("ready")

    holding = _meanwhile(hold_back)
    with pytest.raises(Timeout, match="waits for other plugins"):
        connect(fake.endpoint, timeout=0.5)
    holding.join(20)


def test_silent_engine(fake: FakeEngine, connect: Connect) -> None:
    with pytest.raises(Timeout, match="did not answer"):
        connect(fake.endpoint, timeout=0.3)


def test_quit_is_bounded(fake: FakeEngine, connect: Connect) -> None:
    client = _connected(fake, connect)
    with pytest.raises(Timeout, match="confirm"):
        client.quit(0.1)
    with pytest.raises(Closed):
        client.publish(b"x")


def test_next_event_asks_for_an_acknowledgement_before_it_waits(
    fake: FakeEngine, connect: Connect
) -> None:
    client = _connected(fake, connect)
    fake.say(b"event-engine: events seq=1 count=2", b"\0\0\0\1a\0\0\0\1b")
    assert [client.next_event(20), client.next_event(20)] == [b"a", b"b"]
    with pytest.raises(Timeout):
        client.next_event(0)
    assert fake.expect("ack").numbers["seq"] == 2


def test_the_end_of_events_acknowledges_the_last_one(fake: FakeEngine, connect: Connect) -> None:
    client = _connected(fake, connect)
    fake.say(b"event-engine: events seq=1 redelivered=1", b"last")
    fake.say(b"event-engine: stop reason=stopped")
    assert client.next_event(20).redelivered
    with pytest.raises(Closed):
        client.next_event(20)
    assert fake.expect("ack").numbers["seq"] == 1


def test_close_acknowledges_what_was_handled(fake: FakeEngine, connect: Connect) -> None:
    client = _connected(fake, connect)
    fake.say(b"event-engine: events seq=1 count=2", b"\0\0\0\1a\0\0\0\1b")
    assert [client.next_event(20), client.next_event(20)] == [b"a", b"b"]
    client.close()
    assert fake.expect("ack").numbers["seq"] == 1


def test_waiting_callers_all_learn_the_reason(fake: FakeEngine) -> None:
    greeting = _meanwhile(fake.greet)
    client = event_engine.connect(fake.endpoint)
    greeting.join(20)
    errors: list[Any] = []

    def call(function: Callable[[], object]) -> None:
        try:
            function()
        except event_engine.EventEngineError as error:
            errors.append(error)

    threads = [
        _meanwhile(lambda: call(lambda: client.publish(b"x"))),
        _meanwhile(lambda: call(lambda: client.next_event(20))),
    ]
    fake.expect("publish")
    fake.say(b"event-engine: error code=internal", b"because")
    for thread in threads:
        thread.join(20)
    client.close()
    assert len(errors) == 2 and all("because" in str(error) for error in errors)
    assert Rejected in map(type, errors)
