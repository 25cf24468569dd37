"""Packed payloads: several events in one frame, each behind its length in 4 big-endian bytes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import chain

from ._constants import BATCH_MAX_BYTES, CODE_BAD_PARAM, CODE_TOO_LARGE
from ._header import HeaderError

_LENGTH = struct.Struct(">I")
_SIZE = _LENGTH.size


def pack(events: Sequence[bytes]) -> bytes:
    """Return ``events`` as one payload."""
    return b"".join(chain.from_iterable(zip(map(_LENGTH.pack, map(len, events)), events)))


def unpack(payload: bytes, count: int) -> list[bytes]:
    """Return the ``count`` events of a payload.

    Raises :class:`HeaderError` when they do not fill it exactly, or when it is too long.
    """
    if len(payload) > BATCH_MAX_BYTES:
        raise HeaderError(f"a batch of {len(payload)} bytes", CODE_TOO_LARGE)
    length_at = _LENGTH.unpack_from
    end = len(payload)
    events: list[bytes] = []
    append = events.append
    position = 0
    try:
        while position < end:
            start = position + _SIZE
            position = start + length_at(payload, position)[0]
            append(payload[start:position])
    except struct.error:
        position = -1
    if position != end or len(events) != count:
        raise HeaderError(f"a payload that does not hold its {count} events", CODE_BAD_PARAM)
    return events
