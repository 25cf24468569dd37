"""Quitting, closing, and the end of the process: bounded, and the quit is not lost."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import textwrap
import time
import weakref
from typing import Any

import pytest
import zmq
from fake_engine import BOUND_MS, BOUND_S, FakeEngine

from pyevents import _state
from pyevents.events import get_next_msg, get_plugin_socket, publish_msg, send_quit_command

NEXT = b"plugin_command: next_msg"
QUIT = b"plugin_command: quit"


def run(script: str, port: int) -> float:
    """Run a plugin in a process of its own; return how long it lived, in seconds."""
    prelude = f"""
        import os, zmq
        from pyevents.events import *
        context = zmq.Context()
        socket = get_plugin_socket(context, {port}, host="127.0.0.1")
    """
    code = textwrap.dedent(prelude) + textwrap.dedent(script)
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", code], check=True, timeout=BOUND_S)
    return time.monotonic() - began


def test_after_the_quit_every_call_raises(engine: FakeEngine, socket: zmq.Socket[bytes]) -> None:
    publish_msg(socket, b"last")
    send_quit_command(socket)
    engine.until(lambda e: e.bodies == [b"last", QUIT])
    for call in (get_next_msg, send_quit_command, lambda s: publish_msg(s, b"x")):
        with pytest.raises(zmq.ZMQError) as refused:
            call(socket)
        assert refused.value.errno == zmq.EFSM


def test_a_quit_goes_out_while_an_event_is_owed(
    engine: FakeEngine, socket: zmq.Socket[bytes]
) -> None:
    with pytest.raises(zmq.Again):
        get_next_msg(socket, 1)
    engine.until(lambda e: e.bodies == [NEXT])  # the quit drops what has not left yet
    publish_msg(socket, b"meanwhile")
    send_quit_command(socket)
    engine.until(lambda e: sorted(e.bodies) == sorted([NEXT, b"meanwhile", QUIT]))
    with pytest.raises(zmq.ZMQError):
        get_next_msg(socket)


def test_a_quit_with_an_owed_event_drops_the_connection_that_waits(
    context: zmq.Context[Any],
) -> None:
    router: zmq.Socket[bytes] = context.socket(zmq.ROUTER)
    port = router.bind_to_random_port("tcp://127.0.0.1")
    socket = get_plugin_socket(context, port, host="localhost")
    with pytest.raises(zmq.Again):
        get_next_msg(socket, 1)
    assert router.recv_multipart()[1:] == [b"", NEXT]
    monitor = router.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    send_quit_command(socket)
    for _ in ("the waiting connection", "the one that brought the quit"):
        assert monitor.poll(BOUND_MS)
        monitor.recv_multipart()
    assert router.recv_multipart()[1:] == [b"", QUIT]
    router.disable_monitor()
    monitor.close()


def test_a_quit_waits_a_bounded_time_for_an_unanswered_publish(
    engine: FakeEngine, socket: zmq.Socket[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    engine.reply = None
    socket.RCVTIMEO = 1
    with pytest.raises(zmq.Again):
        publish_msg(socket, b"parked")
    send_quit_command(socket)
    engine.until(lambda e: e.bodies == [b"parked", QUIT])
    assert "not answered the last publish" in caplog.text


def test_without_an_engine_the_quit_returns_at_once(
    context: zmq.Context[Any], closed_port: int
) -> None:
    socket = get_plugin_socket(context, closed_port, host="127.0.0.1")
    began = time.monotonic()
    send_quit_command(socket)
    assert time.monotonic() - began < 1


def test_a_silent_host_holds_the_quit_up_for_a_bounded_time(context: zmq.Context[Any]) -> None:
    silent: zmq.Socket[bytes] = context.socket(zmq.STREAM)  # connects, never greets
    port = silent.bind_to_random_port("tcp://127.0.0.1")
    socket = get_plugin_socket(context, port, host="127.0.0.1")
    began = time.monotonic()
    send_quit_command(socket)
    assert time.monotonic() - began < BOUND_S


@pytest.mark.parametrize("first", ["", "try: get_next_msg(socket, 1)\nexcept zmq.Again: pass\n"])
@pytest.mark.parametrize("end", ["", "os._exit(0)", "socket.close(); context.term()"])
def test_without_an_engine_an_exit_cannot_hang(closed_port: int, first: str, end: str) -> None:
    assert run(first + "send_quit_command(socket)\n" + end, closed_port) < BOUND_S


@pytest.mark.parametrize("first", ["", "try: get_next_msg(socket, 1)\nexcept zmq.Again: pass\n"])
@pytest.mark.parametrize("end", ["", "os._exit(0)", "socket.close(); context.term()"])
def test_the_quit_survives_an_exit_at_once(engine: FakeEngine, first: str, end: str) -> None:
    run(first + "send_quit_command(socket)\n" + end, engine.port)
    engine.until(lambda e: QUIT in e.bodies)


def test_the_second_connection_does_not_hold_up_the_applications_context(
    engine: FakeEngine,
) -> None:
    run(
        """
        try: get_next_msg(socket, 1)
        except zmq.Again: pass
        publish_msg(socket, b"meanwhile")
        socket.close(linger=0)
        context.term()
        """,
        engine.port,
    )
    assert b"meanwhile" in engine.bodies


def test_nothing_is_kept_of_a_socket_that_is_gone(engine: FakeEngine) -> None:
    context: zmq.Context[Any] = zmq.Context()
    socket = get_plugin_socket(context, engine.port, host="127.0.0.1")
    with pytest.raises(zmq.Again):
        get_next_msg(socket, 1)
    publish_msg(socket, b"meanwhile")
    state = _state.state_of(socket)
    assert state.side is not None
    side = state.side.socket
    gone = weakref.ref(socket)
    socket.close(linger=0)
    del socket, state
    gc.collect()
    assert gone() is None
    assert side.closed
    assert not any(state.side is not None for state in _state._states.values())
    context.term()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_gets_its_own_second_connection(engine: FakeEngine) -> None:
    run(
        """
        def poll_and_publish(socket, body):
            try: get_next_msg(socket, 1)
            except zmq.Again: pass
            publish_msg(socket, body)

        poll_and_publish(socket, b"parent")
        child = os.fork()
        if child == 0:
            mine = get_plugin_socket(zmq.Context(), socket.LAST_ENDPOINT.decode().split(":")[-1],
                                     host="127.0.0.1")
            poll_and_publish(mine, b"child")
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        """,
        engine.port,
    )
    assert {b"parent", b"child"} <= set(engine.bodies)
