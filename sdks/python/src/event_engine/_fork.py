"""Keep a forked child away from its parent's clients: their connections are the parent's."""

from __future__ import annotations

import os
import weakref
from typing import NoReturn, Protocol


class Forked:
    """Stands in a child for what belongs to its parent: whatever it is asked, it raises."""

    def __getattr__(self, name: str) -> NoReturn:
        raise RuntimeError(
            "this client was connected before the process forked: connect again in the child"
        )


class _Client(Protocol):
    def _disown(self, forked: Forked) -> None: ...


_clients: weakref.WeakSet[_Client] = weakref.WeakSet()


def guard(client: _Client) -> None:
    """Disown ``client`` in every child that is forked from now on."""
    _clients.add(client)


def _after_fork() -> None:
    for client in list(_clients):
        client._disown(Forked())
    _clients.clear()


os.register_at_fork(after_in_child=_after_fork)
