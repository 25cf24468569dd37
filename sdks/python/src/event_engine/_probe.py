"""Find out who listens: an engine with sessions, or one that only knows the basic profile.

The ZMTP handshake tells, without a message: a plugin's port is a ROUTER where there are sessions,
and a REP where there are none. A ROUTER of ours can connect to the first and not to the second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import zmq

from ._line import Line

ROUTER = "router"
REP = "rep"
FOREIGN = "foreign"

# A REP takes a REQ and refuses a ROUTER every time; a network that cuts connections does neither.
_STEPS = (zmq.ROUTER, zmq.REQ, zmq.ROUTER)


class Probe:
    """Connects without sending anything until :attr:`result` is known."""

    def __init__(self, context: zmq.Context[Any], endpoint: str, heartbeat_ms: int) -> None:
        self.result: str | None = None
        self.resolved = False
        self.reached = False
        self.answered = False
        """Whether somebody who listens broke the handshake off."""
        self._new: Callable[[int], Line] = lambda kind: Line(context, endpoint, heartbeat_ms, kind)
        self._step = 0
        self._line = self._new(_STEPS[0])
        self._generation = 0

    @property
    def generation(self) -> int:
        """Changes with :attr:`fds`."""
        return self._generation + self._line.generation

    @property
    def fds(self) -> list[int]:
        """Descriptors to watch."""
        return self._line.fds

    @property
    def due(self) -> float | None:
        """When to call :meth:`io` although nothing happened."""
        return self._line.due

    def io(self, now: float) -> None:
        """Do what can be done now."""
        while self.result is None:
            change = self._line.tend(now)
            self._line.look()
            self.resolved = self.resolved or self._line.resolved
            self.reached = self._line.reached
            if change is None:
                return
            asked = _STEPS[self._step]
            if change and asked == zmq.ROUTER:
                self.result = ROUTER
            elif change:
                self._go(self._step + 1)
            elif not self._line.reached:
                return  # nobody listens yet; the line tries again
            elif asked == zmq.ROUTER and self._step == 0:
                self.answered = True
                self._go(1)
            elif asked == zmq.ROUTER:
                self.result = REP
            elif self._line.foreign:
                self.result = FOREIGN
            else:
                self._go(0, self._line.due)

    def push(self) -> None:
        """Nothing is ever sent."""

    def close(self) -> None:
        """Close the connection."""
        self._line.close()

    def _go(self, step: int, due: float | None = 0.0) -> None:
        self._line.close()
        self._generation += self._line.generation + 1
        self._step = step
        self._line = self._new(_STEPS[step])
        self._line.due = due
