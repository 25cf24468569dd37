"""The envelope as a Python object."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta, timezone

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_SECONDS_MIN = -62_135_596_800  # 0001-01-01T00:00:00Z
_SECONDS_MAX = 253_402_300_799  # 9999-12-31T23:59:59Z
TIME_NS_MIN = _SECONDS_MIN * 1_000_000_000
TIME_NS_MAX = _SECONDS_MAX * 1_000_000_000 + 999_999_999


@dataclasses.dataclass(frozen=True)
class Envelope:
    """Metadata and data of one event.

    The attributes have CloudEvents' names; an empty text is an absent attribute.

    >>> reading = Envelope("1", "/sensors/7", "org.example.reading", b"21.5", subject="room/1")
    >>> reading.with_time(datetime(2026, 1, 1, tzinfo=timezone.utc)).time_ns
    1767225600000000000
    """

    id: str
    """Names this event; no two different events of one source have the same. Mandatory."""
    source: str
    """Names what the event comes from: a URI reference, such as ``/sensors/7``. Mandatory."""
    type: str
    """Says what kind of event this is, such as ``org.example.reading``. Mandatory."""
    data: bytes = b""
    """The event itself."""
    time_ns: int | None = None
    """When it happened, in nanoseconds since 1970 (UTC) as `time.time_ns` gives them."""
    datacontenttype: str = ""
    """The media type of the data, such as ``application/json``."""
    subject: str = ""
    """What the event is about, within its source."""
    cause_id: str = ""
    """The id of the event that led to this one."""

    @property
    def time(self) -> datetime | None:
        """When it happened, in UTC and rounded down to the microsecond.

        Raises OverflowError for a `time_ns` outside the years 1 to 9999, which no opened envelope
        has.
        """
        if self.time_ns is None:
            return None
        return _EPOCH + timedelta(microseconds=self.time_ns // 1000)

    def with_time(self, when: datetime) -> Envelope:
        """Return the same envelope with another time.

        Raises ValueError if `when` has no time zone.
        """
        if when.tzinfo is None:
            raise ValueError("the time needs a time zone, as in datetime.now(timezone.utc)")
        microseconds = (when - _EPOCH) // timedelta(microseconds=1)
        return dataclasses.replace(self, time_ns=microseconds * 1000)
