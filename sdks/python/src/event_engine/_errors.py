"""The exceptions that this package raises. The tree stands in the package's docstring."""

from __future__ import annotations

_NONE = range(0)


class EventEngineError(Exception):
    """Base of every error that this package defines.

    ``unsettled`` is the range of publish ids whose outcome is not known: handed to the engine or
    about to be, and not acknowledged. Empty when there is nothing to say.
    """

    def __init__(self, message: str = "", *, unsettled: range = _NONE) -> None:
        super().__init__(message)
        self.unsettled = unsettled


class Timeout(EventEngineError, TimeoutError):
    """The time is over and nothing is lost.

    Call ``next_event`` again for the event. A publish that timed out stays on its way: do not
    publish it again; ``unsettled`` has its ids.
    """


class Closed(EventEngineError):
    """There is no session any more.

    ``quit`` or ``close`` was called, the application is ending, the engine was restarted or was
    out of reach for too long, or another connection has taken the session over.
    """


class Rejected(EventEngineError):
    """The engine, or a limit that this package knows, refused; ``code`` says why.

    Codes are those of the protocol, for example ``too-large`` or ``bad-command``.
    """

    def __init__(self, message: str = "", *, code: str = "", unsettled: range = _NONE) -> None:
        super().__init__(message, unsettled=unsettled)
        self.code = code


class Protocol(EventEngineError):
    """The peer broke the protocol: its bug, or it is no engine; the message says what came."""


class Transport(EventEngineError, ConnectionError):
    """The engine cannot be reached, or a connection broke with the outcome of a publish unknown."""
