"""The client for asyncio: the twin of :class:`event_engine.Client`.

.. code-block:: python

    import asyncio
    from event_engine import aio

    async def main():
        async with await aio.connect("tcp://127.0.0.1:6000") as client:
            async for event in client:
                await client.publish(b"seen: " + event)

    asyncio.run(main())

Names, errors and promises are those of the client for threads. A task that is cancelled at any
``await`` here loses nothing: an event that was not returned is returned by the next call, and a
publish stays on its way.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Callable

import zmq

from ._arguments import Data, check_event, check_events, deadline_of
from ._client import QUIT_TIMEOUT_S
from ._connecting import CONNECT_TIMEOUT_S, HEARTBEAT_S, Connecting
from ._constants import LINGER_MS, RECEIVE_WINDOW
from ._ending import Forked, guard
from ._errors import Closed, Timeout
from ._event import Event
from ._line import terminate
from ._link import Link, Source

__all__ = ["Client", "connect"]

_TURN = 500
"""Events handed out without a wait after which other tasks get a turn."""

_END_S = 3.0
"""How long a process may take to end once its clients are closed."""

_waited_for: set[Client] = set()
"""Clients that a task waits for. The loop itself does not keep a client, so that one which is let
go of is closed; but a task that waits must not be collected together with it."""


async def connect(
    endpoint: str | None = None,
    *,
    timeout: float = CONNECT_TIMEOUT_S,
    profile: str = "auto",
    heartbeat: float = HEARTBEAT_S,
    receive_window: int = RECEIVE_WINDOW,
) -> Client:
    """Connect to a plugin's port and return a :class:`Client` for it.

    Arguments and errors are those of :func:`event_engine.connect`.
    """
    client = Client(Connecting(endpoint, timeout, profile, heartbeat, receive_window))
    await client._connect()
    return client


class Client:
    """One plugin's connection to its engine. Made by :func:`connect`; belongs to one event loop.

    Tasks may share a client. Each event goes to one of those that ask; asking for the next event
    says that all events handed out before, to whichever task, are handled. What one task publishes
    keeps its order.

    Leaving an ``async with`` block normally quits; with an exception it only closes, and the engine
    then waits for the plugin to come back.
    """

    def __init__(self, connecting: Connecting) -> None:
        if not isinstance(connecting, Connecting):
            raise TypeError("a Client is made by await event_engine.aio.connect(...)")
        self._loop = asyncio.get_running_loop()
        self._endpoint = connecting.endpoint
        self._connecting = connecting
        self._link: Link
        self._source: Source
        self._at: Connecting | Link = connecting
        self._closed = False
        self._left = False  # closed because the process ends, while the loop runs on
        self._turn = _TURN
        self._seen = 0
        self._waiters: set[asyncio.Future[None]] = set()
        self._watched: list[int] = []
        self._generation: int | None = None
        self._timer: asyncio.TimerHandle | None = None
        guard(self)

    # ------------------------------------------------------------------ receiving

    async def next_event(self, timeout: float | None = None) -> Event:
        """Return the next event, waiting up to ``timeout`` seconds; None waits without limit.

        Says to the engine that the events returned before are handled. Errors are those of
        :meth:`event_engine.Client.next_event`. With ``timeout`` nothing is lost, nor with
        ``asyncio.wait_for`` around the call.
        """
        deadline = deadline_of(timeout)
        waited = False
        await self._give_turn()
        if self._left:
            await _stand_still()
        try:
            while True:
                try:
                    event = self._source.next()
                finally:  # the end of the events has handled the last one, too
                    if self._source.outbox:
                        self._push()
                if event is not None:
                    return event
                waited = True
                if not await self._until(self._readable, deadline):
                    raise Timeout(f"no event within {timeout} s; call again, nothing is lost")
        except Closed as closed:
            raise self._link.no_more(closed, waited) from None

    def __aiter__(self) -> Client:
        """Iterate over the events until the application is stopping or this client has quit.

        An event is handled when the loop asks for the next one.
        """
        return self

    async def __anext__(self) -> Event:
        try:
            self._turn -= 1
            source = self._source
            if source.events and self._turn > 0:
                # What next_event does when there is something to return at once.
                event = source.next()
                if source.outbox:
                    self._push()
                if event is not None:
                    return event
            return await self.next_event()
        except Closed:
            if self._link.finished:
                raise StopAsyncIteration from None
            raise

    # ------------------------------------------------------------------ publishing

    async def publish(self, event: Data, timeout: float | None = None) -> int:
        """Publish one event; return its id when the engine has accepted it.

        As :meth:`event_engine.Client.publish`. A publish that is cancelled stays on its way: do not
        publish the event again.
        """
        return await self._publish([check_event(event)], timeout)

    async def publish_batch(self, events: Iterable[Data], timeout: float | None = None) -> int:
        """Publish several events in order; return the id of the last when all are accepted.

        As :meth:`event_engine.Client.publish_batch`.
        """
        return await self._publish(check_events(events), timeout)

    # ------------------------------------------------------------------ ending

    async def quit(self, timeout: float = QUIT_TIMEOUT_S) -> None:
        """Finish: every event returned is handled, everything published is accepted, then close.

        As :meth:`event_engine.Client.quit`. The client is closed in any case.
        """
        deadline = deadline_of(timeout)
        if self._left:
            await _stand_still()
        link = self._link
        try:
            link.quit()
            if self._closed:
                return
            self._push()
            self._wake()
            if not await self._until(lambda: link.has_quit, deadline):
                raise Timeout(
                    f"the engine at {self._endpoint} did not confirm the quit within {timeout} s",
                    unsettled=link.unsettled,
                )
            if link.unsettled:
                raise Closed("the engine has ended", unsettled=link.unsettled)
        finally:
            await self.close()

    async def close(self) -> None:
        """Close without a quit; the engine waits for the plugin to come back.

        As :meth:`event_engine.Client.close`. Takes at most about a second.
        """
        thread = self._shut()
        if thread is not None:
            try:
                waiting = self._loop.run_in_executor(None, thread.join, LINGER_MS / 1000)
            except RuntimeError:  # the process is ending, and executors take nothing any more
                thread.join(LINGER_MS / 1000)
            else:
                await waiting

    @property
    def stopping(self) -> bool:
        """Whether the application is ending, as far as has come; once true it stays so.

        As :attr:`event_engine.Client.stopping`: there is nothing to await.
        """
        if not self._link.stopping:
            self._io()
        return self._link.stopping

    @property
    def profile(self) -> str:
        """The profile in use: ``"session"`` or ``"basic"``."""
        return self._link.profile

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None and not self._closed:
            await self.quit()
        else:
            await self.close()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            if sys.is_finalizing():  # only one that is younger than the closing of all others
                with contextlib.suppress(Exception):
                    self._close()
                return
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=2)
            with contextlib.suppress(Exception):
                self._shut()

    def __repr__(self) -> str:
        return f"<event_engine.aio.Client of {self._endpoint}{', closed' if self._closed else ''}>"

    # ------------------------------------------------------------------ inside

    async def _connect(self) -> None:
        connecting = self._connecting
        try:
            done = await self._until(lambda: connecting.ready, deadline_of(connecting.timeout))
            if not done or connecting.link is None:
                raise connecting.timed_out()
        except BaseException:
            self._shut()
            raise
        self._link = self._at = connecting.link
        self._source = self._link.source

    def _readable(self) -> bool:
        return self._link.readable

    async def _give_turn(self) -> None:
        self._turn -= 1
        if self._turn <= 0:
            self._turn = _TURN
            await asyncio.sleep(0)

    async def _publish(self, events: list[bytes], timeout: float | None) -> int:
        deadline = deadline_of(timeout)
        if self._left:
            await _stand_still()
        link = self._link
        ticket = link.publish(events)
        self._push()
        if not await self._until(lambda: link.settled(ticket), deadline):
            raise Timeout(
                f"not accepted within {timeout} s: on its way, do not publish it again",
                unsettled=link.forget(ticket),
            )
        return ticket.last

    async def _until(self, done: Callable[[], bool], deadline: float | None) -> bool:
        """Wait until ``done``; False past the deadline."""
        self._io()
        while not done():
            if deadline is not None and time.monotonic() >= deadline:
                return False
            waiter = self._loop.create_future()
            self._waiters.add(waiter)
            _waited_for.add(self)
            timer = None
            if deadline is not None:
                timer = self._loop.call_later(deadline - time.monotonic(), _finish, waiter)
            try:
                await waiter
            finally:
                self._waiters.discard(waiter)
                if not self._waiters:
                    _waited_for.discard(self)
                if timer is not None:
                    timer.cancel()
            if self._left:
                await _stand_still()
        return True

    def _io(self) -> None:
        """Do what can be done now, and see to it that this is called again."""
        if self._closed:
            return
        at = self._at
        at.io(time.monotonic())
        self._tell()
        if at.generation != self._generation:
            # All, since a descriptor that was closed may come back under the same number.
            for descriptor in self._watched:
                self._loop.remove_reader(descriptor)
            self._watched, self._generation = list(at.fds), at.generation
            for descriptor in self._watched:
                self._loop.add_reader(descriptor, _go_on, weakref.ref(self))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if at.due is not None:
            wait = max(0.0, at.due - time.monotonic())
            self._timer = self._loop.call_later(wait, _go_on, weakref.ref(self))

    def _push(self) -> None:
        """Do the I/O that needs no new descriptors."""
        if not self._closed:
            self._at.push()
            self._tell()

    def _tell(self) -> None:
        """Let waiting tasks look again when something came."""
        if self._at.progress != self._seen:
            self._seen = self._at.progress
            self._wake()

    def _wake(self) -> None:
        for waiter in self._waiters:
            _finish(waiter)

    def _shut(self) -> threading.Thread | None:
        """Close everything without waiting; return the thread that delivers what is unsent."""
        if self._closed:
            return None
        unsent = self._close()
        self._wake()
        return terminate(self._connecting.context, unsent)

    def _close(self) -> bool:
        """Close; say whether messages may be left that can still be sent."""
        self._closed = True
        unsent = self._at.close()
        if not self._loop.is_closed():
            for descriptor in self._watched:
                self._loop.remove_reader(descriptor)
            if self._timer is not None:
                self._timer.cancel()
        return unsent

    def _leave(self, deadline: float) -> zmq.Context[Any] | None:
        """Close because the process ends; return the context if it may still have to send.

        A loop that runs does so in another thread, and closes there. Tasks that use this client
        stand still from here on: what they raised would only be printed.
        """
        unsent: concurrent.futures.Future[bool] = concurrent.futures.Future()

        def leave() -> None:
            unsent.set_result(not self._closed and self._close())

        if self._loop.is_running():
            self._left = True
            self._loop.call_soon_threadsafe(leave)
        else:
            leave()
        sends = unsent.result(max(0.0, deadline - time.monotonic()))
        return self._connecting.context if sends else None

    def _disown(self, forked: Forked) -> None:
        self._link = self._at = self._source = forked  # type: ignore[assignment]
        self._closed = True


def _go_on(client: weakref.ref[Client]) -> None:
    """Do the I/O of a client that somebody still has."""
    if (held := client()) is not None:
        held._io()


async def _stand_still() -> None:
    """Wait for the end of the process, which ends in less; an error says so if it does not."""
    await asyncio.sleep(_END_S)


def _finish(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
