"""Events in both directions, against the engine, with both clients in both profiles."""

from __future__ import annotations

import contextlib
import random
from typing import Any, Callable

import pytest
from conftest import SHORT, Blocking
from peers import Peer, collected, down, up

from event_engine import Closed, Rejected, Timeout

Connect = Callable[..., Blocking]

both = pytest.mark.parametrize("profile", ["session", "basic"])


@both
def test_receive_in_order(engine: Peer, connect: Connect, profile: str) -> None:
    client = connect(engine.endpoint, profile=profile)
    assert client.profile == profile
    engine.say("publish 3000 100")
    events = client.take(3000)
    assert [event[:13] for event in events] == [down(n) for n in range(3000)]
    assert all(len(event) == 100 and not event.redelivered for event in events)
    sequences = [event.sequence for event in events]
    assert sequences == (list(range(1, 3001)) if profile == "session" else [0] * 3000)


@both
def test_payloads_of_all_kinds(start: Callable[..., Peer], connect: Connect, profile: str) -> None:
    engine = start("engine", "--subscribe", "")
    client = connect(engine.endpoint, profile=profile)
    events = [
        b"",
        b"\0",
        b"\xff\xfe",
        b"event-engine: msg published",
        bytes(70_000),
        b"x" * 3_000_000,
    ]
    for event in [*events, bytearray(b"array"), memoryview(b"view")]:
        client.publish(event)
    client.publish_batch(events)
    expected = [*events, b"array", b"view", *events]
    assert client.take(len(expected)) == expected


@both
def test_publish_counts_ids(engine: Peer, connect: Connect, profile: str) -> None:
    client = connect(engine.endpoint, profile=profile)
    assert client.publish_batch([]) == 0
    assert [client.publish(up(n)) for n in range(5)] == [1, 2, 3, 4, 5]
    assert client.publish_batch(up(n) for n in range(5, 3000)) == 3000
    assert client.publish_batch([]) == 3000
    assert engine.ask("collected-wait 3000 20000") == collected(3000)


@both
def test_nothing_is_lost_by_time_outs(engine: Peer, connect: Connect, profile: str) -> None:
    number = 2000 if SHORT else 10_000
    client = connect(engine.endpoint, profile=profile)
    chance = random.Random(1)
    engine.say(f"publish-slowly {number} {2000 if SHORT else 4000}")
    received: list[bytes] = []
    timeouts = 0
    while len(received) < number:
        try:
            received.append(client.next_event(chance.choice([0, 0, 0.0001, 0.0005, 0.01])))
        except Timeout:
            timeouts += 1
    assert received == [down(n) for n in range(number)]
    assert timeouts > 0
    assert engine.hear("published") == f"published {number}"


@both
def test_publish_while_an_event_is_owed(engine: Peer, connect: Connect, profile: str) -> None:
    client = connect(engine.endpoint, profile=profile)
    with pytest.raises(Timeout):
        client.next_event(0.01)
    client.publish(up(0))
    engine.ask("publish 1")
    client.publish(up(1))
    assert client.next_event(20) == down(0)
    assert engine.ask("collected-wait 2 20000") == collected(2)
    assert engine.ask("other") == "other 0"


@both
def test_quit_ends_the_plugin(engine: Peer, connect: Connect, profile: str) -> None:
    client = connect(engine.endpoint, profile=profile)
    engine.ask("publish 3")
    client.take(2)
    client.publish(up(0))
    client.quit()
    assert engine.ask("wait 20000").startswith("ended COMPLETED")
    account = engine.ledger()
    assert account["delivered" if profile == "session" else "handed_over"] == 2
    assert (account["discarded"], account["in_flight"]) == (1, 0)
    client.quit()
    client.close()
    with pytest.raises(Closed):
        client.next_event()
    with pytest.raises(Closed):
        client.publish(b"x")


@both
def test_close_lets_the_plugin_come_back(engine: Peer, connect: Connect, profile: str) -> None:
    client = connect(engine.endpoint, profile=profile)
    engine.ask("publish 3")
    assert client.next_event(20) == down(0)
    assert client.next_event(20) == down(1)
    client.close()
    with pytest.raises(Closed):
        client.quit()
    again = connect(engine.endpoint, profile=profile)
    event = again.next_event(20)
    if profile == "session":  # the event returned last was not acknowledged
        if event == down(0):  # the acknowledgement before it came too late
            assert event.redelivered
            event = again.next_event(20)
        assert (event, event.redelivered) == (down(1), True)
        event = again.next_event(20)
    assert (event, event.redelivered) == (down(2), profile == "session")
    engine.ask("publish 1")
    event = again.next_event(20)
    assert (event, event.redelivered) == (down(3), False)
    again.quit()
    assert engine.ask("wait 20000").startswith("ended COMPLETED")


def test_stop_ends_the_loop(engine: Peer, connect: Connect) -> None:
    client = connect(engine.endpoint)
    engine.ask("publish 10")
    assert client.next_event(20) == down(0)
    engine.ask("stop")
    assert client.take(100) == [down(n) for n in range(1, 10)]
    with pytest.raises(Closed, match="stopping"):
        client.next_event()
    client.publish(up(0))
    client.quit()
    assert "ended" in engine.ask("wait 20000")


def test_too_large_is_refused_before_anything_is_sent(
    start: Callable[..., Peer], connect: Connect
) -> None:
    engine = start("engine", "--max-event-bytes", "1000")
    client = connect(engine.endpoint)
    with pytest.raises(Rejected, match="1001 bytes") as caught:
        client.publish_batch([up(7), bytes(1001)])
    assert (caught.value.code, caught.value.unsettled) == ("too-large", range(0))
    assert client.publish(up(0) + bytes(1000 - 11)) == 1
    assert engine.ask("collected-wait 1 20000") == collected(1)


def test_basic_says_what_the_engine_refused(start: Callable[..., Peer], connect: Connect) -> None:
    engine = start("engine", "--max-event-bytes", "1000")
    client = connect(engine.endpoint, profile="basic")
    with pytest.raises(Rejected) as caught:
        client.publish_batch([up(0), bytes(1001), up(1)])
    assert caught.value.unsettled == range(2, 3)
    assert client.publish(up(2)) == 4
    with pytest.raises(Rejected) as caught:
        client.publish_batch([up(3), b"plugin_command: quit"])
    assert (caught.value.code, caught.value.unsettled) == ("bad-command", range(0))
    assert engine.ask("collected-wait 3 20000") == collected(3)


def test_commands_are_events_in_a_session(engine: Peer, connect: Connect) -> None:
    client = connect(engine.endpoint)
    client.publish(b"plugin_command: quit")
    assert engine.ask("other-wait 1 20000") == f"other 1 {b'plugin_command: quit'.hex()}"


@both
def test_publish_time_out_is_settled_later(
    start: Callable[..., Peer], connect: Connect, profile: str
) -> None:
    engine = start("engine")
    proxy = start("proxy", "--target", f"127.0.0.1:{engine.port}")
    client = connect(proxy.endpoint, profile=profile)
    client.publish_batch([up(n) for n in range(4)])
    proxy.ask("pause")
    with pytest.raises(Timeout) as caught:
        client.publish_batch([up(4), up(5)], 0.05)
    assert caught.value.unsettled == range(5, 7)
    with pytest.raises(Timeout) as caught:
        client.publish(up(6), 0)
    assert caught.value.unsettled == range(7, 8)
    proxy.ask("resume")
    assert client.publish(up(7), 20) == 8
    assert engine.ask("collected-wait 8 20000") == collected(8)


def test_competing_clients_share_the_events(start: Callable[..., Peer], connect: Connect) -> None:
    engine = start("engine", "--replicas", "2")
    clients = [connect(engine.endpoint), connect(engine.endpoint)]
    engine.say("publish 2000")
    received: list[bytes] = []
    while len(received) < 2000:
        for client in clients:
            with contextlib.suppress(Timeout):
                while True:
                    received.append(client.next_event(0.01))
    assert sorted(received) == [down(n) for n in range(2000)]
    for client in clients:
        client.quit()
    assert engine.ask("wait 20000").startswith("ended COMPLETED")


def _echo(client: Any) -> None:
    for _ in range(100):
        client.publish(b"up:" + client.next_event(20)[5:])


@both
def test_answering(engine: Peer, connect: Connect, profile: str) -> None:
    client = connect(engine.endpoint, profile=profile)
    engine.ask("publish 100")
    _echo(client)
    assert engine.ask("collected-wait 100 20000") == collected(100)
