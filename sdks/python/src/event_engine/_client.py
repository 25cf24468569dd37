"""The client for threads. :mod:`event_engine.aio` has its twin for asyncio."""

from __future__ import annotations

import contextlib
import math
import os
import select
import sys
import threading
import time
import warnings
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Callable

import zmq

from ._arguments import Data, check_event, check_events, deadline_of
from ._connecting import CONNECT_TIMEOUT_S, HEARTBEAT_S, Connecting
from ._constants import LINGER_MS, QUIT_TIMEOUT_MS, RECEIVE_WINDOW
from ._ending import Forked, guard
from ._errors import Closed, Timeout
from ._event import Event
from ._interrupts import Held
from ._line import terminate
from ._link import Link

QUIT_TIMEOUT_S = QUIT_TIMEOUT_MS / 1000

_LONGEST_WAIT_S = 3600.0  # poll takes an int of milliseconds; then the wait just begins again


def connect(
    endpoint: str | None = None,
    *,
    timeout: float = CONNECT_TIMEOUT_S,
    profile: str = "auto",
    heartbeat: float = HEARTBEAT_S,
    receive_window: int = RECEIVE_WINDOW,
) -> Client:
    """Connect to a plugin's port and return a :class:`Client` for it.

    ``endpoint`` is ``tcp://host:port``; without it the environment variable
    ``EVENT_ENGINE_ENDPOINT`` says it. Waits up to ``timeout`` seconds for an engine to listen and,
    in a session, for the application to start; nobody has to be started first. ``profile`` is
    ``"auto"``, ``"session"`` or ``"basic"``: auto takes sessions where the engine has them.
    ``heartbeat`` is the time in seconds after which a silent connection is tested, and again the
    time that the engine has to answer; 0 switches it off.
    ``receive_window`` is how many events the engine may send ahead of those handled, 1 to 16,384:
    with 1 each is acknowledged before the next one comes, so that none is repeated which was
    handled before; clients that share one plugin's work and take long for each event want few.

    Raises :class:`Timeout` when the time is over (its text says what was waited for),
    :class:`Transport` when the host's name is not found, :class:`Rejected` when the engine refuses,
    :class:`Protocol` when ``profile="session"`` meets an engine without sessions, and
    :class:`TypeError` or :class:`ValueError` for arguments that cannot be meant::

        with event_engine.connect("tcp://127.0.0.1:6000") as client:
            for event in client:
                client.publish(b"seen: " + event)
    """
    return Client(Connecting(endpoint, timeout, profile, heartbeat, receive_window))


class _Unknown:
    """Stands for an event of which nothing is known yet."""


_UNKNOWN = _Unknown()


class Client:
    """One plugin's connection to its engine. Made by :func:`connect`.

    Threads may share a client. Each event goes to one of those that ask; asking for the next event
    says that all events handed out before, to whichever thread, are handled. What one thread
    publishes keeps its order.

    Leaving a ``with`` block normally quits; with an exception it only closes, and the engine then
    waits for the plugin to come back. A time-out, and an interrupt by Ctrl-C, lose nothing.
    """

    def __init__(self, connecting: Connecting) -> None:
        if not isinstance(connecting, Connecting):
            raise TypeError("a Client is made by event_engine.connect(...)")
        self._endpoint = connecting.endpoint
        self._context = connecting.context
        self._at: Connecting | Link = connecting
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._polling = False  # one thread waits for the connections, the others for that thread
        self._waiting = 0
        self._seen = 0
        self._taker = 0  # the thread that took the newest event
        self._closed = False
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_reader, False)
        os.set_blocking(self._wake_writer, False)
        guard(self)
        try:
            self._drive(lambda: connecting.ready, deadline_of(connecting.timeout))
            if connecting.link is None or not connecting.ready:
                raise connecting.timed_out()
        except BaseException:
            self.close()
            raise
        self._link = self._at = connecting.link
        self._source = self._link.source

    # ------------------------------------------------------------------ receiving

    def next_event(self, timeout: float | None = None) -> Event:
        """Return the next event, waiting up to ``timeout`` seconds; None waits without limit.

        Says to the engine that the events returned before are handled.

        Raises :class:`Timeout` when none came: none is lost, call again. Raises :class:`Closed`
        when none will come: the application is stopping, this client has quit, or the session is
        over; and :class:`Rejected` or :class:`Protocol` when that is why the session is over.
        """
        deadline = deadline_of(timeout)
        waited = False
        before: Event | _Unknown | None = _UNKNOWN
        source, link = self._source, self._link
        try:
            while True:
                with self._lock:
                    before, self._taker = source.last, threading.get_ident()
                    try:
                        event = source.next()
                    finally:  # the end of the events has handled the last one, too
                        if source.outbox:
                            self._push()
                if event is not None:
                    return event
                waited = True
                if not self._drive(lambda: link.readable, deadline):
                    raise Timeout(f"no event within {timeout} s; call again, nothing is lost")
        except Closed as closed:
            raise link.no_more(closed, waited) from None
        except KeyboardInterrupt:
            self._untake(before)
            raise

    def __iter__(self) -> Iterator[Event]:
        """Yield events; end when the application is stopping or this client has quit.

        An event is handled when the loop asks for the next one.
        """
        source, lock = self._source, self._lock
        while True:
            before = source.last
            try:
                # What next_event does, as long as there is something to return at once.
                with lock:
                    self._taker = threading.get_ident()
                    event = source.next() if source.events else None
                    if source.outbox:
                        self._push()
                if event is None:
                    event = self.next_event()
            except Closed:
                if self._link.finished:
                    return
                raise
            except KeyboardInterrupt:
                self._untake(before)
                raise
            yield event

    # ------------------------------------------------------------------ publishing

    def publish(self, event: Data, timeout: float | None = None) -> int:
        """Publish one event; return its id when the engine has accepted it.

        Ids count from 1 for each client. Waits while a subscriber's queue is full, up to
        ``timeout`` seconds.

        Raises :class:`Timeout`: the event is on its way and will be accepted, do not publish it
        again. Raises :class:`Rejected` with nothing sent for an event larger than the engine takes,
        and :class:`TypeError` for anything but bytes. Raises :class:`Closed` with the ids of
        ``unsettled`` events when the session is over, and in the basic profile :class:`Transport`
        when the connection broke before the answer.
        """
        return self._publish([check_event(event)], timeout)

    def publish_batch(self, events: Iterable[Data], timeout: float | None = None) -> int:
        """Publish several events in order; return the id of the last when all are accepted.

        Much faster than one by one: they travel packed and without waiting for each other. With
        no events it returns the id of the event published last. Errors are those of
        :meth:`publish`; ``unsettled`` says which events are not known to be accepted.
        """
        return self._publish(check_events(events), timeout)

    # ------------------------------------------------------------------ ending

    def quit(self, timeout: float = QUIT_TIMEOUT_S) -> None:
        """Finish: every event returned is handled, everything published is accepted, then close.

        The engine ends the plugin when as many clients have quit as it has replicas. Calling it
        again does nothing.

        Raises :class:`Timeout` when the engine did not confirm within ``timeout`` seconds, and what
        :meth:`publish` raises when something published will not be accepted. The client is closed
        in any case.
        """
        deadline = deadline_of(timeout)
        try:
            with self._lock:
                link = self._link
                link.quit()
                if self._closed:
                    return
                link.push()
                self._announce()
            if not self._drive(lambda: link.has_quit, deadline):
                raise Timeout(
                    f"the engine at {self._endpoint} did not confirm the quit within {timeout} s",
                    unsettled=link.unsettled,
                )
            if link.unsettled:
                raise Closed("the engine has ended", unsettled=link.unsettled)
        finally:
            self.close()

    def close(self) -> None:
        """Close without a quit; the engine waits for the plugin to come back.

        What was handled is acknowledged; the event returned last is not, and comes again, marked
        redelivered. Blocks at most about a second. Calling it again does nothing. A client that is
        still open when the process ends is closed in the same way.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._wake()
            while self._polling:
                self._changed.wait()
            unsent = self._at.close()
            self._changed.notify_all()
            os.close(self._wake_reader)
            os.close(self._wake_writer)
        thread = terminate(self._context, unsent)
        if thread is not None:
            thread.join(LINGER_MS / 1000)

    @property
    def stopping(self) -> bool:
        """Whether the application is ending, as far as has come; once true it stays so.

        For programs that only publish: ``while not client.stopping:`` publish, then quit. It does
        not wait and never fails. Publishing goes on working until the quit.

        Also True once this client has quit, was closed or has lost its session. In the basic
        profile nobody says that the application is ending: there it is True only then.
        """
        with self._lock:
            if not self._link.stopping:
                self._advance()
            return self._link.stopping

    @property
    def profile(self) -> str:
        """The profile in use: ``"session"`` or ``"basic"``."""
        return self._link.profile

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None and not self._closed:
            self.quit()
        else:
            self.close()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            if sys.is_finalizing():  # only one that is younger than the closing of all others
                with contextlib.suppress(Exception):
                    self._leave(0.0)
                return
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=2)
            with contextlib.suppress(Exception):
                self.close()

    def __repr__(self) -> str:
        return f"<event_engine.Client of {self._endpoint}{', closed' if self._closed else ''}>"

    # ------------------------------------------------------------------ inside

    def _disown(self, forked: Forked) -> None:
        self._link = self._at = self._source = forked  # type: ignore[assignment]
        self._lock = threading.Lock()  # the old one may be held by a thread that is not here
        self._changed = threading.Condition(self._lock)
        self._closed = True

    def _leave(self, deadline: float) -> zmq.Context[Any] | None:
        """Close because the process ends; return the context if it may still have to send.

        Other threads that use this client stand still from here on: they cannot be waited for, and
        what they raised would only be printed. So the lock is never given back, and the thread that
        ends the process gets one of its own, should it come again.
        """
        if not self._lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            return None
        if self._closed:
            self._lock.release()
            return None
        self._closed = True
        lock = threading.RLock()
        lock.acquire()
        self._lock = lock  # type: ignore[assignment]
        self._changed = threading.Condition(lock)
        return self._context if self._at.close() else None

    def _untake(self, before: Event | _Unknown | None) -> None:
        """Put back what an interrupted call has taken and will not return."""
        with self._lock:
            taken = self._source.last
            mine = before is not _UNKNOWN and self._taker == threading.get_ident()
            if mine and taken is not None and taken is not before:
                self._source.give_back(taken)

    def _publish(self, events: list[bytes], timeout: float | None) -> int:
        deadline = deadline_of(timeout)
        with self._lock, Held():
            link = self._link
            ticket = link.publish(events)
            self._push()
        if not self._drive(lambda: link.settled(ticket), deadline):
            with self._lock:
                unsettled = link.forget(ticket)
            raise Timeout(
                f"not accepted within {timeout} s: on its way, do not publish it again",
                unsettled=unsettled,
            )
        return ticket.last

    def _push(self) -> None:
        """Do the I/O that needs no waiting, and tell the others when it brought something."""
        if self._closed:
            return
        at = self._at
        with Held():
            at.push()
        if at.progress != self._seen:
            self._announce()

    def _announce(self) -> None:
        """Let every waiting thread look again."""
        self._seen = self._at.progress
        if self._waiting:
            self._changed.notify_all()
        if self._polling:
            self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # then it is woken already
            os.write(self._wake_writer, b"\0")

    def _drive(self, done: Callable[[], bool], deadline: float | None) -> bool:
        """Do I/O, or wait for the thread that does, until ``done``; False past the deadline."""
        poller: select.poll | None = None
        generation = 0
        while True:
            leading = False
            try:
                with self._lock:
                    self._advance()
                    if done():
                        return True
                    now = time.monotonic()
                    if deadline is not None and now >= deadline:
                        return False
                    if self._polling or self._closed:
                        self._waiting += 1
                        try:
                            self._changed.wait(None if deadline is None else deadline - now)
                        finally:
                            self._waiting -= 1
                        continue
                    at = self._at
                    if poller is None or generation != at.generation:
                        poller, generation = select.poll(), at.generation
                        for descriptor in [self._wake_reader, *at.fds]:
                            poller.register(descriptor, select.POLLIN)
                    due = min(x for x in (deadline, at.due, now + _LONGEST_WAIT_S) if x is not None)
                    leading = self._polling = True
                poller.poll(max(0, math.ceil((due - now) * 1000)))
            finally:
                if leading:
                    self._polling = False  # first of all: an interrupt may cut in afterwards
                    with self._lock:
                        if not self._closed:
                            with contextlib.suppress(BlockingIOError):
                                os.read(self._wake_reader, 4096)
                        self._changed.notify_all()

    def _advance(self) -> None:
        """Do what I/O can be done now; connections are for the one thread that watches them."""
        if self._closed:
            return
        if self._polling:
            self._push()
            return
        with Held():
            self._at.io(time.monotonic())
        if self._waiting:
            self._changed.notify_all()
