"""Processes that end without a word to their clients: at once, quietly, with their own status."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
import time
from typing import Callable

import pytest
from peers import BOUND_S, Peer, collected, down
from process import Process

import event_engine

Start = Callable[..., Peer]

AT_ONCE_S = 5.0
"""What a busy machine may take; what an exit itself may take is a linger of 1 s at most."""

PREAMBLE = """
import asyncio, atexit, gc, os, sys, threading, time
{before}
import event_engine
from event_engine import aio
endpoint = {endpoint!r}
def ending():
    print("ending", time.monotonic(), flush=True)
"""

TAKE_TWO = {
    "module": """
client = event_engine.connect(endpoint)
client.next_event()
client.next_event()
ending()
{end}
""",
    "function": """
def main():
    client = event_engine.connect(endpoint)
    client.next_event()
    client.next_event()
    ending()
    {end}
main()
""",
    "loop": """
for number, event in enumerate(event_engine.connect(endpoint)):
    if number == 1:
        break
ending()
{end}
""",
    "asyncio.run": """
async def main():
    client = await aio.connect(endpoint)
    await client.next_event()
    await client.next_event()
    ending()
    {end}
asyncio.run(main())
""",
    "a loop that is closed": """
async def main():
    global client
    client = await aio.connect(endpoint)
    await client.next_event()
    await client.next_event()
asyncio.run(main())
ending()
{end}
""",
    "a loop that rests": """
loop = asyncio.new_event_loop()
client = loop.run_until_complete(aio.connect(endpoint))
loop.run_until_complete(client.next_event())
loop.run_until_complete(client.next_event())
ending()
{end}
""",
}

BUG = "raise RuntimeError('bug in the plugin')"
ENDS = [(BUG, 1), ("sys.exit(4)", 4), ("pass", 0)]


class Ended:
    """A process that has ended."""

    def __init__(self, endpoint: str, code: str, before: str = "") -> None:
        program = PREAMBLE.format(endpoint=endpoint, before=before) + textwrap.dedent(code)
        ran = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=BOUND_S
        )
        now = time.monotonic()
        self.status, self.errors = ran.returncode, ran.stderr
        said = re.search(r"^ending (\S+)$", ran.stdout, re.M)
        assert said is not None, ran.stderr
        self.took_s = now - float(said.group(1))
        self.said = ran.stdout.replace(said.group(0) + "\n", "")
        assert self.took_s < AT_ONCE_S

    def quietly(self, status: int, error: str = "") -> None:
        """Check its status, and that it complained of nothing but ``error``."""
        assert self.errors.count("Traceback") == (1 if error else 0), self.errors
        last = self.errors.splitlines()[-1:]
        assert last == ([error] if error else []), self.errors
        assert self.status == status


def _left(engine: Peer, number: int) -> None:
    """Check that the events before ``number`` are handled and that this one comes again."""
    with event_engine.connect(engine.endpoint) as client:
        event = client.next_event(BOUND_S)
        assert (event, event.redelivered) == (down(number), True)
    assert engine.ask("wait 20000").startswith("ended COMPLETED")


@pytest.mark.parametrize("where", TAKE_TWO)
@pytest.mark.parametrize(("end", "status"), ENDS)
def test_ending_closes(engine: Peer, where: str, end: str, status: int) -> None:
    engine.ask("publish 2")
    ended = Ended(engine.endpoint, TAKE_TWO[where].format(end=end))
    ended.quietly(status, "RuntimeError: bug in the plugin" if end == BUG else "")
    _left(engine, 1)


@pytest.mark.parametrize(("end", "status"), ENDS)
def test_ending_in_basic(engine: Peer, end: str, status: int) -> None:
    engine.ask("publish 2")
    code = TAKE_TWO["function"].format(end=end)
    ended = Ended(engine.endpoint, code.replace("(endpoint)", "(endpoint, profile='basic')"))
    ended.quietly(status, "RuntimeError: bug in the plugin" if end == BUG else "")


def test_ending_while_nobody_listens(closed_port: int) -> None:
    code = """
    async def wait():
        global task_client
        task_client = aio.connect(endpoint)
        await asyncio.wait_for(task_client, 0.3)
    threading.Thread(target=event_engine.connect, args=[endpoint], daemon=True).start()
    try:
        asyncio.run(wait())
    except asyncio.TimeoutError:
        ending()
    """
    Ended(f"tcp://127.0.0.1:{closed_port}", code).quietly(0)


@pytest.mark.parametrize("kind", ["sync", "aio"])
def test_ending_by_closed(start: Start, kind: str) -> None:
    engine = start("engine", "--grace-ms", "300")
    engine.ask("publish 1")
    code = """
    async def main():
        client = await aio.connect(endpoint)
        await client.next_event()
        os.kill({pid}, 9)
        try:
            await client.next_event()
        finally:
            ending()
    asyncio.run(main())
    """.replace("{pid}", str(engine.pid))
    if kind == "sync":
        code = code.replace("async ", "").replace("await ", "").replace("aio.", "event_engine.")
        code = code.replace("asyncio.run(main())", "main()")
    ended = Ended(engine.endpoint, code)
    assert ended.status == 1
    assert ended.errors.splitlines()[-1].startswith("event_engine.Closed: no connection")
    assert "Exception ignored" not in ended.errors


def test_an_engine_that_is_silent_does_not_hold_up_the_exit(start: Start) -> None:
    engine = start("engine")
    proxy = start("proxy", "--target", f"127.0.0.1:{engine.port}")
    code = """
    async def main():
        return await aio.connect(endpoint)
    clients = [event_engine.connect(endpoint) for _ in range(3)] + [asyncio.run(main())]
    print("connected", flush=True)
    input()
    for client in clients[:3]:
        try:
            client.publish_batch([bytes(1_000_000)] * 15, 0)
        except event_engine.Timeout:
            pass
    ending()
    sys.exit(4)
    """
    program = PREAMBLE.format(endpoint=proxy.endpoint, before="") + textwrap.dedent(code)
    with Process(proxy.endpoint, program) as process:
        assert process.hear() == "connected"
        proxy.ask("pause")
        process.say("go on")
        ending = float(process.hear().split()[1])
        assert process.end() == 4
        assert time.monotonic() - ending < 2.5  # one linger, not one for each


DAEMONS = {
    "waiting": "client.next_event()",
    "waiting for a while": "while True:\n        wait(0.01)",
    "iterating": "for event in client: pass",
    "publishing": "while True: client.publish(b'other')",
    "asking": "while True: client.stopping",
}


@pytest.mark.parametrize("use", DAEMONS)
def test_daemon_threads_stand_still(engine: Peer, use: str) -> None:
    code = f"""
client = event_engine.connect(endpoint)
def wait(timeout):
    try:
        client.next_event(timeout)
    except event_engine.Timeout:
        pass
def work():
    begun.wait()
    {DAEMONS[use]}
begun = threading.Barrier(4)
for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
begun.wait()
ending()
sys.exit(4)
"""
    Ended(engine.endpoint, code).quietly(4)
    with event_engine.connect(engine.endpoint):
        pass
    assert engine.ask("wait 20000").startswith("ended COMPLETED")


@pytest.mark.parametrize(
    "use", ["await client.next_event()", "while True: await client.publish(b'other')"]
)
def test_a_loop_in_a_daemon_thread(engine: Peer, use: str) -> None:
    engine.ask("publish 2")
    code = f"""
async def main():
    client = await aio.connect(endpoint)
    await client.next_event()
    await client.next_event()
    asyncio.get_running_loop().call_soon(begun.set)  # once the call waits
    {use}
begun = threading.Event()
threading.Thread(target=asyncio.run, args=[main()], daemon=True).start()
begun.wait()
ending()
"""
    Ended(engine.endpoint, code).quietly(0)
    if "publish" in use:
        _left(engine, 1)
    else:  # asking for a third event has handled both
        engine.ask("publish 1")
        with event_engine.connect(engine.endpoint) as client:
            assert client.next_event(BOUND_S) == down(2)


def test_a_loop_that_is_stuck_does_not_hold_up_the_exit(engine: Peer) -> None:
    code = """
    async def main():
        global client
        client = await aio.connect(endpoint)
        begun.set()
        time.sleep(100)
    begun = threading.Event()
    threading.Thread(target=asyncio.run, args=[main()], daemon=True).start()
    begun.wait()
    ending()
    sys.exit(4)
    """
    Ended(engine.endpoint, code).quietly(4)


def test_a_lock_that_is_held_does_not_hold_up_the_exit(engine: Peer) -> None:
    code = """
    client = event_engine.connect(endpoint)
    client._lock.acquire()
    ending()
    sys.exit(4)
    """
    Ended(engine.endpoint, code).quietly(4)


@pytest.mark.parametrize("profile", ["session", "basic"])
@pytest.mark.parametrize("kind", ["sync", "aio"])
def test_handlers_of_the_program_may_quit(engine: Peer, kind: str, profile: str) -> None:
    sync = """
    client = event_engine.connect(endpoint, profile="PROFILE")
    client.next_event()
    atexit.register(client.quit)
    ending()
    """
    tasks = """
    loop = asyncio.new_event_loop()
    client = loop.run_until_complete(aio.connect(endpoint, profile="PROFILE"))
    loop.run_until_complete(client.next_event())
    atexit.register(lambda: loop.run_until_complete(client.quit()))
    ending()
    """
    engine.ask("publish 1")
    code = (sync if kind == "sync" else tasks).replace("PROFILE", profile)
    Ended(engine.endpoint, code).quietly(0)
    assert engine.ask("wait 20000").startswith("ended COMPLETED")


def test_handlers_that_are_called_later_find_it_closed(engine: Peer) -> None:
    """Those that were registered before the package was imported."""
    before = """
def late():
    for call in (client.next_event, lambda: client.publish(b"x"), client.quit):
        try:
            call()
        except event_engine.Closed:
            print("closed", flush=True)
    client.close()
    print(client.stopping, repr(client)[-8:], flush=True)
    event_engine.connect(endpoint).close()
    another = event_engine.connect(endpoint)
    globals().update(another=another, third=event_engine.connect(endpoint))
    del another
atexit.register(late)
"""
    code = """
    client = event_engine.connect(endpoint)
    ending()
    """
    ended = Ended(engine.endpoint, code, before)
    ended.quietly(0)
    assert ended.said.splitlines()[-1] == "True  closed>"


def test_let_go_of_just_before_the_end(engine: Peer) -> None:
    code = """
    async def main():
        client = await aio.connect(endpoint)
        await client.next_event()
        await client.next_event()
    asyncio.run(main())
    gc.collect()
    ending()
    """
    engine.ask("publish 2")
    Ended(engine.endpoint, code).quietly(0)
    _left(engine, 1)


@pytest.mark.parametrize("how", ["os.fork", "multiprocessing"])
def test_a_child_that_ends_leaves_its_parent_alone(engine: Peer, how: str) -> None:
    fork = """
    if os.fork() == 0:
        sys.exit(0)
    assert os.wait()[1] == 0
    """
    spawn = """
    child = multiprocessing.get_context("fork").Process(target=print, args=["child"])
    child.start()
    child.join()
    assert child.exitcode == 0
    """
    code = f"""
    import multiprocessing, warnings
    warnings.simplefilter("ignore")
    client = event_engine.connect(endpoint)
    async def main():
        return await aio.connect(endpoint)
    task_client = asyncio.run(main())
{fork if how == "os.fork" else spawn}
    client.publish(b"up:00000000")
    ending()
    """
    Ended(engine.endpoint, code).quietly(0)
    assert engine.ask("collected-wait 1 20000") == collected(1)


def test_a_child_closes_its_own(engine: Peer) -> None:
    code = """
    if os.fork() == 0:
        client = event_engine.connect(endpoint)
        client.next_event()
        client.next_event()
        raise SystemExit(4)
    status = os.waitstatus_to_exitcode(os.wait()[1])
    ending()
    os._exit(status)
    """
    engine.ask("publish 2")
    Ended(engine.endpoint, code).quietly(4)
    _left(engine, 1)
