"""The basic profile: requests and replies on two connections, so that none waits for another.

There are no acknowledgements here. A request that was not answered is owed: it is not sent again
while its connection lives, and its answer goes to whoever asks next.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable
from typing import Any

import zmq

from ._constants import (
    BAD_MSG,
    CODE_BAD_COMMAND,
    COMMAND_PREFIX,
    LINGER_MS,
    MSG_PUBLISHED,
    NEXT_MSG,
    QUIT,
)
from ._errors import Closed, EventEngineError, Protocol, Rejected, Transport
from ._event import Event
from ._line import Line
from ._link import Link, Ticket

_PIPELINED = 256  # far below what an engine takes from one connection, 1000


class BasicLink(Link):
    """The basic profile. ``pipelined``: publishes need not wait for the reply to the one before."""

    profile = "basic"

    def __init__(
        self,
        context: zmq.Context[Any],
        endpoint: str,
        heartbeat_ms: int,
        patience_s: float,
        pipelined: bool,
    ) -> None:
        self._new: Callable[[bool], Line] = lambda patient: Line(
            context, endpoint, heartbeat_ms, patient=patient
        )
        # zmq reconnects: an event that has come must outlive the connection that brought it.
        self._reading = self._new(True)
        self._publishing: Line | None = None
        self._patience_s = patience_s
        self._at_once = _PIPELINED if pipelined else 1

        self.source = self
        self.last: Event | None = None
        self.events: deque[Event] = deque()
        self._owed = False
        self.outbox: list[list[bytes]] = []  # holds the request that is owed and not yet sent
        self._down_since: float | None = None

        self._pending: deque[bytes] = deque()
        self._unanswered = 0
        self._settled = 0
        self._published = 0
        self._tickets: deque[Ticket] = deque()

        self._error: EventEngineError | None = None
        self._connected = False
        self._quitting = False
        self._quit_sent = False
        self._closed = False

    @property
    def generation(self) -> int:
        other = self._publishing
        return self._reading.generation + (1 + other.generation if other is not None else 0)

    @property
    def fds(self) -> list[int]:
        other = self._publishing
        return self._reading.fds + (other.fds if other is not None else [])

    @property
    def due(self) -> float | None:
        dues = [self._reading.due]
        if self._publishing is not None:
            dues.append(self._publishing.due)
        if self._down_since is not None:
            dues.append(self._down_since + self._patience_s)
        return min((due for due in dues if due is not None), default=None)

    @property
    def ready(self) -> bool:
        if self._error is not None:
            raise self.failure(True)
        return self._connected

    def io(self, now: float) -> None:
        if self._ended:
            return
        self._read()
        while (change := self._reading.tend(now)) is not None:
            self.progress += 1
            if change:
                self._connected = True
                self._down_since = None
                # What the broken connection brought is there by now; what it owed is asked again.
                self._read()
                self.outbox = [[b"", NEXT_MSG]] if self._owed else []
            elif self._down_since is None:
                self._down_since = now
        self._read()
        if self._publishing is not None:
            self._settle()
            while (change := self._publishing.tend(now)) is not None:
                self.progress += 1
                if not change:
                    self._lose_publishes()
            self._settle()
        if self._down_since is not None and now >= self._down_since + self._patience_s:
            self._fail(Closed, f"the engine at {self._reading.endpoint} is gone")

    def push(self) -> None:
        if self._ended:
            return
        self._read()
        self._settle()

    def next(self) -> Event | None:
        if self.events:
            # In this order: an interrupt in between can be undone by `give_back`.
            self.last = event = self.events[0]
            self.events.popleft()
            return event
        self.last = None
        if self._ended or self._quitting:
            raise Closed("this client has quit or was closed", unsettled=self.unsettled)
        if not self._owed:
            self._owed = True
            self.outbox.append([b"", NEXT_MSG])
        return None

    @property
    def readable(self) -> bool:
        # Not owed: another took the event that was asked for, and this caller has to ask again.
        return bool(self.events) or not self._owed or self._ended or self._quitting

    def give_back(self, event: Event) -> None:
        if not (self.events and self.events[0] is event):
            self.events.appendleft(event)

    def publish(self, events: list[bytes]) -> Ticket:
        if self._ended or self._quitting:
            raise self.failure(False)
        for event in events:
            if event.startswith(COMMAND_PREFIX):
                raise Rejected(
                    f"in the basic profile an event must not begin with {COMMAND_PREFIX!r}; "
                    "nothing was sent",
                    code=CODE_BAD_COMMAND,
                )
        ticket = Ticket(self._published + 1, self._published + len(events))
        self._pending.extend(events)
        self._published = ticket.last
        if events:
            self._tickets.append(ticket)
        if self._publishing is None:
            self._publishing = self._new(False)
            self.progress += 1  # whoever waits has one more connection to watch
        self._settle()
        return ticket

    def settled(self, ticket: Ticket) -> bool:
        if ticket.error is not None and self._settled >= ticket.last:
            raise copy.copy(ticket.error)
        if self._settled >= ticket.last:
            return True
        if self._ended:
            raise self.failure(True)
        return False

    def forget(self, ticket: Ticket) -> range:
        return range(max(ticket.first, self._settled + 1), ticket.last + 1)

    def quit(self) -> None:
        if self._quitting:
            return
        if self._error is not None or self._closed:
            raise self.failure(False)
        self._quitting = True
        self.progress += 1
        self._try_quit()

    @property
    def has_quit(self) -> bool:
        if self._error is not None:
            raise self.failure(True)
        return self._quit_sent

    def close(self) -> bool:
        if self._closed:
            return False
        self._closed = True
        self.progress += 1
        self._shut(LINGER_MS if self._quit_sent else 0)
        return self._quit_sent

    @property
    def finished(self) -> bool:
        return self._error is None and (self._closed or self._quitting)

    @property
    def stopping(self) -> bool:
        return self._ended or self._quitting

    @property
    def unsettled(self) -> range:
        return range(self._settled + 1, self._published + 1)

    @property
    def error(self) -> EventEngineError | None:
        return self._error

    @property
    def _ended(self) -> bool:
        return self._closed or self._error is not None

    def _read(self) -> None:
        """Take what came on the connection for events, and ask for more if it is wanted."""
        if self.outbox and self._reading.up and self._reading.send(self.outbox[0]):
            self.outbox.clear()
        while (frames := self._reading.receive()) is not None:
            self.progress += 1
            if len(frames) != 2 or frames[0]:
                self._fail(Protocol, f"the engine sent {len(frames)} frames for an event")
                return
            self._owed = False
            self.outbox.clear()
            self.events.append(Event(frames[1]))

    def _settle(self) -> None:
        """Take replies to publishes, and publish on."""
        line = self._publishing
        if line is None:
            return
        while True:
            while (frames := line.receive()) is not None:
                self.progress += 1
                self._take_reply(frames)
                if self._ended:
                    return
            if not line.up or not self._pending or self._unanswered >= self._at_once:
                break
            while self._pending and self._unanswered < self._at_once:
                if not line.send([b"", self._pending[0]]):
                    return
                self._pending.popleft()
                self._unanswered += 1
        if self._quitting:
            self._try_quit()

    def _take_reply(self, frames: list[bytes]) -> None:
        if len(frames) != 2 or frames[0] or frames[1] not in (MSG_PUBLISHED, BAD_MSG):
            self._fail(Protocol, f"the engine answered a publish with {frames[-1][:60]!r}")
            return
        if not self._unanswered:
            self._fail(Protocol, "the engine answered a publish that was never sent")
            return
        ticket = self._tickets[0]
        self._settled += 1
        self._unanswered -= 1
        if frames[1] == BAD_MSG:
            first = ticket.error.unsettled.start if ticket.error is not None else self._settled
            ticket.error = Rejected(
                "the engine refused the event: most likely it is too large",
                code="bad-msg",
                unsettled=range(first, self._settled + 1),
            )
        if self._settled >= ticket.last:
            self._tickets.popleft()

    def _lose_publishes(self) -> None:
        """Fail the unanswered publishes: nobody can know what became of them."""
        while self._unanswered:
            ticket = self._tickets.popleft()
            rest = range(self._settled + 1, ticket.last + 1)
            sent = min(self._unanswered, len(rest))
            for _ in range(len(rest) - sent):
                self._pending.popleft()
            self._unanswered -= sent
            self._settled = ticket.last
            ticket.error = Transport(
                "the connection broke before the engine answered: it may or may not have taken "
                f"the events {rest.start} to {rest.stop - 1}",
                unsettled=rest,
            )

    def _try_quit(self) -> None:
        """Send the quit once every publish is answered."""
        if self._quit_sent or self._tickets:
            return
        self._quit_sent = True
        line = self._reading
        if self._owed:
            # Giving the connection up cancels the request, so it takes no event any more.
            line.close()
            line = self._publishing if self._publishing is not None else self._new(True)
            if self._publishing is None:
                line.tend(0.0)
                self._publishing = line
        line.send([b"", QUIT])

    def _fail(self, kind: type[EventEngineError], message: str) -> None:
        self._error = kind(message, unsettled=self.unsettled)
        self.progress += 1
        self._shut(0)

    def _shut(self, linger_ms: int) -> None:
        self._reading.close(linger_ms)
        if self._publishing is not None:
            self._publishing.close(linger_ms)
