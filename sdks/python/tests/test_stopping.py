"""How a program that only publishes learns that the application is ending."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Callable

import pytest
from conftest import Blocking
from fake_engine import FakeEngine
from peers import BOUND_S, Peer, up

import event_engine
from event_engine import Closed, Event, Rejected, Timeout

Connect = Callable[..., Blocking]


@pytest.fixture
def fake() -> Iterator[FakeEngine]:
    with FakeEngine() as fake:
        yield fake


def _connected(fake: FakeEngine, connect: Connect) -> Blocking:
    greeting = threading.Thread(target=fake.greet)
    greeting.start()
    client = connect(fake.endpoint)
    greeting.join(BOUND_S)
    return client


def _until_stopping(client: Blocking | event_engine.Client) -> None:
    bound = time.monotonic() + BOUND_S
    while not client.stopping:
        assert time.monotonic() < bound, "it does not see that the application is ending"


def test_a_source_sees_stop(engine: Peer, connect: Connect) -> None:
    client = connect(engine.endpoint)
    number, bound = 0, time.monotonic() + BOUND_S
    while not client.stopping:
        client.publish(up(number))
        number += 1
        if number == 100:
            engine.ask("stop")
        assert time.monotonic() < bound
    assert number >= 100
    assert client.publish(up(number)) == number + 1
    client.quit()
    assert client.stopping
    assert "ended" in engine.ask("wait 20000")


def test_what_has_come_counts(fake: FakeEngine, connect: Connect) -> None:
    client = _connected(fake, connect)
    assert not client.stopping
    fake.say(b"event-engine: events seq=1", b"a")
    fake.say(b"event-engine: stop reason=stopped")
    _until_stopping(client)
    assert client.next_event(20) == b"a"
    client.close()
    assert client.stopping


def test_stop_stays_on_a_new_connection(start: Callable[..., Peer], connect: Connect) -> None:
    engine = start("engine")
    proxy = start("proxy", "--target", f"127.0.0.1:{engine.port}")
    client = connect(proxy.endpoint)
    engine.ask("stop")
    _until_stopping(client)
    proxy.ask("refuse")
    proxy.ask("cut")
    with pytest.raises(Timeout):
        client.publish(up(0), timeout=0.05)
    assert client.stopping
    proxy.ask("accept")
    assert client.publish(up(1), timeout=20) == 2
    assert client.stopping
    client.quit()


def test_the_reason_of_an_end_is_left_to_the_next_call(fake: FakeEngine, connect: Connect) -> None:
    client = _connected(fake, connect)
    fake.say(b"event-engine: error code=internal", b"it burns")
    _until_stopping(client)
    with pytest.raises(Rejected, match="it burns"):
        client.publish(b"a")
    with pytest.raises(Closed, match="it burns"):
        client.publish(b"a")
    assert client.stopping


def test_beside_a_thread_that_waits(engine: Peer) -> None:
    client = event_engine.connect(engine.endpoint)
    got: list[Event] = []
    waiting = threading.Thread(target=lambda: got.extend(client))
    waiting.start()
    assert not client.stopping
    engine.ask("publish 1")
    engine.ask("stop")
    _until_stopping(client)
    waiting.join(BOUND_S)
    assert not waiting.is_alive() and len(got) == 1
    client.quit()


def test_nobody_says_stop_in_the_basic_profile(engine: Peer, connect: Connect) -> None:
    client = connect(engine.endpoint, profile="basic")
    assert not client.stopping
    client.publish(up(0))
    assert not client.stopping
    client.quit()
    assert client.stopping
