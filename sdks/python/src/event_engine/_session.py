"""The client's side of a session as a pure state machine: no I/O, no clock.

Whoever drives it calls the methods and sends what they leave in :attr:`Session.outbox`, in order
and on the newest connection only. The rules are those of the specification's session profile.
"""

from __future__ import annotations

import re
from collections import deque

from ._batch import pack, unpack
from ._constants import (
    ACK_BYTES,
    BATCH_TARGET_BYTES,
    CODE_NO_SESSION,
    CODE_SUPERSEDED,
    CODE_TOO_LARGE,
    EVENT_MAX_BYTES,
    GRACE_MS,
    RECEIVE_WINDOW,
    SESSION_VERSION,
    VERB_ACK,
    VERB_BYE,
    VERB_ERROR,
    VERB_EVENTS,
    VERB_HELLO,
    VERB_OK,
    VERB_PING,
    VERB_PONG,
    VERB_PUBLISH,
    VERB_PUBLISHED,
    VERB_QUIT,
    VERB_READY,
    VERB_STOP,
    VERB_WELCOME,
)
from ._errors import Closed, EventEngineError, Protocol, Rejected
from ._event import Event
from ._header import Header, HeaderError, command, parse

CONNECTING = "connecting"
"""There is no connection."""

GREETING = "greeting"
"""``hello`` is sent."""

SYNCING = "syncing"
"""``welcome`` came: publishes are taken, events come after ``ok``."""

RUNNING = "running"
"""Everything flows."""

STOPPING = "stopping"
"""The application is ending; no new events come."""

QUITTING = "quitting"
"""The caller wants to quit; ``quit`` is sent as soon as it can be."""

ENDED = "ended"
"""Nothing more happens; ``error`` says why, None after a quit or a close."""

_OPEN = (SYNCING, RUNNING)
_HOT_EVENTS = re.compile(
    rb"event-engine: events seq=([1-9][0-9]{0,17})(?: count=([1-9][0-9]{0,17}))?"
    rb"(?: order=[1-9][0-9]{0,17})?"
)
_LENGTH_BYTES = 4


class _Sent:
    """One message's worth of publishes that is not settled."""

    __slots__ = ("events", "first", "size")

    def __init__(self, first: int, events: list[bytes]) -> None:
        self.first = first
        self.events = events
        self.size = sum(map(len, events))

    @property
    def last(self) -> int:
        return self.first + len(self.events) - 1

    def message(self) -> list[bytes]:
        if len(self.events) == 1:
            return [command(VERB_PUBLISH, id=self.first), self.events[0]]
        return [command(VERB_PUBLISH, id=self.first, count=len(self.events)), pack(self.events)]

    def split(self, last: int) -> tuple[list[bytes], list[bytes]]:
        """Return the events up to the id ``last``, and those after it."""
        cut = last + 1 - self.first
        return self.events[:cut], self.events[cut:]


class Session:
    """One session. ``session`` is its id, ``client`` the name and version that it tells."""

    def __init__(self, session: str, client: str, window: int = RECEIVE_WINDOW) -> None:
        self.outbox: deque[list[bytes]] = deque()
        self.events: deque[Event] = deque()
        self.error: EventEngineError | None = None
        self.ended = False
        self.quitting = False
        self.settled = 0
        self.welcomed = False
        self.stop_reason: str | None = None
        self.grace_ms = GRACE_MS
        self.max_event_bytes = EVENT_MAX_BYTES

        self._phase = CONNECTING
        self._hello = command(VERB_HELLO, version=SESSION_VERSION, session=session, client=client)
        self._window = window
        self._ack_every = max(1, window // 4)
        self.quit_sent = False  # on this connection

        self.last: Event | None = None  # handed out, and not handled as far as we know
        self._received = 0
        self._returned = 0
        self._handled = 0
        self._handled_bytes = 0  # since the last ack
        self._acked = 0
        self._ack_at = self._ack_every
        self._upto = 0

        self._publish_window = 0
        self._publish_window_bytes = 0
        self._pending: deque[bytes] = deque()
        self._sent: deque[_Sent] = deque()
        self._sent_bytes = 0
        self._emitted = 0
        self._published = 0

    @property
    def state(self) -> str:
        """Where the session stands, in the words of the specification."""
        if self.ended:
            return ENDED
        if self.quitting:
            return QUITTING
        if self._phase == RUNNING and self.stop_reason is not None:
            return STOPPING
        return self._phase

    # ------------------------------------------------------------------ the connection

    def connected(self) -> None:
        """Begin on a new connection."""
        if not self.ended and self._phase == CONNECTING:
            self._phase = GREETING
            self.outbox.append([self._hello])

    def disconnected(self) -> None:
        """Note that the connection is gone, and what was not sent yet with it."""
        self.outbox.clear()
        self._phase = CONNECTING
        self.quit_sent = False

    def received(self, frames: list[bytes]) -> None:
        """Take a message of the engine."""
        if self.ended or self._phase == CONNECTING:
            return
        try:
            if self._phase == RUNNING and len(frames) == 2:
                hot = _HOT_EVENTS.fullmatch(frames[0])
                if hot is not None:
                    self._take_events(int(hot[1]), int(hot[2] or 0), frames[1], False)
                    return
            self._take(frames)
        except HeaderError as error:
            self._fail(Protocol, f"the engine sent what it must not: {error}")

    # ------------------------------------------------------------------ the application

    def next(self) -> Event | None:
        """Hand out the next event, if there is one; those handed out before are handled.

        Raises :class:`Closed` when there will be none any more.
        """
        last = self.last
        if last is not None:
            sequence = last.sequence
            if sequence > self._handled:
                self._handled = sequence
            self._handled_bytes += len(last)
            self.last = None
            if sequence >= self._ack_at or self._handled_bytes >= ACK_BYTES or last.redelivered:
                self._acknowledge()
        events = self.events
        if events:
            # In this order: an interrupt in between can be undone by `give_back`.
            self.last = event = events[0]
            self._returned = event.sequence
            events.popleft()
            return event
        if self._handled > self._acked:
            self._acknowledge()
        if self.ended or self.quitting or self.stop_reason is not None:
            raise self.closed()
        return None

    def give_back(self, event: Event) -> None:
        """Undo that ``event`` was handed out: it never reached the application."""
        if self.last is event:
            self.last = None
        if not (self.ended or self.quitting or (self.events and self.events[0] is event)):
            self.events.appendleft(event)

    def publish(self, events: list[bytes]) -> int:
        """Queue events for publishing and return the id of the first.

        Raises :class:`Closed` when it is too late and :class:`Rejected` when one is too large.
        """
        if self.ended or self.quitting:
            raise self.closed()
        if self.welcomed and max(map(len, events), default=0) > self.max_event_bytes:
            raise Rejected(
                f"an event of {max(map(len, events))} bytes, and the engine takes at most "
                f"{self.max_event_bytes}; nothing was sent",
                code=CODE_TOO_LARGE,
            )
        first = self._published + 1
        self._pending.extend(events)
        self._published += len(events)
        self._emit()
        return first

    def quit(self) -> None:
        """Finish: everything handed out is handled, everything published goes first.

        Raises :class:`Closed` when the session ended otherwise.
        """
        if self.quitting:
            return
        if self.ended:
            raise self.closed()
        self.quitting = True
        self._handled = max(self._handled, self._returned)
        self.last = None
        self.events.clear()
        self._acknowledge()
        self._emit()

    def close(self) -> None:
        """End without a quit: acknowledge what was handled, not the event handed out last."""
        if self.ended:
            return
        if self._handled > self._acked:
            self._acknowledge()
        self.ended = True
        self.events.clear()

    def give_up(self, message: str) -> None:
        """End the session for a reason that its driver knows."""
        self._fail(Closed, message)

    def closed(self) -> Closed:
        """Return the error of a call that comes too late."""
        if self.error is not None:
            return Closed(f"this client ended earlier: {self.error}", unsettled=self.unsettled)
        if self.ended or self.quitting:
            return Closed("this client has quit or was closed", unsettled=self.unsettled)
        return Closed(
            f"the application is stopping ({self.stop_reason}): publish what is left, then quit",
            unsettled=self.unsettled,
        )

    @property
    def greeted(self) -> bool:
        """Whether the engine has said ``welcome`` on this connection."""
        return self._phase in _OPEN

    @property
    def unsettled(self) -> range:
        """Ids published and not known to be accepted."""
        return range(self.settled + 1, self._published + 1)

    # ------------------------------------------------------------------ what the engine says

    def _take(self, frames: list[bytes]) -> None:
        header = parse(frames[0])
        verb = header.verb
        with_payload = verb in (VERB_EVENTS, VERB_ERROR)
        if len(frames) != (2 if with_payload else 1):
            raise HeaderError(f"{verb} in {len(frames)} frames")
        if verb == VERB_ERROR:
            self._take_error(header, frames[1])
        elif verb == VERB_BYE:
            self._take_bye()
        elif verb == VERB_WELCOME:
            self._take_welcome(header)
        elif self._phase == GREETING:
            raise HeaderError(f"{verb} before welcome")
        elif verb == VERB_PING:
            self.outbox.append([command(VERB_PONG)])
        elif verb == VERB_PUBLISHED:
            self._settle(header.numbers["id"])
        elif verb == VERB_OK:
            if self._phase == RUNNING:
                raise HeaderError("ok twice")
            self._phase = RUNNING
        elif verb == VERB_STOP:
            self.stop_reason = header.texts["reason"]
        elif self._phase == SYNCING:
            raise HeaderError("events before ok")
        else:
            numbers = header.numbers
            redelivered = numbers.get("redelivered") == 1
            self._take_events(numbers["seq"], numbers.get("count", 0), frames[1], redelivered)

    def _take_events(self, seq: int, count: int, payload: bytes, redelivered: bool) -> None:
        bodies = unpack(payload, count) if count else [payload]
        last = seq + len(bodies) - 1
        if seq > self._received + 1:
            raise HeaderError(f"event {seq} after event {self._received}")
        if last > self._upto:
            raise HeaderError(f"event {last}, and events up to {self._upto} were asked for")
        if last <= self._received or self.quitting:
            return
        if seq <= self._received:
            del bodies[: self._received + 1 - seq]
            seq = self._received + 1
        events = [*map(Event, bodies)]
        for event in events:
            event.sequence = seq
            seq += 1
        if redelivered:
            for event in events:
                event.redelivered = True
        self.events.extend(events)
        self._received = last

    def _take_welcome(self, header: Header) -> None:
        if self._phase != GREETING:
            raise HeaderError("welcome without hello")
        numbers = header.numbers
        if numbers["version"] != SESSION_VERSION:
            raise HeaderError(f"version {numbers['version']}")
        received = numbers["received"]
        self._publish_window = numbers["publish-window"]
        self._publish_window_bytes = numbers["publish-window-bytes"]
        self.max_event_bytes = numbers["max-event-bytes"]
        self.grace_ms = numbers["grace-ms"]
        if self.welcomed and not numbers["resumed"]:
            self._fail(
                Closed,
                "the engine no longer knows this session: it was restarted, or this client was "
                "out of reach for too long. Connect again; publish unsettled events again only if "
                "they may come twice",
            )
            return
        if not self.settled <= received <= self._emitted:
            raise HeaderError(f"welcome with received={received}")
        self.welcomed = True
        self._phase = SYNCING
        self.outbox.append([command(VERB_READY)])
        self._acknowledge()
        self._resend_after(received)
        self._emit()

    def _resend_after(self, received: int) -> None:
        """Make pending again what the engine has not taken."""
        while self._sent and self._sent[-1].last > received:
            sent = self._sent.pop()
            self._sent_bytes -= sent.size
            taken, lost = sent.split(received) if sent.first <= received else ([], sent.events)
            self._pending.extendleft(reversed(lost))
            if taken:
                self._sent.append(_Sent(sent.first, taken))
                self._sent_bytes += self._sent[-1].size
        self._emitted = received

    def _take_bye(self) -> None:
        heard = self.quit_sent or (self.quitting and self._phase == GREETING)
        if not heard:
            raise HeaderError("bye without quit")
        # The engine says bye when it has accepted everything.
        self.settled = self._published
        self.ended = True

    def _take_error(self, header: Header, text: bytes) -> None:
        code = header.texts["code"]
        words = text.decode("utf-8", "replace")
        if code in (CODE_NO_SESSION, CODE_SUPERSEDED):
            self._fail(Closed, f"the engine ended the session: {code}: {words}")
        else:
            self._fail(Rejected, f"the engine ended the session: {code}: {words}", code)

    def _settle(self, last: int) -> None:
        if last > self._emitted:
            raise HeaderError(f"published {last}, and {self._emitted} were sent")
        if last <= self.settled:
            return
        self.settled = last
        while self._sent and self._sent[0].first <= last:
            sent = self._sent.popleft()
            self._sent_bytes -= sent.size
            if sent.last > last:
                rest = _Sent(last + 1, sent.split(last)[1])
                self._sent.appendleft(rest)
                self._sent_bytes += rest.size
        self._emit()

    # ------------------------------------------------------------------ what the client says

    def _acknowledge(self) -> None:
        if self.ended or self._phase not in _OPEN:
            return
        self._upto = self._handled + self._window
        self.outbox.append([command(VERB_ACK, seq=self._handled, upto=self._upto)])
        self._acked = self._handled
        self._ack_at = self._acked + self._ack_every
        self._handled_bytes = 0

    def _emit(self) -> None:
        """Send pending publishes as the window allows, then the quit if it is wanted."""
        if self.ended or self._phase not in _OPEN:
            return
        while self._pending:
            events = self._take_batch()
            if not events:
                return
            sent = _Sent(self._emitted + 1, events)
            self._sent.append(sent)
            self._sent_bytes += sent.size
            self._emitted = sent.last
            self.outbox.append(sent.message())
        if self.quitting and not self.quit_sent:
            self.quit_sent = True
            self.outbox.append([command(VERB_QUIT)])

    def _take_batch(self) -> list[bytes]:
        """Take off what fits into one message and the window, which can be nothing."""
        pending = self._pending
        room = self._publish_window - (self._emitted - self.settled)
        room_bytes = self._publish_window_bytes - self._sent_bytes
        size = len(pending[0])
        if room < 1 or (size > room_bytes and self._sent):
            return []
        events = [pending.popleft()]
        size += _LENGTH_BYTES
        while pending and len(events) < room:
            size += len(pending[0]) + _LENGTH_BYTES
            if size > BATCH_TARGET_BYTES or size - _LENGTH_BYTES * (len(events) + 1) > room_bytes:
                break
            events.append(pending.popleft())
        return events

    def _fail(self, kind: type[EventEngineError], message: str, code: str = "") -> None:
        if self.ended:
            return
        self.ended = True
        self.outbox.clear()
        self.events.clear()
        self.last = None
        if issubclass(kind, Rejected):
            self.error = kind(message, code=code, unsettled=self.unsettled)
        else:
            self.error = kind(message, unsettled=self.unsettled)
