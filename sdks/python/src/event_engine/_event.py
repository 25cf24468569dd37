"""An event as it is received."""

from __future__ import annotations


class Event(bytes):
    """The bytes of an event, with what the engine says about this delivery.

    It is a ``bytes`` object in every respect and can be published as it is.
    """

    sequence: int = 0
    """Number of this delivery in the session, from 1. Always 0 in the basic profile."""

    redelivered: bool = False
    """Whether an earlier client of this plugin got it and vanished before handling it."""
