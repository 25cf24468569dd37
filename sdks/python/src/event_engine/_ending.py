"""What becomes of clients when the process ends, or forks.

A client that nobody closed is closed while Python still works. Later, when objects are collected
at the very end, no thread begins any more: until 3.11 it waits for ever, from 3.12 on it fails.

A forked child is kept away from its parent's clients: their connections are the parent's.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import time
import weakref
from typing import Any, NoReturn, Protocol

import zmq

from ._constants import LINGER_MS
from ._line import await_terminations


class Forked:
    """Stands in a child for what belongs to its parent: whatever it is asked, it raises."""

    def __getattr__(self, name: str) -> NoReturn:
        raise RuntimeError(
            "this client was connected before the process forked: connect again in the child"
        )


class _Client(Protocol):
    def _disown(self, forked: Forked) -> None: ...
    def _leave(self, deadline: float) -> zmq.Context[Any] | None: ...


_clients: weakref.WeakSet[_Client] = weakref.WeakSet()


def guard(client: _Client) -> None:
    """Close ``client`` when the process ends; disown it in every child that is forked."""
    _clients.add(client)


def _after_fork() -> None:
    for client in list(_clients):
        client._disown(Forked())
    _clients.clear()


def _at_exit() -> None:
    """Close what nobody has closed, all at the same time, in one linger.

    What fails, or is interrupted by a signal, only shortens the wait: the process ends in any case.
    """
    deadline = time.monotonic() + LINGER_MS / 1000
    unsent: list[zmq.Context[Any]] = []
    for client in list(_clients):
        with contextlib.suppress(BaseException):
            context = client._leave(deadline)
            if context is not None:
                unsent.append(context)
    for context in unsent:
        with contextlib.suppress(BaseException):
            context.term()
    with contextlib.suppress(BaseException):
        await_terminations(deadline)


# On import: handlers that a program registers afterwards are called before, and may use clients.
atexit.register(_at_exit)
os.register_at_fork(after_in_child=_after_fork)
