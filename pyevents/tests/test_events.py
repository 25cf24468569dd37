"""The four functions as the ancestor documented them, and what they repair."""

from __future__ import annotations

import inspect
import logging
import signal
from typing import Any, List

import pytest
import zmq
from fake_engine import BOUND_MS, FakeEngine

from pyevents import events
from pyevents.events import get_next_msg, get_plugin_socket, publish_msg

NEXT = b"plugin_command: next_msg"
PUBLISHED = "event-engine: msg published"


def test_signatures_are_the_ancestors() -> None:
    shapes = {
        "get_plugin_socket": [("context",), ("port",), ("host", "engine")],
        "get_next_msg": [("socket",), ("timeout", -1)],
        "publish_msg": [("socket",), ("data",)],
        "send_quit_command": [("socket",)],
    }
    assert sorted(events.__all__) == sorted(shapes)
    for name, shape in shapes.items():
        found = [
            (p.name,) if p.default is p.empty else (p.name, p.default)
            for p in inspect.signature(getattr(events, name)).parameters.values()
        ]
        assert found == shape


def test_the_socket_is_a_plain_req_socket(socket: zmq.Socket[bytes]) -> None:
    assert type(socket) is zmq.Socket
    assert socket.getsockopt(zmq.TYPE) == zmq.REQ
    for option in (zmq.RCVTIMEO, zmq.SNDTIMEO, zmq.LINGER):
        assert socket.getsockopt(option) == -1


def test_a_port_that_is_no_number_is_refused(context: zmq.Context[Any]) -> None:
    with pytest.raises(zmq.ZMQError) as refused:
        get_plugin_socket(context, "abc", host="127.0.0.1")
    assert refused.value.errno == zmq.EINVAL


def test_events_and_publishes_go_through_one_connection(
    engine: FakeEngine, socket: zmq.Socket[bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    engine.event(b"\xff\x00 first")
    engine.event(b"")
    assert get_next_msg(socket) == b"\xff\x00 first"
    assert publish_msg(socket, b"mine") == PUBLISHED
    assert get_next_msg(socket, timeout=BOUND_MS) == b""
    assert engine.bodies == [NEXT, b"mine", NEXT]
    assert len({peer for peer, _ in engine.requests}) == 1
    assert capfd.readouterr() == ("", "")


def test_an_event_that_looks_like_a_reply_is_an_event(
    engine: FakeEngine, socket: zmq.Socket[bytes]
) -> None:
    engine.event(b"event-engine: bad msg")
    assert get_next_msg(socket) == b"event-engine: bad msg"


def test_a_call_after_a_time_out_gets_the_late_event(
    engine: FakeEngine, socket: zmq.Socket[bytes]
) -> None:
    for timeout in (0, 1, 30):
        with pytest.raises(zmq.Again):
            get_next_msg(socket, timeout)
    engine.event(b"late")
    assert get_next_msg(socket) == b"late"
    assert engine.bodies == [NEXT]


def test_the_sockets_own_time_out_is_left_alone(socket: zmq.Socket[bytes]) -> None:
    socket.RCVTIMEO = 20
    for arguments in ((), (-1,), (1,)):
        with pytest.raises(zmq.Again):
            get_next_msg(socket, *arguments)
        assert socket.getsockopt(zmq.RCVTIMEO) == 20


def test_a_negative_time_out_is_refused_before_anything_is_sent(
    engine: FakeEngine, socket: zmq.Socket[bytes]
) -> None:
    with pytest.raises(zmq.ZMQError) as refused:
        get_next_msg(socket, -2)
    assert refused.value.errno == zmq.EINVAL
    publish_msg(socket, b"x")
    assert engine.bodies == [b"x"]


def test_publishing_while_an_event_is_owed_loses_nothing(
    engine: FakeEngine, socket: zmq.Socket[bytes]
) -> None:
    with pytest.raises(zmq.Again):
        get_next_msg(socket, 1)
    for body in (b"one", b"two"):
        assert publish_msg(socket, body) == PUBLISHED
    engine.event(b"late")
    assert get_next_msg(socket) == b"late"
    assert publish_msg(socket, b"three") == PUBLISHED
    assert sorted(engine.bodies) == sorted([NEXT, b"one", b"two", b"three"])
    assert len({peer for peer, _ in engine.requests}) == 2


def test_an_event_that_crosses_a_publish_is_kept(
    engine: FakeEngine, socket: zmq.Socket[bytes]
) -> None:
    with pytest.raises(zmq.Again):
        get_next_msg(socket, 0)
    engine.event(b"crossing")
    assert socket.poll(BOUND_MS)
    assert publish_msg(socket, b"mine") == PUBLISHED
    assert get_next_msg(socket, 0) == b"crossing"


def test_the_late_reply_of_a_publish_is_never_taken_for_an_event(
    engine: FakeEngine, socket: zmq.Socket[bytes]
) -> None:
    engine.reply = None
    engine.event(b"event")
    socket.RCVTIMEO = 1
    with pytest.raises(zmq.Again):
        publish_msg(socket, b"slow")
    with pytest.raises(zmq.Again):
        get_next_msg(socket, 1)
    engine.until(lambda e: e.bodies == [b"slow"])
    engine.answer(b"event-engine: msg published")
    assert get_next_msg(socket, BOUND_MS) == b"event"
    assert engine.bodies == [b"slow", NEXT]


@pytest.mark.parametrize("owed", [False, True])
def test_a_publish_after_one_that_timed_out_gets_its_own_reply(
    engine: FakeEngine,
    socket: zmq.Socket[bytes],
    caplog: pytest.LogCaptureFixture,
    owed: bool,
) -> None:
    if owed:
        with pytest.raises(zmq.Again):
            get_next_msg(socket, 1)
    engine.reply = None
    socket.RCVTIMEO = 1
    with pytest.raises(zmq.Again):
        publish_msg(socket, b"slow")
    engine.until(lambda e: b"slow" in e.bodies)
    engine.answer(b"event-engine: bad msg")
    engine.reply = b"event-engine: msg published"
    socket.RCVTIMEO = BOUND_MS
    assert publish_msg(socket, b"next") == PUBLISHED
    assert "late reply" in caplog.text
    engine.event(b"event")
    assert get_next_msg(socket) == b"event"


def test_an_application_may_receive_the_late_event_itself(
    engine: FakeEngine, socket: zmq.Socket[bytes]
) -> None:
    with pytest.raises(zmq.Again):
        get_next_msg(socket, 1)
    engine.event(b"late")
    assert socket.recv() == b"late"
    engine.event(b"second")
    assert get_next_msg(socket) == b"second"
    assert publish_msg(socket, b"mine") == PUBLISHED
    assert engine.bodies == [NEXT, NEXT, b"mine"]


def test_an_applications_own_open_request_is_not_mistaken_for_ours(
    socket: zmq.Socket[bytes],
) -> None:
    socket.send(b"raw")
    calls = (
        lambda: get_next_msg(socket),
        lambda: publish_msg(socket, b"x"),
        lambda: events.send_quit_command(socket),
    )
    for call in calls:
        with pytest.raises(zmq.ZMQError) as refused:
            call()
        assert refused.value.errno == zmq.EFSM
    assert socket.recv() == PUBLISHED.encode()


def test_an_interrupt_while_waiting_loses_nothing(
    engine: FakeEngine, socket: zmq.Socket[bytes]
) -> None:
    class Interrupt(BaseException):
        pass

    def interrupt(*_: object) -> None:
        raise Interrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(Interrupt):
            get_next_msg(socket)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    engine.event(b"late")
    assert get_next_msg(socket) == b"late"
    assert engine.bodies == [NEXT]


@pytest.mark.parametrize("owed", [False, True])
@pytest.mark.parametrize("data", ["text", None, 7])
def test_what_is_not_bytes_is_refused_and_the_socket_stays_usable(
    socket: zmq.Socket[bytes], data: object, owed: bool
) -> None:
    if owed:
        with pytest.raises(zmq.Again):
            get_next_msg(socket, 1)
    with pytest.raises(TypeError):
        publish_msg(socket, data)
    assert publish_msg(socket, b"x") == PUBLISHED


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, zmq.Frame])
def test_every_bytes_like_body_is_published(
    engine: FakeEngine, socket: zmq.Socket[bytes], kind: Any
) -> None:
    bodies: List[bytes] = [b"", b"\xff\xfe", b"plugin_command:quit", b"x" * 70_000]
    for body in bodies:
        assert publish_msg(socket, kind(body)) == PUBLISHED
    assert engine.bodies == bodies


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("command", [NEXT, b"plugin_command: quit"])
def test_the_two_commands_are_no_events(
    engine: FakeEngine, socket: zmq.Socket[bytes], command: bytes, kind: Any
) -> None:
    with pytest.raises(ValueError, match="use get_next_msg or send_quit_command"):
        publish_msg(socket, kind(command))
    publish_msg(socket, b"x")
    assert engine.bodies == [b"x"]


def test_a_refusal_is_returned_and_logged(
    socket: zmq.Socket[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    assert publish_msg(socket, b"plugin_command: foo") == "event-engine: bad msg"
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_a_reply_that_is_no_utf8_raises_and_the_socket_stays_usable(
    engine: FakeEngine, socket: zmq.Socket[bytes]
) -> None:
    engine.reply = b"\xff"
    with pytest.raises(UnicodeDecodeError):
        publish_msg(socket, b"x")
    engine.reply = PUBLISHED.encode()
    assert publish_msg(socket, b"y") == PUBLISHED


def test_the_ancestors_engine_answers_a_publish_after_the_owed_event(
    context: zmq.Context[Any],
) -> None:
    engine: zmq.Socket[bytes] = context.socket(zmq.REP)
    port = engine.bind_to_random_port("tcp://127.0.0.1")
    socket = get_plugin_socket(context, port, host="127.0.0.1")
    with pytest.raises(zmq.Again):
        get_next_msg(socket, 1)
    assert engine.poll(BOUND_MS)
    assert engine.recv() == NEXT
    socket.RCVTIMEO = 1
    with pytest.raises(zmq.Again):
        publish_msg(socket, b"mine")
    engine.send(b"event")
    assert engine.poll(BOUND_MS)
    assert engine.recv() == b"mine"
    engine.send(PUBLISHED.encode())
    assert get_next_msg(socket, BOUND_MS) == b"event"
