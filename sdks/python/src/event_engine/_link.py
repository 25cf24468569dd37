"""What drives a client's connections, whichever way the client waits.

A link never blocks. Its client calls :meth:`Link.io` when one of :attr:`Link.fds` is readable or
:attr:`Link.due` has come, and :meth:`Link.push` after it asked for something; afterwards it looks
whether what it waits for is there.
"""

from __future__ import annotations

import copy
import secrets
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sized
from typing import Any, Protocol

import zmq

from . import _session
from ._constants import LINGER_MS, VERSION
from ._errors import Closed, EventEngineError
from ._event import Event
from ._line import Line
from ._session import Session


class Ticket:
    """A publish under way: the ids of its events."""

    __slots__ = ("error", "first", "last")

    def __init__(self, first: int, last: int) -> None:
        self.first = first
        self.last = last
        self.error: EventEngineError | None = None


class Source(Protocol):
    """Hands out events, without I/O."""

    events: deque[Event]
    """What can be handed out at once."""

    last: Event | None
    """The event handed out last, as long as it is not handled."""

    @property
    def outbox(self) -> Sized:
        """What waits to be sent, by :meth:`Link.push`."""

    def next(self) -> Event | None:
        """Hand out the next event or ask for it; raise Closed when there will be none."""

    def give_back(self, event: Event) -> None:
        """Undo that an event was handed out."""


class Link(ABC):
    """One client's way to its engine. The attributes are for reading."""

    profile: str
    source: Source
    """Where events are handed out."""

    progress: int = 0
    """Grows with every message that comes and whenever something ends."""

    _told = False

    @property
    @abstractmethod
    def generation(self) -> int:
        """Changes with :attr:`fds`."""

    @property
    @abstractmethod
    def fds(self) -> list[int]:
        """Descriptors; when one becomes readable there is something to do."""

    @property
    @abstractmethod
    def due(self) -> float | None:
        """When there is something to do in any case, on the monotonic clock."""

    @property
    @abstractmethod
    def ready(self) -> bool:
        """Whether connecting is done. Raises why it never will be."""

    @abstractmethod
    def io(self, now: float) -> None:
        """Receive, send, connect: everything that can be done now."""

    @abstractmethod
    def push(self) -> None:
        """Send what is to be sent and receive what is there."""

    @property
    @abstractmethod
    def readable(self) -> bool:
        """Whether the source would hand out an event or raise."""

    @abstractmethod
    def publish(self, events: list[bytes]) -> Ticket:
        """Begin to publish. Raises when it cannot even begin."""

    @abstractmethod
    def settled(self, ticket: Ticket) -> bool:
        """Whether all of a publish was accepted. Raises when it will not be."""

    @abstractmethod
    def forget(self, ticket: Ticket) -> range:
        """Say which ids of a publish that nobody waits for any more are unsettled."""

    @abstractmethod
    def quit(self) -> None:
        """Begin to quit."""

    @property
    @abstractmethod
    def has_quit(self) -> bool:
        """Whether the engine knows of the quit, as far as the profile can tell."""

    @abstractmethod
    def close(self) -> bool:
        """Close everything; say whether messages may be left that can still be sent."""

    @property
    @abstractmethod
    def finished(self) -> bool:
        """Whether it ended as it should: the application stops, or this client quit or closed."""

    @property
    @abstractmethod
    def stopping(self) -> bool:
        """Whether the application is ending, or this client is at its end."""

    @property
    @abstractmethod
    def unsettled(self) -> range:
        """Ids published and not known to be accepted."""

    @property
    @abstractmethod
    def error(self) -> EventEngineError | None:
        """Why it has ended, if that was an error."""

    def no_more(self, closed: Closed, waited: bool) -> EventEngineError:
        """Return what a call has to raise when the source says ``closed``."""
        return closed if self.error is None else self.failure(waited)

    def failure(self, waited: bool) -> EventEngineError:
        """Return what a call has to raise now that it is over.

        Who waited when it happened, or else whoever asks first, learns the reason itself.
        """
        error = self.error
        if error is None:
            return Closed("this client has quit or was closed", unsettled=self.unsettled)
        if waited or not self._told:
            self._told = True
            return copy.copy(error)
        return Closed(f"this client ended earlier: {error}", unsettled=error.unsettled)


class SessionLink(Link):
    """The session profile on one connection at a time."""

    profile = "session"

    def __init__(
        self, context: zmq.Context[Any], endpoint: str, heartbeat_ms: int, receive_window: int
    ) -> None:
        session = secrets.token_hex(16)
        self._core = self.source = Session(session, f"python/{VERSION}", receive_window)
        self._line = Line(context, endpoint, heartbeat_ms)
        self._broken_at: float | None = None
        self._quit_told = False
        self._port_closed = False
        self._closed = False

    @property
    def generation(self) -> int:
        return self._line.generation

    @property
    def fds(self) -> list[int]:
        return self._line.fds

    @property
    def due(self) -> float | None:
        due = self._line.due
        if self._broken_at is not None:
            end = self._broken_at + self._core.grace_ms / 1000
            due = end if due is None else min(due, end)
        return due

    @property
    def ready(self) -> bool:
        if self._core.error is not None:
            raise self.failure(True)
        return self._core.state in (_session.RUNNING, _session.STOPPING)

    @property
    def waits_for_others(self) -> bool:
        """Whether the engine was reached and has not yet opened the start barrier."""
        return self._core.welcomed

    def io(self, now: float) -> None:
        core = self._core
        if self._closed or core.ended:
            return
        self._exchange()
        while (change := self._line.tend(now)) is not None:
            self.progress += 1
            if change:
                core.connected()
            else:
                self._down(now)
        self._exchange()
        if core.greeted:
            self._broken_at = None
        elif self._broken_at is not None and now >= self._broken_at + core.grace_ms / 1000:
            core.give_up(
                f"no connection to {self._line.endpoint} for {core.grace_ms / 1000:g} s: by now "
                "the engine has given this session's events to another client"
            )
            self.progress += 1

    def push(self) -> None:
        if not self._closed:
            self._exchange()

    @property
    def readable(self) -> bool:
        return bool(self._core.events) or self.stopping

    def publish(self, events: list[bytes]) -> Ticket:
        if self._core.error is not None:
            raise self.failure(False)
        first = self._core.publish(events)
        return Ticket(first, first + len(events) - 1)

    def settled(self, ticket: Ticket) -> bool:
        if self._core.settled >= ticket.last:
            return True
        if self._core.ended:
            raise self.failure(True)
        return False

    def forget(self, ticket: Ticket) -> range:
        return range(max(ticket.first, self._core.settled + 1), ticket.last + 1)

    def quit(self) -> None:
        if self._core.error is not None:
            raise self.failure(False)
        self._core.quit()
        self.progress += 1

    @property
    def has_quit(self) -> bool:
        if self._core.error is not None:
            raise self.failure(True)
        return self._core.ended or self._port_closed

    def close(self) -> bool:
        if self._closed:
            return False
        self._core.close()
        self._exchange()
        self._closed = True
        self.progress += 1
        up = self._line.up
        self._line.close(LINGER_MS if up else 0)
        return up

    @property
    def finished(self) -> bool:
        return self._core.error is None and self.stopping

    @property
    def stopping(self) -> bool:
        core = self._core
        return core.ended or core.quitting or core.stop_reason is not None

    @property
    def unsettled(self) -> range:
        return self._core.unsettled

    @property
    def error(self) -> EventEngineError | None:
        return self._core.error

    def _exchange(self) -> None:
        """Receive until there is nothing and send until nothing is left or nothing is taken.

        Sending can use up the sign that something came, so the last look is for messages.
        """
        core, line = self._core, self._line
        full = False
        while True:
            while (frames := line.receive()) is not None:
                core.received(frames)
                self.progress += 1
                if self._broken_at is not None:
                    line.proven()
            if core.ended and not core.outbox:
                line.close(LINGER_MS)
                return
            if full or not core.outbox or not line.up:
                return
            while core.outbox:
                if not line.send(core.outbox[0]):
                    full = True
                    break
                core.outbox.popleft()

    def _down(self, now: float) -> None:
        core = self._core
        if core.quit_sent:
            self._quit_told = True
        elif self._quit_told and self._line.refused:
            self._port_closed = True  # the engine closes a plugin's port when the plugin has quit
        core.disconnected()
        if core.welcomed and self._broken_at is None and not core.ended:
            self._broken_at = now
