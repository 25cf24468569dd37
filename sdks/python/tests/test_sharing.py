"""One client, several threads or tasks; interrupts, cancelling, forks."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import signal
import threading
import warnings
import weakref
from types import FrameType
from typing import Any, Callable

import pytest
from conftest import SHORT
from peers import BOUND_S, Peer, collected, down, up
from process import Process

import event_engine
from event_engine import Client, Closed, Event, Timeout, aio

Start = Callable[..., Peer]

NUMBER = 2_000 if SHORT else 10_000

both = pytest.mark.parametrize("profile", ["session", "basic"])


class Threads:
    """Runs functions side by side and raises what one of them raised."""

    def __init__(self, *functions: Callable[[], object]) -> None:
        self._errors: list[BaseException] = []
        self._threads = [threading.Thread(target=self._run, args=(f,)) for f in functions]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(BOUND_S)
            assert not thread.is_alive(), "a thread hangs"
        if self._errors:
            raise self._errors[0]

    def _run(self, function: Callable[[], object]) -> None:
        try:
            function()
        except BaseException as error:
            self._errors.append(error)


@both
def test_publishing_while_another_thread_waits(engine: Peer, profile: str) -> None:
    with event_engine.connect(engine.endpoint, profile=profile) as client:
        events: list[Event] = []
        waiting = Threads(lambda: events.append(client.next_event(BOUND_S)))
        for number in range(300):
            client.publish(up(number), BOUND_S)
        engine.ask("publish 1")
        waiting.join()
        assert events == [down(0)]
        assert engine.ask("collected-wait 300 20000") == collected(300)


@both
def test_all_who_wait_at_the_same_time_get_an_event(engine: Peer, profile: str) -> None:
    with event_engine.connect(engine.endpoint, profile=profile) as client:
        events: list[Event] = []
        take = lambda: events.append(client.next_event(BOUND_S))  # noqa: E731
        waiting = Threads(take, take, take)
        engine.ask("publish 3")
        waiting.join()
        assert sorted(events) == [down(0), down(1), down(2)]


def test_many_threads_publish_and_receive(engine: Peer) -> None:
    received: list[Event] = []

    def publish(client: Client, name: str) -> None:
        for number in range(0, NUMBER // 10, 10):
            batch = [b"up:%s:%08d" % (name.encode(), number + n) for n in range(10)]
            if number % 100:
                client.publish_batch(batch, BOUND_S)
            else:
                for event in batch:
                    client.publish(event, BOUND_S)

    def receive(client: Client) -> None:
        while len(received) < NUMBER:
            try:
                received.append(client.next_event(0.05))
            except Timeout:
                continue

    with event_engine.connect(engine.endpoint) as client:
        engine.say(f"publish {NUMBER}")
        publishers = [lambda name=name: publish(client, name) for name in "abcd"]
        receivers = [lambda: receive(client)] * 3
        Threads(*publishers, *receivers).join()
    assert sorted(received) == [down(n) for n in range(NUMBER)]
    total = 4 * (NUMBER // 10)
    words = engine.ask(f"collected-wait {total} 20000").split()
    assert words[:6] == ["collected", str(total), "distinct", str(total), "in_order", "true"]


@pytest.mark.parametrize("end", ["quit", "close"])
def test_ending_wakes_who_waits(engine: Peer, end: str) -> None:
    client = event_engine.connect(engine.endpoint)
    waiting = threading.Event()
    outcomes: list[object] = []

    def wait() -> None:
        waiting.set()
        try:
            outcomes.append(client.next_event(BOUND_S))
        except Closed as error:
            outcomes.append(error)

    def loop() -> None:
        outcomes.extend(client)
        outcomes.append("loop ended")

    threads = Threads(wait, wait, loop)
    assert waiting.wait(BOUND_S)
    getattr(client, end)()
    threads.join()
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Closed", "Closed", "str"]


@both
def test_interrupts_lose_nothing(engine: Peer, profile: str) -> None:
    """As by Ctrl-C, at random moments inside the package."""
    package = os.path.dirname(event_engine.__file__)
    interrupts = 0

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal interrupts
        while frame is not None:
            if frame.f_code.co_filename.startswith(package):
                interrupts += 1
                raise KeyboardInterrupt
            frame = frame.f_back

    received: list[Event] = []
    published = 0
    client = event_engine.connect(engine.endpoint, profile=profile)
    main = threading.get_ident()
    ending = threading.Event()
    chance = random.Random(1)

    def shoot() -> None:
        while not ending.wait(chance.uniform(0, 0.001)):
            signal.pthread_kill(main, signal.SIGINT)

    engine.say(f"publish {NUMBER}")
    old = signal.signal(signal.SIGINT, interrupt)
    shooter = Threads(shoot)
    try:
        while len(received) < NUMBER or published < 200:
            try:
                if published < 200:
                    # The count is right although an interrupted call does not return its id.
                    published = client.publish(b"other", BOUND_S)
                if len(received) < NUMBER // 2:
                    received.append(client.next_event(BOUND_S))
                elif len(received) < NUMBER:
                    for event in client:
                        received.append(event)
                        if len(received) == NUMBER:
                            break
            except KeyboardInterrupt:
                continue
    finally:
        ending.set()
        shooter.join()
        signal.signal(signal.SIGINT, old)
    last = client.publish(b"other")
    client.quit()
    assert received == [down(n) for n in range(NUMBER)]
    assert interrupts > 0
    assert engine.ask(f"other-wait {last} 20000").split()[:2] == ["other", str(last)]


@both
def test_cancelling_loses_nothing(engine: Peer, profile: str) -> None:
    """Tasks cancelled at random moments while events flow both ways."""

    async def run() -> None:
        chance = random.Random(2)
        received: list[Event] = []
        cancelled = 0
        async with await aio.connect(engine.endpoint, profile=profile) as client:
            engine.say(f"publish-slowly {NUMBER} {2000 if SHORT else 4000}")
            publishes = 0
            while len(received) < NUMBER:
                task = asyncio.create_task(client.next_event())
                for _ in range(chance.choice([0, 1, 2, 3])):
                    await asyncio.sleep(0)
                if chance.random() < 0.05:
                    publish = asyncio.create_task(client.publish(up(publishes)))
                    publishes += 1
                    await asyncio.sleep(0)  # begun: from here on it is on its way
                    if chance.random() < 0.5:
                        publish.cancel()
                    await asyncio.wait([publish])
                if chance.random() < 0.5:
                    await asyncio.wait([task], timeout=chance.choice([0, 0.0005]))
                    task.cancel()
                try:
                    received.append(await task)
                except asyncio.CancelledError:
                    cancelled += 1
            assert received == [down(n) for n in range(NUMBER)]
            assert cancelled > 0
        answer = engine.ask(f"collected-wait {publishes} 20000")
        assert answer == collected(publishes)

    asyncio.run(asyncio.wait_for(run(), 90))


def test_wait_for_loses_nothing(engine: Peer) -> None:
    async def run() -> list[Event]:
        received: list[Event] = []
        async with await aio.connect(engine.endpoint) as client:
            engine.say("publish-slowly 2000 4000")
            while len(received) < 2000:
                try:
                    received.append(await asyncio.wait_for(client.next_event(), 0.0003))
                except asyncio.TimeoutError:
                    continue
        return received

    assert asyncio.run(asyncio.wait_for(run(), 60)) == [down(n) for n in range(2000)]


def test_tasks_share_a_client(engine: Peer) -> None:
    async def run() -> None:
        received: list[Event] = []
        async with await aio.connect(engine.endpoint) as client:

            async def receive() -> None:
                async for event in client:
                    received.append(event)
                    if len(received) >= NUMBER:
                        return

            async def publish(name: bytes) -> None:
                for number in range(NUMBER // 10):
                    await client.publish(b"up:%s:%08d" % (name, number))

            engine.say(f"publish {NUMBER}")
            receivers = [asyncio.create_task(receive()) for _ in range(3)]
            await asyncio.gather(*map(publish, (b"a", b"b", b"c")))
            await asyncio.wait(receivers, return_when=asyncio.FIRST_COMPLETED)
            for task in receivers:
                task.cancel()
            assert sorted(received) == [down(n) for n in range(NUMBER)]
        total = 3 * (NUMBER // 10)
        words = engine.ask(f"collected-wait {total} 20000").split()
        assert words[:6] == ["collected", str(total), "distinct", str(total), "in_order", "true"]

    asyncio.run(asyncio.wait_for(run(), 60))


def test_other_tasks_get_turns_while_events_are_ready(engine: Peer) -> None:
    async def run() -> int:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        async with await aio.connect(engine.endpoint) as client:
            engine.ask("batch 5000 10")
            counter = asyncio.create_task(count())
            received = 0
            async for _ in client:
                received += 1
                if received == 5000:
                    break
            counter.cancel()
        return turns

    assert asyncio.run(asyncio.wait_for(run(), 60)) >= 5


def test_forked_child_is_told(engine: Peer) -> None:
    code = """
import warnings; warnings.simplefilter("ignore")
client = event_engine.connect(endpoint)
pid = os.fork()
if pid == 0:
    ask = lambda: client.stopping
    for call in (client.next_event, lambda: client.publish(b"x"), client.quit, ask):
        try:
            call()
        except RuntimeError as error:
            say(str(error))
    os._exit(0)
os.waitpid(pid, 0)
client.publish(b"up:00000000")
client.quit()
"""
    with Process(engine.endpoint, code) as process:
        for _ in range(4):
            assert "connect again in the child" in process.hear()
        assert process.end() == 0
    assert engine.ask("collected-wait 1 20000") == collected(1)


def test_forgotten_client_is_warned_of_and_closed(engine: Peer) -> None:
    engine.ask("publish 1")
    client = event_engine.connect(engine.endpoint)
    assert client.next_event(BOUND_S) == down(0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del client
        gc.collect()
    assert [warning.category for warning in caught] == [ResourceWarning]
    with event_engine.connect(engine.endpoint) as again:
        assert again.next_event(BOUND_S) == down(0)


def test_two_loops_in_one_process(engine: Peer, start: Start) -> None:
    other = start("engine")

    async def run(peer: Peer) -> Any:
        async with await aio.connect(peer.endpoint) as client:
            return await client.publish(up(0))

    for peer in (engine, other):
        assert asyncio.run(run(peer)) == 1


def test_a_task_client_that_is_let_go_of_is_closed(engine: Peer) -> None:
    async def let_go() -> None:
        client = await aio.connect(engine.endpoint)
        gone = weakref.ref(client)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            del client
            gc.collect()
        assert gone() is None

    asyncio.run(let_go())
