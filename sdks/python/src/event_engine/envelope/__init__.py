"""Optional typed metadata for events.

An event is bytes that begin with a filter, the prefix by which plugins subscribe. This module puts
an `Envelope` behind the filter: an id, a source, a type and, if wanted, a time, a subject, a cause
and a media type beside the data, with CloudEvents' names. Subscriptions by prefix go on working,
and plugins in every language open the same events.

>>> from event_engine import envelope
>>> reading = envelope.Envelope("1", "/sensors/7", "org.example.reading", b"21.5")
>>> event = envelope.seal(b"reading: ", reading)  # publish this
>>> event[:9]
b'reading: '
>>> envelope.open(b"reading: ", event).data  # after next_event
b'21.5'

`open` takes the filter that the event was sealed with, also where the plugin subscribes to a
shorter one. Errors:

- `EnvelopeError`, a ValueError
    - `FilterMismatch`: the event does not begin with the filter, it is of another kind
    - `Malformed`: what follows is no envelope
    - `Missing`: it lacks its ``id``, ``source`` or ``type`` (`Missing.attribute`)

Fields that this version does not know are skipped and not kept, so that later versions can add
some. The module needs protobuf, which ``pip install event-engine[envelope]`` brings; the rest of
event_engine does not.
"""

from __future__ import annotations

from ._envelope import TIME_NS_MAX, TIME_NS_MIN, Envelope
from ._errors import EnvelopeError, FilterMismatch, Malformed, Missing

try:
    from google.protobuf.message import DecodeError
except ImportError as error:
    raise ImportError(
        "event_engine.envelope needs protobuf: pip install 'event-engine[envelope]'"
    ) from error

from . import _wire
from . import envelope_pb2 as _pb

__all__ = ["Envelope", "EnvelopeError", "FilterMismatch", "Malformed", "Missing", "open", "seal"]

_MANDATORY = ("id", "source", "type")
_TEXTS = (*_MANDATORY, "datacontenttype", "subject", "cause_id")
_SECOND = 1_000_000_000


def seal(filter: bytes | bytearray | memoryview, envelope: Envelope) -> bytes:
    """Make an event: the bytes of `filter`, and after them the envelope.

    The same envelope always gives the same bytes.

    Raises `Missing` if ``id``, ``source`` or ``type`` is empty; `Malformed` if a text contains
    U+0000 or a surrogate, or the time is not in the years 1 to 9999; TypeError if an attribute is
    of the wrong type.
    """
    head = _bytes("filter", filter)
    message = _pb.Envelope(data=_bytes("data", envelope.data))
    for name in _TEXTS:
        setattr(message, name, _text(name, getattr(envelope, name)))
    if envelope.time_ns is not None:
        if not isinstance(envelope.time_ns, int):
            raise TypeError(f"time_ns must be an int, not {type(envelope.time_ns).__name__}")
        if not TIME_NS_MIN <= envelope.time_ns <= TIME_NS_MAX:
            raise Malformed("the time is not in the years 1 to 9999")
        message.time.seconds, message.time.nanos = divmod(envelope.time_ns, _SECOND)
        message.time.SetInParent()  # 1970-01-01T00:00:00Z is a time although both parts are zero
    return head + message.SerializeToString(deterministic=True)


def open(filter: bytes | bytearray | memoryview, event: bytes | bytearray | memoryview) -> Envelope:
    """Read the envelope of an event that was sealed with `filter`.

    Raises `FilterMismatch` if the event does not begin with `filter`; `Malformed` if what follows
    is no envelope; `Missing` if it lacks its ``id``, ``source`` or ``type``; TypeError if an
    argument is not bytes.
    """
    head, whole = _bytes("filter", filter), _bytes("event", event)
    if not whole.startswith(head):
        raise FilterMismatch(
            "the event does not begin with the filter; "
            "open it with the filter that it was sealed with"
        )
    body = whole[len(head) :]
    _wire.check(body)
    try:
        message = _pb.Envelope.FromString(body)
    except (DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"{error}") from error
    for name in _MANDATORY:
        if not getattr(message, name):
            raise Missing(name)
    return Envelope(
        id=message.id,
        source=message.source,
        type=message.type,
        data=message.data,
        time_ns=message.time.seconds * _SECOND + message.time.nanos
        if message.HasField("time")
        else None,
        datacontenttype=message.datacontenttype,
        subject=message.subject,
        cause_id=message.cause_id,
    )


def _bytes(name: str, value: object) -> bytes:
    if isinstance(value, str):
        raise TypeError(f"{name} must be bytes, not str: encode it first, such as by .encode()")
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError(f"{name} must be bytes, not {type(value).__name__}")
    return bytes(value)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be str, not {type(value).__name__}")
    if not value and name in _MANDATORY:
        raise Missing(name)
    if "\0" in value:
        raise Malformed(f"{name} contains U+0000")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise Malformed(f"{name} contains a surrogate") from error
    return value
