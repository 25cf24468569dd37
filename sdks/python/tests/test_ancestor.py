"""The ancestor's engine, version 0.2.0: basic only, one request at a time."""

from __future__ import annotations

from typing import Callable

import pytest
from conftest import Blocking
from peers import Peer, down, up

from event_engine import Rejected, Timeout

Connect = Callable[..., Blocking]


def _meet(ancestor: Peer, client: Blocking) -> int:
    """Publish until it arrives: what this engine gets right after its start may be lost."""
    for number in range(1000):
        client.publish(up(number))
        if "distinct 0" not in ancestor.ask("collected-wait 1 50"):
            return number + 1
    raise AssertionError("nothing arrives")


def test_receive_publish_quit(ancestor: Peer, connect: Connect) -> None:
    client = connect(ancestor.endpoint)
    assert client.profile == "basic"
    begun = _meet(ancestor, client)
    first = int(ancestor.ask("collected").split()[1])
    ancestor.ask("publish 500")
    assert client.take(500) == [down(n) for n in range(500)]
    assert client.publish_batch([up(begun + n) for n in range(500)]) == begun + 500
    wanted = first + 500
    assert f"collected {wanted} " in ancestor.ask(f"collected-wait {wanted} 20000")
    client.quit()
    assert ancestor.ask("wait 20000").startswith("ended COMPLETED")


def test_time_outs_lose_nothing(ancestor: Peer, connect: Connect) -> None:
    client = connect(ancestor.endpoint)
    _meet(ancestor, client)
    for number in range(5):
        for _ in range(3):
            with pytest.raises(Timeout):
                client.next_event(0.01)
        ancestor.ask("publish 1")
        assert client.next_event(20) == down(number)


def test_publish_beside_an_owed_event_waits_for_it(ancestor: Peer, connect: Connect) -> None:
    client = connect(ancestor.endpoint)
    begun = _meet(ancestor, client)
    with pytest.raises(Timeout):
        client.next_event(0.01)
    with pytest.raises(Timeout) as caught:
        client.publish(up(begun), 0.1)
    assert caught.value.unsettled == range(begun + 1, begun + 2)
    ancestor.ask("publish 1")
    assert client.next_event(20) == down(0)
    assert client.publish(up(begun + 1), 20) == begun + 2


def test_nothing_is_published_that_we_did_not_publish(ancestor: Peer, connect: Connect) -> None:
    """This engine publishes every command that it does not know."""
    client = connect(ancestor.endpoint)
    _meet(ancestor, client)
    with pytest.raises(Timeout):
        client.next_event(0.01)
    ancestor.ask("publish 10")
    client.take(10)
    with pytest.raises(Rejected):
        client.publish(b"plugin_command: hello version=1")
    client.close()
    again = connect(ancestor.endpoint)
    again.quit()
    assert ancestor.ask("wait 20000").startswith("ended COMPLETED")
    assert ancestor.ask("other") == "other 0"
