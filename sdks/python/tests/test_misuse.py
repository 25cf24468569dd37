"""Arguments that cannot be meant, places where no engine is, calls that come too late."""

from __future__ import annotations

import asyncio
import contextlib
import socket as sockets
import threading
from typing import Any, Callable

import pytest
import zmq
from conftest import Blocking
from peers import BOUND_S, Peer, collected, up

import event_engine
from event_engine import Client, Closed, Protocol, Timeout, Transport, aio

Connect = Callable[..., Blocking]
Start = Callable[..., Peer]


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "127.0.0.1:6000",
        "tcp://127.0.0.1",
        "tcp://127.0.0.1:",
        "tcp://127.0.0.1:0",
        "tcp://127.0.0.1:65536",
        "tcp://:6000",
        "tcp://*:6000",
        "tcp://127.0.0.1:6000/",
        "tcp://a b:6000",
        "ipc:///tmp/x",
        "inproc://x",
        "http://127.0.0.1:6000",
    ],
)
def test_bad_endpoint(connect: Connect, endpoint: str) -> None:
    with pytest.raises(ValueError, match="tcp://"):
        connect(endpoint)


@pytest.mark.parametrize(
    ("error", "options"),
    [
        (ValueError, {"timeout": -1}),
        (ValueError, {"timeout": float("nan")}),
        (TypeError, {"timeout": "1"}),
        (TypeError, {"timeout": None}),
        (TypeError, {"timeout": True}),
        (ValueError, {"heartbeat": -1}),
        (TypeError, {"heartbeat": None}),
        (ValueError, {"receive_window": 0}),
        (ValueError, {"receive_window": 16385}),
        (TypeError, {"receive_window": 1.0}),
        (TypeError, {"receive_window": True}),
        (ValueError, {"profile": "other"}),
        (ValueError, {"profile": None}),
    ],
)
def test_bad_options(connect: Connect, error: type[Exception], options: dict[str, Any]) -> None:
    with pytest.raises(error, match=next(iter(options))):
        connect("tcp://127.0.0.1:6000", **options)


def test_endpoint_from_the_environment(
    engine: Peer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing: Any = None
    number: Any = 6000
    monkeypatch.delenv("EVENT_ENGINE_ENDPOINT", raising=False)
    with pytest.raises(ValueError, match="EVENT_ENGINE_ENDPOINT"):
        connect(missing)
    monkeypatch.setenv("EVENT_ENGINE_ENDPOINT", "engine")
    with pytest.raises(ValueError, match="EVENT_ENGINE_ENDPOINT 'engine'"):
        connect(missing)
    monkeypatch.setenv("EVENT_ENGINE_ENDPOINT", engine.endpoint)
    assert connect(missing).publish(up(0)) == 1
    with pytest.raises(TypeError, match="text"):
        connect(number)


def test_wrong_types(engine: Peer, connect: Connect) -> None:
    client = connect(engine.endpoint)
    wrong: Any
    with pytest.raises(TypeError, match="encode"):
        client.publish("text")
    with pytest.raises(TypeError, match="encode"):
        client.publish_batch([up(7), "text"])
    for wrong in (None, 1, [b"x"], {}):
        with pytest.raises(TypeError, match="an event is bytes"):
            client.publish(wrong)
    for wrong in (b"x", bytearray(b"x"), "x"):
        with pytest.raises(TypeError, match="several"):
            client.publish_batch(wrong)
    for call in (client.next_event, lambda t: client.publish(up(7), t)):
        with pytest.raises(ValueError, match="timeout"):
            call(-1)
        with pytest.raises(TypeError, match="timeout"):
            call("1")  # type: ignore[arg-type]
    array = bytearray(up(0))
    client.publish(array)
    array[:] = b"changed"
    assert engine.ask("collected-wait 1 20000") == collected(1)
    assert engine.ask("other") == "other 0"


def test_constructors_are_not_for_users() -> None:
    with pytest.raises(TypeError, match="connect"):
        Client("tcp://127.0.0.1:6000")  # type: ignore[arg-type]

    async def run() -> None:
        with pytest.raises(TypeError, match="connect"):
            aio.Client("tcp://127.0.0.1:6000")  # type: ignore[arg-type]

    asyncio.run(run())


@pytest.mark.parametrize("profile", ["auto", "session", "basic"])
def test_nobody_listens(connect: Connect, closed_port: int, profile: str) -> None:
    with pytest.raises(Timeout, match="nobody listens"):
        connect(f"tcp://127.0.0.1:{closed_port}", timeout=0.2, profile=profile)


def test_no_time_at_all(connect: Connect, closed_port: int) -> None:
    with pytest.raises((Timeout, Transport)):
        connect(f"tcp://127.0.0.1:{closed_port}", timeout=0)


def test_unknown_host(connect: Connect) -> None:
    with pytest.raises(Transport, match="not found"):
        connect("tcp://no-such-host.invalid:6000", timeout=0.5)


@pytest.mark.parametrize(
    ("greeting", "error", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Timeout, "is it the port of a plugin"),
        (b"\xff\0\0\0\0\0\0\0\0\x7f\3\0PLAIN" + bytes(80), Protocol, "no engine"),
        (b"", Timeout, "is it the port of a plugin"),
    ],
    ids=["http", "plain", "nothing"],
)
def test_something_else_listens(
    connect: Connect, greeting: bytes, error: type[Exception], words: str
) -> None:
    """A server that talks first and hangs up, as one of another protocol would."""
    with sockets.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        ending = threading.Event()

        def serve() -> None:
            server.settimeout(0.05)
            while not ending.is_set():
                try:
                    connection, _ = server.accept()
                except sockets.timeout:
                    continue
                with connection:
                    connection.settimeout(0.1)
                    with contextlib.suppress(OSError):
                        connection.sendall(greeting)
                        while error is Protocol and connection.recv(100):
                            pass  # hold it until the client has read

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with pytest.raises(error, match=words):
                connect(f"tcp://127.0.0.1:{port}", timeout=0.5)
        finally:
            ending.set()
            thread.join(BOUND_S)


def test_silent_listener(connect: Connect) -> None:
    with sockets.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(Timeout, match="nothing answered"):
            connect(f"tcp://127.0.0.1:{port}", timeout=0.3)


def test_sessions_are_asked_of_an_engine_without(connect: Connect) -> None:
    context: zmq.Context[Any] = zmq.Context()
    with context, context.socket(zmq.REP) as rep:
        port = rep.bind_to_random_port("tcp://127.0.0.1")
        with pytest.raises(Protocol, match="no sessions"):
            connect(f"tcp://127.0.0.1:{port}", profile="session")
        assert not rep.poll(0), "the probe has sent something"
        assert connect(f"tcp://127.0.0.1:{port}").profile == "basic"
        assert not rep.poll(0), "connecting has sent something"


def test_engine_that_comes_late(start: Start, connect: Connect, closed_port: int) -> None:
    # A port that will be free when the engine takes it, and is refused until then.
    with sockets.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
    timer = threading.Timer(0.3, lambda: start("engine", "--port", str(port)))
    timer.start()
    client = connect(f"tcp://127.0.0.1:{port}", timeout=BOUND_S)
    assert client.publish(up(0), BOUND_S) == 1
    timer.join(BOUND_S)


def test_names_are_resolved(engine: Peer, connect: Connect) -> None:
    assert connect(f"tcp://localhost:{engine.port}").publish(up(0)) == 1


@pytest.mark.parametrize("profile", ["session", "basic"])
def test_use_after_close(engine: Peer, connect: Connect, profile: str) -> None:
    client = connect(engine.endpoint, profile=profile)
    client.close()
    client.close()
    for call in (
        client.next_event,
        lambda: client.publish(b"x"),
        lambda: client.publish_batch([b"x"]),
        client.quit,
    ):
        with pytest.raises(Closed):
            call()
    assert client.take(5) == []


def test_with_after_quit_and_close(engine: Peer) -> None:
    with event_engine.connect(engine.endpoint) as client:
        client.close()
    with event_engine.connect(engine.endpoint) as client:
        client.quit()
    assert engine.ask("wait 20000").startswith("ended COMPLETED")
    assert "closed" in repr(client)


def test_ipv6_address(connect: Connect) -> None:
    context: zmq.Context[Any] = zmq.Context()
    with context, context.socket(zmq.REP) as rep:
        rep.ipv6 = True
        try:
            port = rep.bind_to_random_port("tcp://[::1]")
        except zmq.ZMQError:
            pytest.skip("this machine has no IPv6")
        assert connect(f"tcp://[::1]:{port}").profile == "basic"
