#!/usr/bin/env python3
"""A second engine, as small as it can be, written from spec/ alone: what it does shows that the
specification suffices, and that the first engine is not the specification.

It speaks ZMTP 3.1 (NULL) itself and needs nothing but Python 3.8. Started as a program it is a
testee of the conformance harness (conformance/adapter.md, "Commands for engines"). The README
beside it says what it leaves out.

From top to bottom: the words of the session profile, queues, sessions, external plugins,
connections (ZMTP), the application, the testee. All runs in one asyncio loop: there is no lock, and
what stands between two `await`s happens at once.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import sys
from collections import Counter, deque
from typing import Any, Callable, Dict, List
from urllib.parse import quote, unquote_to_bytes

VERSION = "0.3.0"
EVENT_MAX_BYTES = 134217728
TRANSPORT_MIN_BYTES = 134217728
ENVELOPE_MAX_FRAMES = 8
HEADER_MAX_BYTES = 1024
BATCH_TARGET_BYTES = 65536
BATCH_MAX_BYTES = 1048576
WINDOW = 16384  # events: of publishes, and in flight
WINDOW_BYTES = 16777216
SESSIONS_MAX = 1024
REDELIVERY_LIMIT = 5
HANDSHAKE_S = 10
LINGER_S = 1

Frames = List[bytes]
Keys = Dict[str, str]
Options = Dict[str, Any]  # parts of a command of the harness

# ------------------------------------------------------------- the words of the session profile

HEADER = re.compile(
    rb"plugin_command: ([a-z][a-z0-9-]*)"
    rb"((?: [a-z][a-z0-9-]*=(?:[!-$&-~]|%[0-9A-Fa-f]{2})*)*)"
)
INTEGER, POSITIVE, SESSION, TEXT = "0|[1-9][0-9]*", "[1-9][0-9]*", "[0-9a-f]{32}", "(?s:.*)"
INTEGER_MAX = 2**63 - 1
VERBS: dict[str, Keys] = {
    "hello": {"version": INTEGER, "session": SESSION, "client": TEXT},
    "ready": {},
    "ack": {"seq": INTEGER, "upto": INTEGER},
    "publish": {"id": POSITIVE, "count": POSITIVE},  # count is optional
    "pong": {},
    "quit": {},
}


class Refusal(Exception):
    """What is answered by `error`."""

    def __init__(self, code: str, text: str, **keys: object) -> None:
        super().__init__(text)
        self.code = code
        self.keys = keys


def read_message(frames: Frames) -> tuple[str, Keys]:
    """Verb and keys of a client's message, checked in the order that EE-SESSION-6 asks for."""
    fits = len(frames) <= 2 and len(frames[0]) <= HEADER_MAX_BYTES
    header = HEADER.fullmatch(frames[0]) if fits else None
    verb = header[1].decode() if header else ""
    if header is None or verb not in VERBS or len(frames) != (2 if verb == "publish" else 1):
        raise Refusal("bad-command", "this is no message of the session profile")
    pairs = [parameter.split(b"=", 1) for parameter in header[2].split(b" ")[1:]]
    keys = {k.decode(): unquote_to_bytes(v).decode("utf-8", "replace") for k, v in pairs}
    if len(keys) != len(pairs):
        raise Refusal("bad-command", "a key is given twice")
    for name, form in VERBS[verb].items():
        value = keys.get(name)
        if value is None and name == "count":
            continue
        number = form in (INTEGER, POSITIVE)
        if value is None or not re.fullmatch(form, value) or (number and int(value) > INTEGER_MAX):
            raise Refusal("bad-param", f"{verb} needs {name}, and not with the value {value}")
    return verb, {name: value for name, value in keys.items() if name in VERBS[verb]}


def message(verb: str, **keys: object) -> bytes:
    """The header of a message to a client."""
    pairs = (f" {k.replace('_', '-')}={quote(str(v), safe='/:+')}" for k, v in keys.items())
    return f"event-engine: {verb}{''.join(pairs)}".encode()


def unpack(payload: bytes, count: str | None, first: int = 1) -> Frames:
    """The events of a payload, numbered from `first`; what it announces reserves no memory."""
    if count is None:
        return [payload]
    if len(payload) > BATCH_MAX_BYTES:
        raise Refusal("too-large", f"a batch has at most {BATCH_MAX_BYTES} bytes", id=first)
    events, offset = [], 0
    while offset + 4 <= len(payload):
        end = offset + 4 + int.from_bytes(payload[offset : offset + 4], "big")
        events.append(payload[offset + 4 : end])
        offset = end
    if offset != len(payload) or len(events) != int(count):
        raise Refusal("bad-param", f"the batch does not hold {count} events", id=first)
    return events


# -------------------------------------------------------------------------------------- queues


class Failed(Exception):
    """A call of the application failed."""


class Event:
    """An accepted event on its way to one plugin."""

    def __init__(self, data: bytes, position: int) -> None:
        self.data = data
        self.position = position  # 0: a stop-event, which has none
        self.attempts = 0  # sessions that ended with it


def pack(events: list[Event]) -> bytes:
    return b"".join(len(event.data).to_bytes(4, "big") + event.data for event in events)


EQUATION = ("delivered", "handed_over", "queued", "in_flight", "shed", "discarded", "dead_lettered")
COUNTS = ("published", "matched", *EQUATION, "redelivered", "refused")


class Plugin:
    """A queue, who is subscribed to it, and the account of it."""

    def __init__(self, app: Application, options: Options) -> None:
        self.app = app
        self.name: str = options["name"]
        self.filters = [base64.b64decode(prefix) for prefix in options.get("subscribe", [])]
        self.stop_event = options.get("stop_event")
        source = options.get("source")
        self.source = not self.filters if source is None else bool(source)
        self.told = False  # to stop
        self.queue: deque[Event] = deque()
        self.counts: Counter[str] = Counter()
        self.outcome = ""  # empty: it has not finished

    def put(self, event: Event) -> None:
        self.counts["matched"] += 1
        self.queue.append(event)

    def serve(self) -> None:
        """Hands out what is queued, as far as somebody waits for it."""
        raise NotImplementedError

    def in_flight(self) -> int:
        return 0

    def rests(self) -> bool:
        """Whether nothing more comes of it of its own accord."""
        return not self.queue

    def account(self) -> dict[str, int]:
        state = {"queued": len(self.queue), "in_flight": self.in_flight()}
        return {**dict.fromkeys(COUNTS, 0), **self.counts, **state}

    def finish(self, outcome: str) -> None:
        """The plugin has ended: nobody takes anything from its queue any more."""
        self.outcome = outcome
        self.counts["discarded"] += len(self.queue)
        self.queue.clear()
        self.app.check_end()
        self.app.check_dry()


class InternalPlugin(Plugin):
    """A plugin of the application itself: whoever calls `next` is its thread."""

    def __init__(self, app: Application, options: Options) -> None:
        super().__init__(app, options)
        self.waiting: deque[asyncio.Future[Event | None]] = deque()

    def serve(self) -> None:
        while self.waiting and (self.queue or self.told):
            self.counts["delivered"] += bool(self.queue)
            self.waiting.popleft().set_result(self.queue.popleft() if self.queue else None)
        self.app.check_dry()

    async def next(self, timeout_s: float) -> Event:
        future: asyncio.Future[Event | None] = self.app.loop.create_future()
        self.waiting.append(future)
        self.serve()
        await asyncio.wait([future], timeout=timeout_s)
        if not future.done():
            self.waiting.remove(future)
            raise TimeoutError("no event in time")
        event = future.result()
        if event is None:
            raise EOFError("the application stops, or the plugin has finished")
        return event

    def finish(self, outcome: str) -> None:
        super().finish(outcome)
        for future in self.waiting:
            future.set_result(None)
        self.waiting.clear()


# ------------------------------------------------------------------------------------ sessions


class Session:
    """A session at a plugin's port. What it has sent and not heard of is `in_flight`: the events
    from `acked` + 1 on. `cursor` is the last one sent on the present connection."""

    def __init__(self, plugin: ExternalPlugin, name: str) -> None:
        self.plugin = plugin
        self.id = name
        self.in_flight: deque[Event] = deque()
        self.in_flight_bytes = 0
        self.acked = 0
        self.upto = 0
        self.received = 0
        self.connection: Connection | None = None
        self.timer: asyncio.TimerHandle | None = None  # the next ping, or the end of the grace
        self.silent_since = 0.0

    def attach(self, connection: Connection, resumed: int) -> None:
        """Says welcome on a connection, on which the handshake begins anew."""
        old, app = self.connection, self.plugin.app
        if old and old is not connection:
            old.send(message("error", code="superseded"), b"a newer connection took over")
            old.session = None
        self.connection, connection.session = connection, self
        self.ready = self.started = self.credited = self.stopped = False
        self.cursor = self.acked
        who = {"version": 1, "engine": f"mini-engine/{VERSION}", "plugin": self.plugin.name}
        state = {"resumed": resumed, "received": self.received}
        connection.send(message("welcome", **who, **state, **app.limits))
        if resumed:
            connection.send(message("published", id=self.received))
        self.silent_since = app.loop.time()
        self.set_timer(app.ping_s, self.ping)

    def set_timer(self, delay_s: float, action: Callable[..., None], *arguments: object) -> None:
        if self.timer:
            self.timer.cancel()
        self.timer = self.plugin.app.loop.call_later(delay_s, action, *arguments)

    def ping(self) -> None:
        """Pings a connection that was silent for a whole period, or sleeps for the rest of it."""
        assert self.connection
        period, now = self.plugin.app.ping_s, self.plugin.app.loop.time()
        rest = round(self.silent_since + period - now, 6)
        if rest <= 0:
            self.connection.send(message("ping"))
            self.silent_since, rest = now, period  # the next period begins
        self.set_timer(rest, self.ping)

    def start(self) -> None:
        """Says ok, once on a connection, when both sides are ready."""
        if self.connection and self.ready and not self.started and self.plugin.app.started:
            self.started = True
            self.connection.send(message("ok"))

    def ack(self, seq: int, upto: int) -> None:
        if seq > self.acked + len(self.in_flight):
            raise Refusal("bad-param", f"event {seq} was not sent")
        while self.acked < seq:
            self.acked += 1
            self.in_flight_bytes -= len(self.in_flight.popleft().data)
            self.plugin.counts["delivered"] += 1
        self.cursor = max(self.cursor, self.acked)
        self.upto = max(self.upto, upto)
        self.credited = True

    def next_event(self) -> Event | None:
        """The event that may be sent now: again after a resumption, or the next of the queue."""
        resend = self.cursor - self.acked
        if resend < len(self.in_flight):
            return self.in_flight[resend]
        if not self.plugin.queue or self.cursor >= self.upto:
            return None
        event = self.plugin.queue[0]
        if self.in_flight and (
            len(self.in_flight) == WINDOW
            or self.in_flight_bytes + len(event.data) > WINDOW_BYTES
            or event.attempts  # a redelivered event travels alone,
            or self.in_flight[0].attempts  # and nothing follows it before it is acknowledged
        ):
            return None
        return event

    def send_batch(self) -> bool:
        """Sends one message of events, if there is something to send."""
        if not (self.connection and self.started and self.credited):
            return False
        first, size = self.cursor + 1, 0
        batch: list[Event] = []
        event = self.next_event()
        while event and (not batch or size + 4 + len(event.data) <= BATCH_TARGET_BYTES):
            if self.cursor == self.acked + len(self.in_flight):
                self.in_flight.append(self.plugin.queue.popleft())
                self.in_flight_bytes += len(event.data)
            self.cursor += 1
            batch.append(event)
            size += 4 + len(event.data)
            event = self.next_event()
        if not batch:
            return False
        keys: dict[str, object] = {"seq": first}
        if len(batch) > 1:
            keys["count"] = len(batch)
        if batch[0].attempts:
            keys["redelivered"] = 1
        if batch[0].position:
            keys["order"] = batch[0].position
        payload = pack(batch) if len(batch) > 1 else batch[0].data
        self.connection.send(message("events", **keys), payload)
        return True

    def send_stop(self) -> None:
        """Says stop, once on a connection, behind the last event."""
        if self.connection and self.started and self.credited and not self.stopped:
            self.stopped = True
            self.connection.send(message("stop", reason="stopped"))

    def publish(self, first: int, count: str | None, payload: bytes) -> None:
        """Takes each event once and in order, or nothing of the message."""
        assert self.connection
        app = self.plugin.app
        events = unpack(payload, count, first)
        for number, event in enumerate(events, first):
            if len(event) > app.max_event_bytes:
                raise Refusal("too-large", f"an event of {len(event)} bytes", id=number)
        if first > self.received + 1:
            raise Refusal("bad-param", f"expected publish {self.received + 1}", id=first)
        new = events[self.received + 1 - first :]
        if len(new) > WINDOW:  # all others are accepted already
            raise Refusal("window", f"at most {WINDOW} publishes may be unanswered", id=first)
        for event in new:
            self.received += 1
            app.publish(self.plugin, event)
        if new:
            self.connection.send(message("published", id=self.received))


# ---------------------------------------------------------------------------- external plugins


class ExternalPlugin(Plugin):
    """A plugin with a port: sessions and requests of the basic profile share its queue."""

    def __init__(self, app: Application, options: Options) -> None:
        super().__init__(app, options)
        self.port: int = options.get("port", 0)
        self.replicas: int = options.get("replicas", 1)
        self.redelivery_limit: int = options.get("redelivery_limit", REDELIVERY_LIMIT)
        self.dead_letter = options.get("dead_letter")
        self.server: asyncio.AbstractServer | None = None
        self.connections: set[Connection] = set()
        self.waiting: dict[Connection, Frames] = {}  # next_msg: envelopes, first come first
        self.at_work: set[Connection] = set()  # given an event, and not heard of since
        self.sessions: dict[str, Session] = {}
        self.detached: dict[str, Session] = {}  # those without a connection, the longest first
        self.quits = 0
        self.quit_ids: set[str] = set()

    async def listen(self) -> None:
        try:
            self.server = await self.app.loop.create_server(
                lambda: Connection(self), "127.0.0.1", self.port
            )
        except (OSError, OverflowError) as error:
            raise Failed(f"plugin {self.name}: cannot bind port {self.port}: {error}") from error
        self.port = self.server.sockets[0].getsockname()[1]

    def serve(self) -> None:
        while self.queue and self.waiting:
            connection = next(iter(self.waiting))
            self.counts["handed_over"] += 1
            self.at_work.add(connection)
            connection.send(*self.waiting.pop(connection), self.queue.popleft().data)
        while sum(session.send_batch() for session in self.sessions.values()):
            pass  # one message each in turn, so that sessions share
        if self.told and not self.queue:
            for session in self.sessions.values():
                session.send_stop()

    def in_flight(self) -> int:
        return sum(len(session.in_flight) for session in self.sessions.values())

    def rests(self) -> bool:
        ready = all(
            session.connection and session.started and session.credited
            for session in self.sessions.values()
        )
        somebody = bool(self.sessions or self.waiting)
        return somebody and ready and not (self.queue or self.in_flight() or self.at_work)

    def heard(self, connection: Connection, frames: Frames) -> None:
        """A whole message came."""
        if connection.session:
            connection.session.silent_since = self.app.loop.time()
        if connection.socket_type not in (b"REQ", b"DEALER"):
            self.counts["refused"] += 1
            return
        for index, frame in enumerate(frames[: min(ENVELOPE_MAX_FRAMES, len(frames) - 1)]):
            if not frame:
                self.request(connection, frames[: index + 1], frames[index + 1 :])
                break
        else:
            self.session_message(connection, frames)
        self.app.check_dry()

    # The basic profile

    def request(self, connection: Connection, envelope: Frames, body: Frames) -> None:
        self.waiting.pop(connection, None)  # a newer request replaces a waiting one
        if body == [b"plugin_command: next_msg"]:
            self.at_work.discard(connection)
            self.waiting[connection] = envelope
            self.serve()
        elif body == [b"plugin_command: quit"]:
            self.at_work.discard(connection)
            self.quit()
        elif (
            len(body) > 1
            or body[0].startswith(b"plugin_command: ")
            or len(body[0]) > self.app.max_event_bytes
        ):
            self.counts["refused"] += 1
            connection.send(*envelope, b"event-engine: bad msg")
        else:
            self.app.publish(self, body[0])
            connection.send(*envelope, b"event-engine: msg published")

    def quit(self) -> None:
        self.quits += 1
        if self.quits == self.replicas:
            self.finish("completed")

    # The session profile

    def session_message(self, connection: Connection, frames: Frames) -> None:
        try:
            verb, keys = read_message(frames)
            session = connection.session
            if verb == "hello":
                self.hello(connection, int(keys["version"]), keys["session"])
            elif session is None:
                raise Refusal("no-session", "there is no session on this connection")
            elif verb == "ready":
                session.ready = True
                session.start()
            elif verb == "ack":
                session.ack(int(keys["seq"]), int(keys["upto"]))
            elif verb == "publish":
                session.publish(int(keys["id"]), keys.get("count"), frames[1])
            elif verb == "quit":
                connection.send(message("bye"))
                self.quit_ids.add(session.id)
                self.end(session, attempts=0)
                self.quit()
        except Refusal as refusal:
            self.counts["refused"] += 1
            connection.send(
                message("error", code=refusal.code, **refusal.keys), str(refusal).encode()
            )
            if connection.session:
                self.end(connection.session)
        self.serve()

    def hello(self, connection: Connection, version: int, name: str) -> None:
        if version < 1:
            raise Refusal("unsupported-version", "this engine speaks version 1", versions=1)
        if connection.session and connection.session.id != name:
            raise Refusal("bad-param", "there is another session on this connection")
        if name in self.quit_ids:
            connection.send(message("bye"))
            return
        session = self.sessions.get(name)
        if session:
            self.detached.pop(name, None)
            session.attach(connection, resumed=1)
            return
        live, known = len(self.sessions) - len(self.detached), len(self.sessions)
        if max(live + 1, min(known + 1, self.replicas)) > SESSIONS_MAX:  # `trim` ends the others
            raise Refusal("not-allowed", f"a port takes {SESSIONS_MAX} sessions")
        session = self.sessions[name] = Session(self, name)
        session.attach(connection, resumed=0)
        self.trim()

    def trim(self) -> None:
        """Ends sessions without a connection while there are more than replicas."""
        while self.detached and len(self.sessions) > self.replicas:
            self.end(next(iter(self.detached.values())))

    def end(self, session: Session, attempts: int = 1) -> None:
        """A session is over: what it had not acknowledged goes back to the head of the queue."""
        del self.sessions[session.id]
        self.detached.pop(session.id, None)
        if session.timer:
            session.timer.cancel()
        if session.connection:
            session.connection.session = None
        dead = []
        for event in reversed(session.in_flight):
            event.attempts += attempts
            if event.attempts > self.redelivery_limit:
                dead.append(event)
            else:
                self.counts["redelivered"] += attempts
                self.queue.appendleft(event)
        self.counts["dead_lettered"] += len(dead)
        if self.dead_letter is not None:
            for event in reversed(dead):
                self.app.publish(self, base64.b64decode(self.dead_letter) + event.data)

    def gone(self, connection: Connection) -> None:
        """A connection is lost: its request is cancelled, its session waits for another."""
        self.connections.discard(connection)
        self.at_work.discard(connection)
        self.waiting.pop(connection, None)
        session, connection.session = connection.session, None
        if session:
            session.connection = None
            self.detached[session.id] = session
            session.set_timer(self.app.grace_s, self.grace_over, session)
            self.trim()
            self.serve()
        self.app.check_dry()

    def grace_over(self, session: Session) -> None:
        self.end(session)
        self.serve()
        self.app.check_dry()

    def finish(self, outcome: str) -> None:
        """Closes the port; what is queued or in flight is discarded."""
        for session in list(self.sessions.values()):
            self.end(session, attempts=0)
        if self.server:
            self.server.close()
        for connection in list(self.connections):
            connection.close()
        self.waiting.clear()
        super().finish(outcome)


# -------------------------------------------------------------------------------- connections

GREETING = b"\xff" + bytes(7) + b"\x01\x7f\x03\x01" + b"NULL".ljust(20, b"\0") + bytes(32)
MORE, LONG, COMMAND = 1, 2, 4  # flags of a frame


def frame(flags: int, body: bytes) -> bytes:
    if len(body) > 255:
        return bytes([flags | LONG]) + len(body).to_bytes(8, "big") + body
    return bytes([flags, len(body)]) + body


def command(name: bytes, data: bytes) -> bytes:
    return frame(COMMAND, bytes([len(name)]) + name + data)


class Malformed(Exception):
    """This is no ZMTP 3 conversation."""


class Connection(asyncio.Protocol):
    """One connection of a plugin's port: ZMTP 3.1 with the mechanism NULL, as a ROUTER."""

    transport: asyncio.Transport

    def __init__(self, plugin: ExternalPlugin) -> None:
        self.plugin = plugin
        self.loop = plugin.app.loop
        self.buffer = bytearray()
        self.frames: Frames = []  # of the message that is under way
        self.size = 0  # of these frames
        self.greeted = self.handshaken = self.closed = False
        self.socket_type: bytes | None = None
        self.identity = b""
        self.session: Session | None = None
        self.silent = False  # since the last PING

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.timer = self.loop.call_later(HANDSHAKE_S, self.close)
        self.plugin.connections.add(self)
        self.write(GREETING)
        if self.plugin.outcome:  # it finished while this connection was made
            self.close()

    def data_received(self, data: bytes) -> None:
        self.silent = False
        self.buffer += data
        try:
            while not self.closed and self.take_unit():
                pass
        except Malformed:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.close()

    def pause_writing(self) -> None:  # who does not read is not read from
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self.transport.resume_reading()

    def write(self, data: bytes) -> None:
        if not self.transport.is_closing():  # broken: `connection_lost` is about to be called
            self.transport.write(data)

    def send(self, *frames: bytes) -> None:
        """Sends a message."""
        parts = [frame(MORE, body) for body in frames[:-1]]
        self.write(b"".join(parts) + frame(0, frames[-1]))

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.timer.cancel()
            self.transport.close()  # sends what is unsent, but not for ever
            self.loop.call_later(LINGER_S, self.transport.abort)
            self.plugin.gone(self)

    def take_unit(self) -> bool:
        """Takes a greeting, a command or a frame from the buffer, if it is there as a whole."""
        if not self.greeted:
            return self.take_greeting()
        flags = self.buffer[0] if self.buffer else 0
        start = 9 if flags & LONG else 2
        size = int.from_bytes(self.buffer[1:start], "big")
        if flags not in (0, 1, 2, 3, 4, 6):
            raise Malformed
        if len(self.buffer) < start:
            return False
        limit = self.plugin.app.transport_limit
        if size > limit or self.size + size > 2 * limit:  # of a frame, and of a message of many
            raise Malformed
        if len(self.buffer) < start + size:
            return False
        body = bytes(self.buffer[start : start + size])
        del self.buffer[: start + size]
        if flags & COMMAND and body:
            self.take_command(body[1 : 1 + body[0]], body[1 + body[0] :])
        elif flags & COMMAND or not self.handshaken:
            raise Malformed
        else:
            self.frames.append(body)
            self.size += start + size
            if not flags & MORE:
                frames, self.frames, self.size = self.frames, [], 0
                self.plugin.heard(self, frames)
        return True

    def take_greeting(self) -> bool:
        """Signature, version 3 or later, the mechanism NULL; padding may be anything."""
        greeting = bytes(self.buffer[:64])
        if not greeting.startswith(b"\xff"):
            raise Malformed
        if len(greeting) < 64:
            return False
        if not greeting[9] & 1 or greeting[10] < 3 or greeting[12:32] != GREETING[12:32]:
            raise Malformed
        del self.buffer[:64]
        self.greeted = True
        socket_type, identity = b"\x0bSocket-Type\0\0\0\x06ROUTER", b"\x08Identity\0\0\0\0"
        self.write(command(b"READY", socket_type + identity))
        return True

    def take_command(self, name: bytes, data: bytes) -> None:
        if name == b"READY" and not self.handshaken:
            self.take_ready(data)
        elif name == b"ERROR" or not self.handshaken:
            raise Malformed
        elif name == b"PING":
            self.write(command(b"PONG", data[2:]))  # without the time to live

    def take_ready(self, data: bytes) -> None:
        properties, offset = {}, 0
        while offset < len(data):
            value_at = offset + 1 + data[offset] + 4
            end = value_at + int.from_bytes(data[value_at - 4 : value_at], "big")
            properties[data[offset + 1 : value_at - 4].lower()] = data[value_at:end]
            offset = end
        if offset != len(data):
            raise Malformed
        self.handshaken = True
        self.socket_type = properties.get(b"socket-type")
        self.identity = properties.get(b"identity", b"")
        for other in list(self.plugin.connections):
            if other is not self and self.identity and other.identity == self.identity:
                other.close()  # the newer one of that name is served
        self.timer.cancel()
        self.timer = self.loop.call_later(self.plugin.app.heartbeat_s, self.heartbeat)

    def heartbeat(self) -> None:
        """Closes a connection from which nothing came since the last PING, or sends the next."""
        if self.silent:
            self.close()
            return
        self.silent = True
        self.write(command(b"PING", b"\0\0"))
        self.timer = self.loop.call_later(self.plugin.app.heartbeat_s, self.heartbeat)


# ----------------------------------------------------------------------------- the application


class Application:
    """The plugins, the one order of their events, and the way from the start to the end."""

    def __init__(self, options: Options) -> None:
        self.loop = asyncio.get_running_loop()
        self.max_event_bytes: int = options.get("max_event_bytes", EVENT_MAX_BYTES)
        self.transport_limit = max(2 * self.max_event_bytes, TRANSPORT_MIN_BYTES)
        self.ping_s = options.get("ping_ms", 30000) / 1000
        self.grace_s = options.get("grace_ms", 60000) / 1000
        self.heartbeat_s = options.get("heartbeat_ms", 60000) / 1000
        self.stop_within_s = options.get("stop_within_ms", 10000) / 1000
        self.limits = {  # for `welcome`
            "max_event_bytes": self.max_event_bytes,
            "publish_window": WINDOW,
            "publish_window_bytes": WINDOW_BYTES,
            "ping_ms": round(self.ping_s * 1000),
            "grace_ms": round(self.grace_s * 1000),
        }
        self.accepted = self.unmatched = 0
        self.started = self.stopping = self.late = False
        self.start_event, self.end_event = asyncio.Event(), asyncio.Event()
        kinds = {"internal": InternalPlugin, "external": ExternalPlugin}
        self.plugins: dict[str, Plugin] = {
            plugin["name"]: kinds[plugin["kind"]](self, plugin) for plugin in options["plugins"]
        }

    async def start(self, ready_after_ms: int = 0) -> None:
        """Opens the ports; the barrier opens when the last internal plugin is ready."""
        try:
            for plugin in self.plugins.values():
                if isinstance(plugin, ExternalPlugin):
                    await plugin.listen()
        except Failed:
            self.end("stopped")
            raise
        if ready_after_ms:
            self.loop.call_later(ready_after_ms / 1000, self.open)
        else:
            self.open()
        self.check_end()

    def open(self) -> None:
        """Opens the start barrier."""
        self.started = True
        self.start_event.set()
        for plugin in self.plugins.values():
            if isinstance(plugin, ExternalPlugin):
                for session in plugin.sessions.values():
                    session.start()
                plugin.serve()

    def publish(self, publisher: Plugin, data: bytes) -> int:
        """Accepts an event: gives it its position and puts it into every matching queue."""
        self.accepted += 1
        publisher.counts["published"] += 1
        position = self.accepted  # serving a queue may publish more: dead letters
        readers = [
            plugin
            for plugin in self.plugins.values()
            if not plugin.outcome and any(data.startswith(prefix) for prefix in plugin.filters)
        ]
        self.unmatched += not readers
        for plugin in readers:
            plugin.put(Event(data, position))
        for plugin in readers:
            plugin.serve()
        return position

    def stop(self) -> None:
        """Begins the end: sources are told, and the others when everything has drained."""
        if self.stopping:
            return
        self.stopping = True
        self.tell([plugin for plugin in self.plugins.values() if plugin.source])
        self.loop.call_later(self.stop_within_s / 2, self.sources_late)
        self.loop.call_later(self.stop_within_s * 3 / 4, self.tell_all)
        self.loop.call_later(self.stop_within_s, self.end, "unfinished")
        self.check_dry()

    def tell(self, plugins: list[Plugin]) -> None:
        """Tells plugins to stop that were not told; each then gets what is queued."""
        for plugin in plugins:
            if plugin.told or plugin.outcome:
                continue
            plugin.told = True
            if plugin.stop_event is not None:
                plugin.put(Event(base64.b64decode(plugin.stop_event), 0))
            plugin.serve()

    def tell_all(self) -> None:
        self.tell(list(self.plugins.values()))

    def sources_late(self) -> None:
        """Sources that have not ended are waited for no longer."""
        self.late = True
        self.check_dry()

    def check_dry(self) -> None:
        """Tells everybody to stop, if the application was stopped and has run dry."""
        if not self.stopping or all(plugin.told for plugin in self.plugins.values()):
            return
        for plugin in self.plugins.values():
            if not plugin.outcome and not (self.late if plugin.source else plugin.rests()):
                return
        self.tell_all()

    def end(self, internal: str) -> None:
        """Ends all that is left."""
        for plugin in self.plugins.values():
            if not plugin.outcome:
                plugin.finish("stopped" if isinstance(plugin, ExternalPlugin) else internal)

    def check_end(self) -> None:
        if all(plugin.outcome for plugin in self.plugins.values()):
            self.end_event.set()

    def ledger(self) -> Options:
        """The account of every event."""
        plugins = {plugin.name: plugin.account() for plugin in self.plugins.values()}
        balances = self.accepted == sum(account["published"] for account in plugins.values())
        for account in plugins.values():
            balances &= account["matched"] == sum(account[word] for word in EQUATION)
        totals = {"accepted": self.accepted, "unmatched": self.unmatched, "parked": 0}
        return {"plugins": plugins, "balances": balances, **totals}


# ----------------------------------------------------------------------------------- the testee

FEATURES = ["internal", "ledger", "stop", "event-limit", "sessions", "heartbeat", "replicas"]
FEATURES += ["stop-event", "concurrent"]
UNSUPPORTED = ["bus", "publish_port", "subscribe_port", "bind", "environment", "api"]
UNSUPPORTED += ["until_done", "wait_for_external_ms", "queue_events", "queue_bytes", "overflow"]
DEFAULTS = (None, False, "own", "wait")


class Unsupported(Exception):
    """There is no such command here, or no such option."""


KINDS = {Unsupported: "unsupported", Failed: "failed", TimeoutError: "timeout", EOFError: "closed"}


class Testee:
    """Carries out the harness's commands, each in a task of its own."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.app: Application | None = None

    async def answer(self, line: bytes) -> None:
        command = json.loads(line)
        answer: Options = {"id": command["id"]}
        try:
            answer["ok"] = await self.carry_out(command["op"], command) or {}
        except Exception as error:
            kind = KINDS.get(type(error), "other")
            answer["error"] = {"kind": kind, "text": str(error) or repr(error)}
        self.writer.write(json.dumps(answer).encode() + b"\n")

    async def carry_out(self, op: str, command: Options) -> Options | None:
        if op == "hello":
            return {
                "name": "mini-engine",
                "version": VERSION,
                "role": "engine",
                "language": f"python{sys.version_info[0]}.{sys.version_info[1]}",
                "profiles": ["basic", "session"],
                "features": FEATURES,
            }
        if op == "start":
            return await self.start(command["application"])
        if op not in ("publish", "next", "return", "started", "ledger", "stop", "wait"):
            raise Unsupported(f"there is no {op}")
        if not self.app:
            raise Failed("no application was started")
        if "plugin" in command:
            return await self.of_plugin(op, self.app.plugins.get(command["plugin"]), command)
        if op == "stop":
            self.app.stop()
        if op == "wait":
            return await self.wait(self.app, command["timeout_ms"] / 1000)
        return self.app.ledger() if op == "ledger" else None

    async def start(self, options: Options) -> Options:
        for given in (options, *options["plugins"]):
            for word in UNSUPPORTED:
                if given.get(word) not in DEFAULTS:
                    raise Unsupported(f"this engine does not know {word}")
        if self.app:
            self.app.end("stopped")
        self.app = Application(options)
        await self.app.start(max([0, *(p.get("ready_after_ms", 0) for p in options["plugins"])]))
        plugins = self.app.plugins.values()
        return {"ports": {p.name: p.port for p in plugins if isinstance(p, ExternalPlugin)}}

    async def of_plugin(self, op: str, plugin: Plugin | None, command: Options) -> Options | None:
        """What a plugin of the application itself does, once it runs."""
        if not isinstance(plugin, InternalPlugin):
            raise Failed("there is no internal plugin of that name")
        app = plugin.app
        if op == "started":
            return {"started": app.started}
        await app.start_event.wait()
        if plugin.outcome:
            raise Failed(f"{plugin.name} has finished: {plugin.outcome}")
        if op == "publish":
            events = [base64.b64decode(data) for data in command["data"]]
            if any(len(event) > app.max_event_bytes for event in events):
                raise Failed(f"an event has at most {app.max_event_bytes} bytes")
            return {"positions": [app.publish(plugin, event) for event in events]}
        if op == "next":
            event = await plugin.next(command["timeout_ms"] / 1000)
            position = {"position": event.position} if event.position else {}
            return {"data": base64.b64encode(event.data).decode(), **position}
        plugin.finish("completed")
        return None

    async def wait(self, app: Application, timeout_s: float) -> Options:
        try:
            await asyncio.wait_for(app.end_event.wait(), timeout_s)
        except asyncio.TimeoutError:
            return {"ended": False}
        outcomes = {plugin.name: plugin.outcome for plugin in app.plugins.values()}
        answer = {"ended": True, "outcomes": outcomes, "ledger": app.ledger()}
        late = [name for name, outcome in outcomes.items() if outcome == "unfinished"]
        error = {"error": f"not ended in time: {', '.join(late)}"} if late else {}
        return {**answer, "success": not late, **error}


async def main() -> None:
    host, port = os.environ["CONFORMANCE_ADDRESS"].rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host, int(port), limit=2**26)
    testee = Testee(writer)
    tasks = set()  # a task that nobody refers to may be collected
    while True:
        line = await reader.readline()
        if not line:
            return
        task = asyncio.ensure_future(testee.answer(line))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


if __name__ == "__main__":
    asyncio.run(main())
