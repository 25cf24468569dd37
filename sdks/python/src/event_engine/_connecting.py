"""From nothing to a link that is ready: find out the profile, then open it."""

from __future__ import annotations

from typing import Any

import zmq

from ._arguments import PROFILES, check_endpoint, check_seconds, check_window, is_numeric
from ._basic import BasicLink
from ._constants import CONNECT_TIMEOUT_MS, HEARTBEAT_INTERVAL_MS
from ._errors import EventEngineError, Protocol, Timeout, Transport
from ._link import Link, SessionLink
from ._probe import FOREIGN, REP, ROUTER, Probe

CONNECT_TIMEOUT_S = CONNECT_TIMEOUT_MS / 1000
HEARTBEAT_S = HEARTBEAT_INTERVAL_MS / 1000


class Connecting:
    """What a client drives, like a link, until :attr:`ready`; then :attr:`link` takes its place.

    Raises :class:`TypeError` or :class:`ValueError` for arguments that cannot be meant.
    """

    def __init__(
        self,
        endpoint: str | None,
        timeout: float,
        profile: str,
        heartbeat: float,
        receive_window: int,
    ) -> None:
        self.endpoint = check_endpoint(endpoint)
        self.timeout = check_seconds("timeout", timeout)
        if profile not in PROFILES:
            raise ValueError(f"profile {profile!r}: it has to be one of {', '.join(PROFILES)}")
        self._heartbeat_ms = round(check_seconds("heartbeat", heartbeat) * 1000)
        self._receive_window = check_window(receive_window)
        self._wanted = profile
        self.context: zmq.Context[Any] = zmq.Context()
        self._probe = Probe(self.context, self.endpoint, self._heartbeat_ms)
        self.progress = 0
        """Grows whenever :attr:`ready` may have changed."""
        self.link: Link | None = None
        self.error: EventEngineError | None = None

    @property
    def _at(self) -> Probe | Link:
        return self._probe if self.link is None else self.link

    @property
    def generation(self) -> int:
        """Changes with :attr:`fds`."""
        return self._at.generation if self.link is None else -1 - self._at.generation

    @property
    def fds(self) -> list[int]:
        """Descriptors to watch."""
        return self._at.fds

    @property
    def due(self) -> float | None:
        """When to call :meth:`io` although nothing happened."""
        return self._at.due

    @property
    def ready(self) -> bool:
        """Whether the link can be used. Raises why it never will be."""
        if self.error is not None:
            raise self.error
        return self.link is not None and self.link.ready

    def io(self, now: float) -> None:
        """Do what can be done now."""
        self.progress += 1
        self._at.io(now)
        if self.link is None and self._probe.result is not None:
            self._probe.close()
            if self._probe.result == FOREIGN:
                self.error = Protocol(f"what listens at {self.endpoint} is no engine")
                return
            if self._wanted == "session" and self._probe.result == REP:
                self.error = Protocol(
                    f"the engine at {self.endpoint} has no sessions: connect with "
                    "profile='auto' or 'basic'"
                )
                return
            self.link = self._open(self._probe.result)
            self.link.io(now)

    def push(self) -> None:
        """Send and receive what can be sent and received now."""
        self._at.push()

    def close(self) -> bool:
        """Give up; say whether messages may be left that can still be sent."""
        self._probe.close()
        return self.link is not None and self.link.close()

    def timed_out(self) -> EventEngineError:
        """Return the error that says what was waited for in vain."""
        within = f"within {self.timeout:g} s"
        if self.link is not None and getattr(self.link, "waits_for_others", False):
            return Timeout(
                f"connected to {self.endpoint}, but {within} the application has not started: "
                "it waits for other plugins"
            )
        if self.link is not None or self._probe.answered:
            return Timeout(
                f"something listens at {self.endpoint}, but {within} it did not answer as an "
                "engine does: is it the port of a plugin?"
            )
        if self._probe.reached:
            return Timeout(f"connected to {self.endpoint}, and {within} nothing answered")
        if self._probe.resolved or is_numeric(self.endpoint):
            return Timeout(
                f"nobody listens at {self.endpoint} {within}: is the engine running, and is this "
                "the plugin's port?"
            )
        return Transport(f"the name in {self.endpoint} was not found {within}: is it spelt right?")

    def _open(self, peer: str) -> Link:
        if self._wanted == "basic" or peer == REP:
            patience_s = max(self.timeout, 1.0)
            return BasicLink(
                self.context, self.endpoint, self._heartbeat_ms, patience_s, peer == ROUTER
            )
        return SessionLink(self.context, self.endpoint, self._heartbeat_ms, self._receive_window)
