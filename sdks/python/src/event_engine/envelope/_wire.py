"""What protobuf's libraries disagree about, decided.

An attribute in a wrong wire type is skipped by some and refused by others, and so are groups,
over-long integers and U+0000. Every SDK makes this check, so that all of them open the same events.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Union

from ._envelope import TIME_NS_MAX, TIME_NS_MIN
from ._errors import Malformed

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_TAG_MAX_BYTES = 5  # of a tag or a length
_TAG_MAX = 2**32 - 1
_VARINT_MAX_BYTES = 10
_VARINT_MAX = 2**64 - 1
_NANOS_MAX = 999_999_999

# A number, bytes, or None for a value of fixed size, which no attribute has.
_Value = Union[int, bytes, None]


def check(body: bytes) -> None:
    """Raise `Malformed` unless `body` is a well-formed Envelope; UTF-8 is left to the decoder."""
    for number, value in _fields(body):
        if not 1 <= number <= 8:
            continue
        if not isinstance(value, bytes):
            raise Malformed("an attribute has the wrong wire type")
        if number == 4:
            _check_time(value)
        elif number != 8 and 0 in value:
            raise Malformed("a text contains U+0000")


def _check_time(body: bytes) -> None:
    for number, value in _fields(body):
        if not 1 <= number <= 2:
            continue
        if not isinstance(value, int):
            raise Malformed("a part of the time has the wrong wire type")
        if number == 1:
            seconds = value - 2**64 if value >= 2**63 else value
            in_range = TIME_NS_MIN <= seconds * 1_000_000_000 <= TIME_NS_MAX
        else:
            in_range = value <= _NANOS_MAX
        if not in_range:
            raise Malformed("the time is not in the years 1 to 9999")


def _fields(body: bytes) -> Iterator[tuple[int, _Value]]:
    at, end = 0, len(body)
    while at < end:
        start = at
        tag, at = _varint(body, at, _TAG_MAX_BYTES, _TAG_MAX)
        if at > start + 1 and body[at - 1] == 0:
            # protobuf's slower runtime for Python takes a padded tag for one that it does not know.
            raise Malformed("a tag is not in its shortest form")
        number, wire_type = tag >> 3, tag & 7
        value: _Value = None
        if wire_type == _VARINT:
            value, at = _varint(body, at, _VARINT_MAX_BYTES, _VARINT_MAX)
        elif wire_type == _LENGTH:
            length, at = _varint(body, at, _TAG_MAX_BYTES, _TAG_MAX)
            value = body[at : at + length]
            at += length
        elif wire_type == _FIXED64:
            at += 8
        elif wire_type == _FIXED32:
            at += 4
        else:
            raise Malformed("a field has no wire type of proto3")
        if at > end:
            raise Malformed("a field is cut off")
        if number == 0:
            raise Malformed("a field has the number 0")
        yield number, value


def _varint(body: bytes, at: int, max_bytes: int, maximum: int) -> tuple[int, int]:
    if at < len(body) and body[at] < 0x80:  # nearly all of them
        return body[at], at + 1
    value = 0
    for index in range(max_bytes):
        if at >= len(body):
            raise Malformed("an integer is cut off")
        byte = body[at]
        at += 1
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            if value > maximum:
                raise Malformed("an integer is too large")
            return value, at
    raise Malformed("an integer has too many bytes")
