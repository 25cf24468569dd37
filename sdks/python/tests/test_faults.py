"""What must survive broken connections, killed processes and restarted engines."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from typing import Any, Callable

import pytest
from conftest import SHORT, Blocking
from peers import BOUND_S, Peer, collected, down, up
from process import Process

import event_engine
from event_engine import Closed, Timeout, Transport, aio

Connect = Callable[..., Blocking]
Start = Callable[..., Peer]

NUMBER = 10_000 if SHORT else 100_000
CUT_AFTER = 20_000 if SHORT else 200_000


def _faulty(start: Start, seed: int) -> tuple[Peer, Peer]:
    engine = start("engine")
    proxy = start(
        *("proxy", "--target", f"127.0.0.1:{engine.port}", "--seed", str(seed)),
        *("--cut-after-bytes", str(CUT_AFTER), "--delay-ms", "1"),
    )
    return engine, proxy


def _cuts(proxy: Peer) -> int:
    words = proxy.ask("stats").split()
    return int(words[words.index("cuts") + 1])


def _batches(number: int) -> list[list[bytes]]:
    return [[up(n) for n in range(first, first + 1000)] for first in range(0, number, 1000)]


def test_exactly_once_through_a_faulty_network(start: Start) -> None:
    engine, proxy = _faulty(start, 1)
    client = event_engine.connect(proxy.endpoint, timeout=BOUND_S)
    failed: list[BaseException] = []

    def publish() -> None:
        try:
            for batch in _batches(NUMBER):
                client.publish_batch(batch, BOUND_S)
        except BaseException as error:
            failed.append(error)

    publisher = threading.Thread(target=publish)
    publisher.start()
    engine.say(f"publish {NUMBER}")
    for number in range(NUMBER):
        event = client.next_event(BOUND_S)
        assert (event, event.sequence, event.redelivered) == (down(number), number + 1, False)
    publisher.join(BOUND_S)
    assert not failed and not publisher.is_alive()
    assert engine.ask(f"collected-wait {NUMBER} 20000") == collected(NUMBER)
    client.quit(BOUND_S)
    assert _cuts(proxy) > 5


def test_exactly_once_through_a_faulty_network_asyncio(start: Start) -> None:
    engine, proxy = _faulty(start, 2)

    async def run() -> None:
        async with await aio.connect(proxy.endpoint, timeout=BOUND_S) as client:

            async def publish() -> None:
                for batch in _batches(NUMBER):
                    await client.publish_batch(batch)

            publisher = asyncio.create_task(publish())
            engine.say(f"publish {NUMBER}")
            number = 0
            async for event in client:
                assert (event, event.sequence) == (down(number), number + 1)
                number += 1
                if number == NUMBER:
                    break
            await publisher

    asyncio.run(asyncio.wait_for(run(), 90))
    assert engine.ask(f"collected-wait {NUMBER} 20000") == collected(NUMBER)
    assert _cuts(proxy) > 5


@pytest.mark.parametrize("how", ["cut fin", "cut reset"])
def test_waiting_calls_go_on_after_a_cut(start: Start, connect: Connect, how: str) -> None:
    engine = start("engine")
    proxy = start("proxy", "--target", f"127.0.0.1:{engine.port}")
    client = connect(proxy.endpoint)
    for number in range(5):
        assert client.publish(up(number), BOUND_S) == number + 1
        engine.ask("publish 1")
        proxy.ask(how)
        assert client.next_event(BOUND_S) == down(number)
    assert engine.ask("collected-wait 5 20000") == collected(5)


def test_a_time_out_holds_while_the_connection_is_down(start: Start, connect: Connect) -> None:
    engine = start("engine")
    proxy = start("proxy", "--target", f"127.0.0.1:{engine.port}")
    client = connect(proxy.endpoint)
    proxy.ask("refuse")
    proxy.ask("cut")
    with pytest.raises(Timeout):
        client.next_event(0.1)
    with pytest.raises(Timeout) as caught:
        client.publish(up(0), 0.1)
    assert caught.value.unsettled == range(1, 2)
    proxy.ask("accept")
    assert client.publish(up(1), BOUND_S) == 2
    assert engine.ask("collected-wait 2 20000") == collected(2)


def test_killed_process_comes_back(start: Start) -> None:
    engine = start("engine")
    engine.say("publish 1000")
    receive = """
client = event_engine.connect(endpoint)
for _ in range(150):
    event = client.next_event()
    say(f"{event.decode()} {int(event.redelivered)}")
os.kill(os.getpid(), 9)
"""
    received: list[bytes] = []
    again = 0
    for _ in range(4):
        with Process(engine.endpoint, receive) as process:
            for line in [process.hear() for _ in range(150)]:
                name, redelivered = line.split()
                received.append(name.encode())
                again += redelivered == "1"
            assert process.end() == -signal.SIGKILL
    client = event_engine.connect(engine.endpoint)
    while not received or received[-1] != down(999):
        latest = client.next_event(BOUND_S)
        received.append(bytes(latest))
        again += latest.redelivered
    client.quit()
    assert list(dict.fromkeys(received)) == [down(n) for n in range(1000)], (
        "missing or out of order"
    )
    assert again > 0 and len(received) > 1000
    assert engine.ask("wait 20000").startswith("ended COMPLETED")


def test_only_what_is_marked_comes_twice(start: Start, connect: Connect) -> None:
    engine = start("engine")
    engine.ask("publish 10")
    receive = """
client = event_engine.connect(endpoint)
for n in range(3):
    say(client.next_event().decode())
time.sleep(100)
"""
    with Process(engine.endpoint, receive) as process:
        assert [process.hear().encode() for _ in range(3)] == [down(0), down(1), down(2)]
        process.kill()
    client = connect(engine.endpoint)
    events = client.take(10)
    assert events == [down(n) for n in range(10)]  # nothing was acknowledged on the wire
    assert all(event.redelivered for event in events)
    client.quit()


def test_stopped_for_longer_than_the_heartbeat(start: Start) -> None:
    engine = start("engine", "--heartbeat-ms", "200")
    code = """
client = event_engine.connect(endpoint)
say("connected")
for n in range(200):
    event = client.next_event(60)
    assert not event.redelivered and event.sequence == n + 1
    client.publish(b"up:%08d" % n)
say("done")
client.quit()
"""
    with Process(engine.endpoint, code) as process:
        assert process.hear() == "connected"
        engine.ask("publish 100")
        os.kill(process.pid, signal.SIGSTOP)
        engine.ask("publish 100")
        bound = time.monotonic() + BOUND_S
        while engine.ledger()["in_flight"] and time.monotonic() < bound:
            # A session without a connection has nothing in flight that could arrive.
            if _elapsed(bound) > 1.5:
                break
        os.kill(process.pid, signal.SIGCONT)
        assert process.hear() == "done"
        assert process.end() == 0
    assert engine.ask("collected-wait 200 20000") == collected(200)


def _elapsed(bound: float) -> float:
    return time.monotonic() - (bound - BOUND_S)


def test_restarted_engine_closes_the_session(start: Start, connect: Connect) -> None:
    engine = start("engine")
    proxy = start("proxy", "--target", f"127.0.0.1:{engine.port}")
    client = connect(proxy.endpoint)
    client.publish_batch([up(0), up(1)])
    proxy.ask("pause")
    with pytest.raises(Timeout):
        client.publish_batch([up(2), up(3), up(4)], 0.05)
    engine.kill()
    proxy.ask("cut")
    proxy.ask("resume")
    start("engine", "--port", str(engine.port))
    with pytest.raises(Closed, match="restarted") as caught:
        client.next_event(BOUND_S)
    assert caught.value.unsettled == range(3, 6)
    with pytest.raises(Closed, match="restarted"):
        client.publish(up(5))


def test_gone_engine_closes_the_session_after_its_grace(start: Start, connect: Connect) -> None:
    engine = start("engine", "--grace-ms", "300")
    client = connect(engine.endpoint)
    engine.kill()
    begun = time.monotonic()
    with pytest.raises(Closed, match=r"0\.3 s"):
        client.next_event(BOUND_S)
    assert 0.25 < time.monotonic() - begun < 20
    with pytest.raises(Closed):
        client.quit()


def test_gone_engine_in_basic(start: Start, connect: Connect) -> None:
    engine = start("engine")
    client = connect(engine.endpoint, profile="basic", timeout=1.0)
    client.publish(up(0))
    engine.kill()
    with pytest.raises((Transport, Closed)):
        client.publish(up(1), BOUND_S)
    with pytest.raises(Closed, match="gone"):
        client.next_event(BOUND_S)


def test_basic_asks_again_on_a_new_connection(start: Start, connect: Connect) -> None:
    engine = start("engine")
    proxy = start("proxy", "--target", f"127.0.0.1:{engine.port}")
    client = connect(proxy.endpoint, profile="basic")
    for number in range(5):
        with pytest.raises(Timeout):
            client.next_event(0.01)
        proxy.ask("cut")
        with pytest.raises(Timeout):
            client.next_event(0.2)  # long enough to be connected again
        engine.ask("publish 1")
        assert client.next_event(BOUND_S) == down(number)


def test_basic_says_that_an_outcome_is_unknown(start: Start, connect: Connect) -> None:
    engine = start("engine")
    proxy = start("proxy", "--target", f"127.0.0.1:{engine.port}")
    client = connect(proxy.endpoint, profile="basic")
    client.publish(up(0))
    proxy.ask("pause")
    with pytest.raises(Timeout):
        client.publish(up(1), 0.05)
    cut = threading.Timer(0.2, lambda: proxy.ask("cut"))
    cut.start()
    with pytest.raises(Transport, match="may or may not") as caught:
        client.publish_batch([up(2), up(3)], BOUND_S)
    assert caught.value.unsettled == range(3, 5)
    cut.join(BOUND_S)
    proxy.ask("resume")
    assert client.publish(up(9), BOUND_S) == 5


@pytest.mark.parametrize("call", ["publish(b'up:00000000')", "publish_batch([b'up:00000000'])"])
def test_process_may_end_when_publish_returned(start: Start, call: str) -> None:
    engine = start("engine")
    with Process(engine.endpoint, f"event_engine.connect(endpoint).{call}\nos._exit(0)") as process:
        assert process.end() == 0
    assert engine.ask("collected-wait 1 20000") == collected(1)


@pytest.mark.parametrize("profile", ["session", "basic"])
def test_process_may_end_when_quit_returned(start: Start, profile: str) -> None:
    engine = start("engine")
    code = f"event_engine.connect(endpoint, profile={profile!r}).quit()\nos._exit(0)"
    with Process(engine.endpoint, code) as process:
        assert process.end() == 0
    assert engine.ask("wait 20000").startswith("ended COMPLETED")


def test_quit_through_a_cut_connection(start: Start, connect: Connect) -> None:
    engine = start("engine")
    proxy = start("proxy", "--target", f"127.0.0.1:{engine.port}")
    client = connect(proxy.endpoint)
    client.publish(up(0))
    proxy.ask("cut")
    client.quit(BOUND_S)
    assert engine.ask("wait 20000").startswith("ended COMPLETED")


def test_quit_of_a_plugin_that_is_gone(start: Start, connect: Connect) -> None:
    engine = start("engine")
    client = connect(engine.endpoint)
    engine.kill()
    # A closed port is what a plugin that has quit leaves behind, if the quit was sent in time.
    with contextlib.suppress(Timeout):
        client.quit(1)
    with pytest.raises(Closed):
        client.next_event()


def test_quit_that_was_never_sent(start: Start, connect: Connect) -> None:
    engine = start("engine")
    client = connect(engine.endpoint)
    engine.kill()
    with pytest.raises(Timeout):
        client.next_event(0.2)
    with pytest.raises(Timeout) as caught:
        client.publish(up(0), 0.01)
    assert caught.value.unsettled == range(1, 2)
    with pytest.raises(Timeout, match="confirm") as caught:
        client.quit(0.2)
    assert caught.value.unsettled == range(1, 2)
    with pytest.raises(Closed):
        client.next_event()


def test_forgotten_client_does_not_hang_the_exit(start: Start) -> None:
    engine = start("engine")
    code = "client = event_engine.connect(endpoint)\nclient.publish(b'up:00000000')\n"
    with Process(engine.endpoint, code) as process:
        assert process.end() == 0
    assert engine.ask("collected-wait 1 20000") == collected(1)


def test_exception_only_closes(start: Start) -> None:
    engine = start("engine")
    engine.ask("publish 2")

    class Trouble(Exception):
        pass

    with pytest.raises(Trouble), event_engine.connect(engine.endpoint) as client:
        assert client.next_event(BOUND_S) == down(0)
        raise Trouble

    async def run() -> Any:
        async with await aio.connect(engine.endpoint) as client:
            event = await client.next_event(BOUND_S)
            assert (event, event.redelivered) == (down(0), True)
            raise Trouble

    with pytest.raises(Trouble):
        asyncio.run(run())
    with event_engine.connect(engine.endpoint) as client:
        event = client.next_event(BOUND_S)
        assert (event, event.redelivered) == (down(0), True)
    assert engine.ask("wait 20000").startswith("ended COMPLETED")
