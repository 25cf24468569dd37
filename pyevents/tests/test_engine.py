"""Against the real engine: the program that EVENT_ENGINE_ECHO names (engine/examples/echo.rs)."""

import os
import subprocess
import sys
from typing import Any, Iterator

import pytest
import zmq

from pyevents.events import get_next_msg, get_plugin_socket, publish_msg, send_quit_command

BOUND_MS = 30_000
ENGINE = os.environ.get("EVENT_ENGINE_ECHO", "")
PUBLISHED = "event-engine: msg published"

pytestmark = pytest.mark.skipif(not ENGINE, reason="EVENT_ENGINE_ECHO names no engine")


class Engine:
    def __init__(self) -> None:
        self.process = subprocess.Popen([ENGINE], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def report(self) -> str:
        """Wait for the engine's end, which must be a good one; return what it said."""
        output, _ = self.process.communicate(timeout=BOUND_MS / 1000)
        assert self.process.returncode == 0, output
        return str(output)


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine()
    yield engine
    engine.process.kill()
    engine.process.wait()


@pytest.fixture
def socket(engine: Engine, context: zmq.Context[Any]) -> zmq.Socket[bytes]:
    return get_plugin_socket(context, engine.port, host="127.0.0.1")


def test_a_plugins_life(engine: Engine, socket: zmq.Socket[bytes]) -> None:
    for body in (b"", b"\xff\x00", b"x" * 300_000):
        assert publish_msg(socket, b"ask " + body) == PUBLISHED
        assert get_next_msg(socket, BOUND_MS) == b"answer " + body
    assert publish_msg(socket, b"plugin_command: foo") == "event-engine: bad msg"
    publish_msg(socket, b"bye")
    send_quit_command(socket)
    assert "the ledger balances" in engine.report()


def test_time_outs_and_publishes_in_between_lose_nothing(
    engine: Engine, socket: zmq.Socket[bytes]
) -> None:
    for number in range(200):
        if number % 3 == 0:
            with pytest.raises(zmq.Again):
                get_next_msg(socket, timeout=0)
        # While an event is owed; it may cross this publish.
        assert publish_msg(socket, b"ask %d" % number) == PUBLISHED
        assert get_next_msg(socket, BOUND_MS) == b"answer %d" % number
    publish_msg(socket, b"bye")
    send_quit_command(socket)
    assert " 200 " in engine.report()


def test_quitting_while_an_event_is_owed_ends_the_plugin(
    engine: Engine, socket: zmq.Socket[bytes]
) -> None:
    publish_msg(socket, b"bye")
    with pytest.raises(zmq.Again):
        get_next_msg(socket, timeout=20)
    send_quit_command(socket)
    engine.report()


def test_a_process_that_ends_at_once_has_quit(engine: Engine) -> None:
    program = (
        "import os, sys, zmq\n"
        "from pyevents.events import *\n"
        "socket = get_plugin_socket(zmq.Context(), int(sys.argv[1]), host='127.0.0.1')\n"
        "publish_msg(socket, b'bye')\n"
        "send_quit_command(socket)\n"
        "os._exit(0)\n"
    )
    subprocess.run(
        [sys.executable, "-c", program, str(engine.port)], check=True, timeout=BOUND_MS / 1000
    )
    engine.report()
