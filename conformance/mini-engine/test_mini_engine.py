"""Replays the vectors of spec/ with the mini engine, over real loopback connections.

The engine runs in a thread, in an event loop whose clock stands still unless a vector says
`advance`. The clients are plain sockets. No test waits for silence: after each step every client
sends a ZMTP PING, and what the engine had to send stands before the PONG.

Left out are the vectors of session-engine.json that `park` publishes: queues have no limit here, so
that no publish ever waits for room. Of wire.json and session-headers.json what is another's: the
ports of the bus, and headers that an engine writes.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import subprocess
import sys
import threading
import unittest
from pathlib import Path
from typing import Any, Awaitable, Callable, List, Tuple, TypeVar
from urllib.parse import unquote_to_bytes

import mini_engine
from mini_engine import COMMAND, GREETING, LONG, MORE, Application, ExternalPlugin, InternalPlugin

HERE = Path(__file__).resolve().parent
VECTORS = HERE.parents[1] / "spec" / "vectors"
TIMEOUT_S = 20
FAR_MS = 10**12
T = TypeVar("T")
Frames = List[bytes]
Message = Tuple[str, Any, Frames]  # of a session, as it is compared: verb, keys, events


def vectors(name: str) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads((VECTORS / name).read_text("utf-8"))["vectors"]
    return loaded


def unhex(frames: list[str]) -> Frames:
    return [bytes.fromhex(frame) for frame in frames]


class StillLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes when it is told to."""

    now_ms = 0

    def time(self) -> float:
        return self.now_ms / 1000


class Client:
    """A plain ZMTP connection."""

    def __init__(
        self, port: int, socket_type: bytes | None = b"DEALER", identity: bytes = b""
    ) -> None:
        self.inbox: list[Frames] = []
        self.alive = True
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = self.socket.makefile("rb")
        self.socket.sendall(GREETING)
        assert self.stream.read(64) == GREETING
        properties = {b"Socket-Type": socket_type, b"Identity": identity}
        ready = [
            bytes([len(name)]) + name + len(value).to_bytes(4, "big") + value
            for name, value in properties.items()
            if value is not None
        ]
        self.socket.sendall(mini_engine.command(b"READY", b"".join(ready)))
        flags, body = self.read_frame()
        assert flags == COMMAND and body.startswith(b"\x05READY")

    def read_frame(self) -> tuple[int, bytes]:
        flags = self.stream.read(1)
        if not flags:
            raise EOFError
        size = int.from_bytes(self.stream.read(8 if flags[0] & LONG else 1), "big")
        return flags[0] & ~LONG, self.stream.read(size)

    def send(self, frames: Frames) -> None:
        parts = [mini_engine.frame(MORE, frame) for frame in frames[:-1]]
        self.socket.sendall(b"".join(parts) + mini_engine.frame(0, frames[-1]))

    def settle(self) -> None:
        """Reads into the inbox what the engine has sent by now, up to its end if it has closed."""
        try:
            if self.alive:
                self.socket.sendall(mini_engine.command(b"PING", b"\0\0fence"))
        except OSError:
            pass  # it has closed: what it sent before can still be read
        frames: Frames = []
        try:
            while self.alive:
                flags, body = self.read_frame()
                if flags == COMMAND:
                    assert body == b"\x04PONGfence"
                    return
                frames.append(body)
                if not flags & MORE:
                    self.inbox.append(frames)
                    frames = []
        except (EOFError, OSError):
            self.alive = False

    def close(self) -> None:
        """Goes, and waits until the engine has seen it."""
        if self.alive:
            self.socket.shutdown(socket.SHUT_WR)
            assert self.stream.read() == b"", "nothing is unread, so only the end can come"
        self.alive = False
        self.stream.close()
        self.socket.close()


class EngineCase(unittest.TestCase):
    """A loop in a thread; `start` runs an application in it with the external plugin `p` and the
    internal plugin `other`, which sees all that is published."""

    loop: StillLoop
    thread: threading.Thread
    app: Application
    p: ExternalPlugin
    other: InternalPlugin

    @classmethod
    def setUpClass(cls) -> None:
        cls.loop = StillLoop()
        cls.thread = threading.Thread(target=cls.loop.run_forever, daemon=True)
        cls.thread.start()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.loop.call_soon_threadsafe(cls.loop.stop)
        cls.thread.join(TIMEOUT_S)
        cls.loop.close()

    def run_async(self, awaitable: Awaitable[T]) -> T:
        async def wrapped() -> T:
            return await awaitable

        return asyncio.run_coroutine_threadsafe(wrapped(), self.loop).result(TIMEOUT_S)

    def run_sync(self, function: Callable[..., T], *arguments: Any, **options: Any) -> T:
        async def call() -> T:
            return function(*arguments, **options)

        return self.run_async(call())

    def start(self, subscribe: list[bytes], ready_after_ms: int = 0, **options: Any) -> None:
        words = ("replicas", "redelivery_limit", "dead_letter", "stop_event", "source")
        of_plugin = {word: options.pop(word) for word in words if word in options}
        filters = [base64.b64encode(prefix).decode() for prefix in subscribe]
        options["plugins"] = [
            {"name": "p", "kind": "external", "subscribe": filters, **of_plugin},
            {"name": "other", "kind": "internal", "subscribe": [""]},
        ]
        self.app = self.run_sync(Application, options)
        self.run_async(self.app.start(ready_after_ms))
        p, other = self.app.plugins["p"], self.app.plugins["other"]
        assert isinstance(p, ExternalPlugin) and isinstance(other, InternalPlugin)
        self.p, self.other = p, other
        self.clients: dict[str, Client] = {}

    def end(self) -> None:
        self.assertTrue(self.run_sync(self.app.ledger)["balances"])
        if self.p.outcome:
            with self.assertRaises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", self.p.port), TIMEOUT_S)
        self.run_sync(self.app.end, "stopped")
        for client in self.clients.values():
            client.settle()
            client.close()

    def client(self, name: str) -> Client:
        if name not in self.clients:
            self.clients[name] = Client(self.p.port)
        return self.clients[name]

    def publish(self, *events: bytes) -> None:
        for event in events:
            self.run_sync(self.app.publish, self.other, event)

    def advance(self, ms: int) -> None:
        """Lets time pass, and what was due then happen."""

        async def step() -> None:
            self.loop.now_ms += ms
            for _ in range(3):  # turns of the loop: timers come last in one
                await asyncio.sleep(0)

        self.run_async(step())

    def settle(self) -> None:
        for client in self.clients.values():
            client.settle()

    def published(self) -> Frames:
        """What was published since the last call, as `other` saw it."""

        def take() -> Frames:
            events = [event.data for event in self.other.queue]
            self.app.plugins["other"].counts["discarded"] += len(events)
            self.other.queue.clear()
            return events

        return self.run_sync(take)

    def each(self, name: str, check: Callable[[dict[str, Any]], None]) -> None:
        for vector in vectors(name):
            with self.subTest(vector["id"]):
                check(vector)


class BasicProfile(EngineCase):
    def test_basic(self) -> None:
        def check(vector: dict[str, Any]) -> None:
            given, expect = vector["given"], vector["expect"]
            options = {}
            if "event_max_bytes" in given:
                options["max_event_bytes"] = given["event_max_bytes"]
            self.start([], **options)
            kind = expect["kind"]
            if kind == "next-msg":
                self.run_sync(self.queue, bytes.fromhex(expect["event"]))
            socket_type = given["socket_type"]
            client = Client(self.p.port, None if socket_type is None else socket_type.encode())
            self.clients["a"] = client
            client.send(unhex(given["frames"]))
            client.settle()
            inbox = client.inbox
            if kind == "no-envelope":  # then it is of the session profile, or of none
                self.assertEqual(len(inbox), 1)
                self.assertRegex(inbox[0][0], rb"event-engine: error code=(bad-command|no-session)")
            else:
                self.assertEqual(inbox, [unhex(expect["reply"])] if "reply" in expect else [])
            events = [bytes.fromhex(expect["event"])] if kind in ("publish", "next-msg") else []
            self.assertEqual(self.published(), events)
            self.assertEqual(bool(self.p.outcome), kind == "quit")
            refused = kind in ("bad-msg", "not-heard", "no-envelope")
            self.assertEqual(self.p.counts["refused"], int(refused))
            self.end()

        self.each("basic.json", check)

    def queue(self, event: bytes) -> None:
        self.p.filters = [b""]
        self.app.publish(self.other, event)
        self.p.filters = []

    def test_sequences(self) -> None:
        def check(vector: dict[str, Any]) -> None:
            given, expect = vector["given"], vector["expect"]
            self.start(unhex(given["filters"]), replicas=given["replicas"])
            for step in given["steps"]:
                if step["do"] == "send":
                    client = self.client(step["client"])
                    client.send(unhex(step["frames"]))
                    client.settle()  # so that the others are asked when this is dealt with
                elif step["do"] == "receive":
                    inbox = self.clients[step["client"]].inbox
                    self.assertEqual(inbox.pop(0), unhex(step["frames"]))
                elif step["do"] == "close":
                    self.clients.pop(step["client"]).close()
                else:
                    self.publish(bytes.fromhex(step["event"]))
                self.settle()
            found = {
                "queued": len(self.p.queue),
                "waiting": len(self.p.waiting),
                "finished": bool(self.p.outcome),
            }
            self.assertEqual(found, expect)
            self.assertEqual([client.inbox for client in self.clients.values() if client.inbox], [])
            self.end()

        self.each("sequences.json", check)

    def test_filters(self) -> None:
        def check(vector: dict[str, Any]) -> None:
            given = vector["given"]
            self.start(unhex(given["filters"]), allow_ambiguous_filters=True)
            self.publish(bytes.fromhex(given["event"]))
            self.assertEqual(len(self.p.queue), vector["expect"]["copies"])
            self.end()

        self.each("filters.json", check)

    def test_wire(self) -> None:
        def check(vector: dict[str, Any]) -> None:
            if vector["given"]["port"] != "plugin":
                return
            self.start([])
            sent, answers = vector["given"]["client"], unhex(vector["expect"]["engine"])
            if "/next-msg" in vector["id"]:
                body = answers[1][9:] if answers[1][0] & LONG else answers[1][2:]
                self.run_sync(self.queue, body)
            if vector["id"] == "wire/handshake":
                with socket.create_connection(("127.0.0.1", self.p.port), TIMEOUT_S) as plain:
                    for unit, answer in zip(unhex(sent), answers):
                        plain.sendall(unit)
                        self.assertEqual(plain.recv(len(answer), socket.MSG_WAITALL), answer)
            else:
                client = self.clients["a"] = Client(self.p.port, b"REQ")
                client.socket.sendall(b"".join(unhex(sent)))
                expected = b"".join(answers)
                self.assertEqual(client.stream.read(len(expected)), expected)
                client.settle()
                self.assertEqual(client.inbox, [])
            self.end()

        self.each("wire.json", check)

    def test_garbage_is_cut_and_the_port_goes_on(self) -> None:
        self.start([])
        announced = mini_engine.command(b"READY", b"") + b"\x02" + (2**62).to_bytes(8, "big")
        for garbage in (b"GET / HTTP/1.1\r\n\r\n", GREETING + b"\xff\xff", GREETING + announced):
            with socket.create_connection(("127.0.0.1", self.p.port), TIMEOUT_S) as plain:
                plain.sendall(garbage)
                while plain.recv(4096):
                    pass
        self.client("a").send([b"", b"event"])
        self.settle()
        self.assertEqual(self.clients["a"].inbox, [[b"", b"event-engine: msg published"]])
        self.assertEqual(self.published(), [b"event"])
        self.end()

    def test_half_open_connections_are_closed(self) -> None:
        self.start([])
        with socket.create_connection(("127.0.0.1", self.p.port), TIMEOUT_S) as plain:
            self.assertEqual(plain.recv(64, socket.MSG_WAITALL), GREETING)
            self.advance(10000)
            self.assertEqual(plain.recv(1), b"")
        self.end()

    def test_of_two_connections_with_one_identity_the_newer_is_served(self) -> None:
        self.start([b"e"])
        older, newer = (Client(self.p.port, b"REQ", b"name") for _ in range(2))
        self.clients = {"older": older, "newer": newer}
        newer.send([b"", b"event"])
        self.settle()
        self.assertEqual((older.alive, newer.alive), (False, True))
        self.assertEqual(newer.inbox, [[b"", b"event-engine: msg published"]])
        self.end()

    def test_a_silent_connection_is_closed_after_a_ping(self) -> None:
        self.start([], heartbeat_ms=1000)
        client = self.client("a")
        self.advance(1000)
        self.assertEqual(client.read_frame(), (COMMAND, b"\x04PING\0\0"))
        client.settle()  # sends something
        self.advance(1000)
        self.assertEqual(client.read_frame(), (COMMAND, b"\x04PING\0\0"))
        self.advance(1000)
        self.assertEqual(client.stream.read(), b"")
        client.alive = False
        self.end()

    def test_a_stop_event_comes_behind_what_is_queued(self) -> None:
        self.start([b"e"], source=True, stop_event=base64.b64encode(b"end").decode())
        self.publish(b"event")
        self.run_sync(self.app.stop)
        for event in (b"event", b"end"):
            self.client("a").send([b"", b"plugin_command: next_msg"])
            self.settle()
            self.assertEqual(self.clients["a"].inbox.pop(), [b"", event])
        self.advance(10000)
        self.assertEqual(self.p.outcome, "stopped")
        self.end()


class SessionProfile(EngineCase):
    def test_dead_letters_are_published(self) -> None:
        letter = base64.b64encode(b"dead: ").decode()
        self.start([b"e"], redelivery_limit=0, dead_letter=letter)
        self.publish(b"e1", b"e2")
        hello = f"plugin_command: hello version=1 session={32 * '0'} client=c".encode()
        for header in (hello, b"plugin_command: ready", b"plugin_command: ack seq=0 upto=9"):
            self.client("a").send([header])
        self.client("a").send([b"garbage"])
        self.settle()
        self.assertEqual(self.published(), [b"e1", b"e2", b"dead: e1", b"dead: e2"])
        self.assertEqual(self.p.counts["dead_lettered"], 2)
        self.end()

    def test_headers(self) -> None:
        def check(vector: dict[str, Any]) -> None:
            if vector["given"]["from"] != "client":
                return
            header, expect = bytes.fromhex(vector["given"]["header"]), vector["expect"]
            frames = [header, b""] if header.startswith(b"plugin_command: publish ") else [header]
            try:
                verb, keys = mini_engine.read_message(frames)
                found: dict[str, Any] = {"verb": verb, "keys": keys}
                expect["keys"] = {name: str(value) for name, value in expect["keys"].items()}
            except mini_engine.Refusal as refusal:
                found = {"error": refusal.code}
            self.assertEqual(found, expect)

        self.each("session-headers.json", check)

    def test_batches(self) -> None:
        def check(vector: dict[str, Any]) -> None:
            given, expect = vector["given"], vector["expect"]
            payload = bytes.fromhex(given["payload"]) + bytes(given.get("zeros", 0))
            count = str(given["count"]) if "count" in given else None
            try:
                found: dict[str, Any] = {
                    "events": [event.hex() for event in mini_engine.unpack(payload, count)]
                }
            except mini_engine.Refusal as refusal:
                found = {"error": refusal.code}
            self.assertEqual(found, expect)

        self.each("session-batches.json", check)

    def test_sessions(self) -> None:
        names = {"event_max_bytes": "max_event_bytes"}

        def check(vector: dict[str, Any]) -> None:
            given, expect = vector["given"], vector["expect"]
            steps = given.pop("steps")
            if any(step["do"] == "park" for step in steps):
                return
            is_open = given.pop("open", True)
            options = {names.get(name, name): value for name, value in given.items()}
            if not is_open:
                options["ready_after_ms"] = FAR_MS
            self.start([], heartbeat_ms=FAR_MS, **options)
            for number, step in enumerate(steps):
                events = self.step(step)
                self.settle()
                note = f"step {number}: {step['do']}"
                self.compare(step.get("sends", []), note)
                published = self.published()
                if "zeros" not in step:
                    self.assertEqual(published, unhex(step.get("publishes", events)), note)
            ledger = self.run_sync(self.app.ledger)["plugins"]["p"]
            found = {name: ledger[name] for name in expect if name != "finished"}
            self.assertEqual({**found, "finished": bool(self.p.outcome)}, expect)
            self.end()

        self.each("session-engine.json", check)

    def step(self, step: dict[str, Any]) -> list[str]:
        """Does a step; returns events that `other` sees although no client published them."""
        if step["do"] == "receive":
            frames = unhex(step["frames"])
            frames[-1] += bytes(step.get("zeros", 0))
            client = self.client(step["peer"])
            client.send(frames)
            client.settle()  # so that the others are asked when this is dealt with
        elif step["do"] == "gone":
            self.clients.pop(step["peer"]).close()
        elif step["do"] == "queue":
            self.p.filters = [b""]
            self.publish(*unhex(step["events"]))
            self.p.filters = []
            events: list[str] = step["events"]
            return events
        elif step["do"] == "open":
            self.run_sync(self.app.open)
        elif step["do"] == "drain":
            self.run_sync(self.app.stop)
        else:
            self.advance(step["ms"])
        return []

    def compare(self, sends: list[dict[str, Any]], note: str) -> None:
        """Compares what each client got with what a step expects; keys that it does not name are
        free, and events may be packed in any way."""
        expected: dict[str, list[Message]] = {}
        for m in sends:
            keys = {name: str(value) for name, value in m["keys"].items()}
            triple = (m["verb"], keys, unhex(m.get("events", [])))
            expected.setdefault(m["to"], []).append(triple)
        for name, client in self.clients.items():
            found = [self.read(frames) for frames in client.inbox]
            client.inbox.clear()
            for index in range(len(found) - 1, 0, -1):
                before, after = found[index - 1 : index + 1]
                marked = "redelivered" in before[1] or "redelivered" in after[1]
                if before[0] == after[0] == "events" and not marked:
                    self.assertEqual(int(after[1]["seq"]), int(before[1]["seq"]) + len(before[2]))
                    before[2].extend(found.pop(index)[2])
            wanted = expected.pop(name, [])
            for message, want in zip(found, wanted):
                if "redelivered" not in want[1]:
                    self.assertNotIn("redelivered", message[1], note)
                named = {key: value for key, value in message[1].items() if key in want[1]}
                self.assertEqual((message[0], named, message[2]), want, note)
            self.assertEqual(len(found), len(wanted), f"{note}: {found}")
        self.assertEqual(expected, {}, note)

    def read(self, frames: Frames) -> Message:
        words = frames[0].decode().split(" ")
        self.assertEqual(words[0], "event-engine:")
        pairs = [word.split("=") for word in words[2:]]
        keys = {key: unquote_to_bytes(value).decode() for key, value in pairs}
        is_events = words[1] == "events"
        events = mini_engine.unpack(frames[1], keys.pop("count", None)) if is_events else []
        return words[1], keys, events


class Adapter(unittest.TestCase):
    """The engine as a testee: a process that is told what to do."""

    def setUp(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(TIMEOUT_S)
            address = f"127.0.0.1:{listener.getsockname()[1]}"
            environment = {**os.environ, "CONFORMANCE_ADDRESS": address}
            script = str(HERE / "mini_engine.py")
            self.process = subprocess.Popen([sys.executable, script], env=environment)
            self.addCleanup(self.process.kill)
            self.socket, _ = listener.accept()
        self.socket.settimeout(TIMEOUT_S)
        self.stream = self.socket.makefile("rwb")
        self.addCleanup(self.socket.close)
        self.addCleanup(self.stream.close)
        self.number = 0

    def tell(self, op: str, **fields: Any) -> int:
        self.number += 1
        command = {"id": self.number, "op": op, **fields}
        self.stream.write(json.dumps(command).encode() + b"\n")
        self.stream.flush()
        return self.number

    def answer(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.stream.readline())
        return answer

    def do(self, op: str, **fields: Any) -> Any:
        number = self.tell(op, **fields)
        answer = self.answer()
        self.assertEqual(answer["id"], number)
        return answer.get("ok", answer.get("error", {}).get("kind"))

    def test_an_application_from_its_start_to_its_end(self) -> None:
        self.assertEqual(self.do("hello", protocol=1)["role"], "engine")
        self.assertEqual(self.do("no-such-op"), "unsupported")
        self.assertEqual(self.do("ledger"), "failed")
        data = base64.b64encode(b"up:1").decode()
        up = {"subscribe": [base64.b64encode(b"up:").decode()]}
        plugins: list[dict[str, Any]] = [
            {"name": "p", "kind": "external"},
            {"name": "i", "kind": "internal", **up},
            {"name": "j", "kind": "internal"},
        ]
        refused = {"plugins": [{**plugins[0], "queue_events": 1}]}
        self.assertEqual(self.do("start", application=refused), "unsupported")
        port = self.do("start", application={"plugins": plugins, "max_event_bytes": 9})["ports"][
            "p"
        ]
        self.assertEqual(self.do("next", plugin="i", timeout_ms=1), "timeout")
        waiting = self.tell("next", plugin="i", timeout_ms=TIMEOUT_S * 1000)
        self.tell("publish", plugin="j", data=[data])
        answers = {answer["id"]: answer["ok"] for answer in (self.answer(), self.answer())}
        self.assertEqual(answers[waiting], {"data": data, "position": 1})
        self.assertEqual(answers[waiting + 1], {"positions": [1]})
        too_long = base64.b64encode(b"0123456789").decode()
        self.assertEqual(self.do("publish", plugin="j", data=[too_long]), "failed")
        self.assertEqual(self.do("wait", timeout_ms=1), {"ended": False})
        self.assertEqual(self.do("return", plugin="i"), {})
        self.assertEqual(self.do("stop"), {})
        self.assertEqual(self.do("next", plugin="j", timeout_ms=TIMEOUT_S * 1000), "closed")
        self.assertEqual(self.do("return", plugin="j"), {})
        client = Client(port)
        client.send([b"", b"plugin_command: quit"])
        client.settle()
        client.close()
        ended = self.do("wait", timeout_ms=TIMEOUT_S * 1000)
        self.assertEqual((ended["ended"], ended["success"]), (True, True))
        self.assertEqual(ended["outcomes"], dict.fromkeys("pij", "completed"))
        self.assertEqual((ended["ledger"]["accepted"], ended["ledger"]["balances"]), (1, True))
        self.stream.close()
        self.socket.close()
        self.assertEqual(self.process.wait(TIMEOUT_S), 0)


if __name__ == "__main__":
    unittest.main()
