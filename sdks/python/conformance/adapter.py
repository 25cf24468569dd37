"""What the two testees of this SDK have in common: the adapter protocol of conformance/adapter.md.

Nothing here calls a client. It turns commands into arguments, and results and errors into answers.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import platform
import time
from collections.abc import Iterator
from importlib import metadata
from typing import Any

import zmq

import event_engine

try:
    from event_engine import envelope
except ImportError:  # protobuf is not here, and the feature with it
    envelope = None  # type: ignore[assignment]

LINE_BYTES_MAX = 64 * 1024 * 1024
BATCH_MAX = 500

Fields = dict[str, Any]

_FEATURES = (
    "batch",
    "codes",
    "concurrent",
    "drop",
    "environment",
    "heartbeat",
    "iterate",
    "late-connect",
    "profiles",
    "receive-window",
    "timeouts",
    "unsettled",
)
_KINDS: tuple[tuple[type[Exception], str], ...] = (
    (event_engine.Timeout, "timeout"),
    (event_engine.Closed, "closed"),
    (event_engine.Rejected, "rejected"),
    (event_engine.Protocol, "protocol"),
    (event_engine.Transport, "transport"),
    (TypeError, "invalid"),
    (ValueError, "invalid"),
)


class Unsupported(Exception):
    """The command is none for this library."""


def address() -> tuple[str, int]:
    """Return where the harness listens."""
    host, _, port = os.environ["CONFORMANCE_ADDRESS"].rpartition(":")
    return host, int(port)


def hello(name: str, *features: str) -> Fields:
    """Describe the testee; ``features`` are those that only it has."""
    libraries = {"pyzmq": zmq.__version__, "libzmq": zmq.zmq_version()}
    if envelope is not None:
        libraries["protobuf"] = metadata.version("protobuf")
        features += ("envelope",)
    return {
        "name": name,
        "version": event_engine.__version__,
        "role": "sdk",
        "language": f"python{platform.python_version()}",
        "profiles": ["basic", "session"],
        "features": sorted(_FEATURES + features),
        "libraries": libraries,
    }


def line(command: Fields, *, ok: Fields | None = None, error: BaseException | None = None) -> bytes:
    """Make the answer to a command."""
    answer = {"ok": ok} if error is None else {"error": _failure(error)}
    return json.dumps({"id": command["id"], **answer}).encode() + b"\n"


def _failure(error: BaseException) -> Fields:
    kind = next((kind for known, kind in _KINDS if isinstance(error, known)), "other")
    if isinstance(error, Unsupported):
        kind = "unsupported"
    text = str(error) if kind != "other" else repr(error)
    failure: Fields = {"kind": kind, "text": text.encode("utf-8", "replace").decode()}
    if isinstance(error, event_engine.EventEngineError) and error.unsettled:
        failure["unsettled"] = [error.unsettled[0], error.unsettled[-1]]
    if isinstance(error, event_engine.Rejected):
        failure["code"] = error.code
    elif envelope is not None and isinstance(error, envelope.EnvelopeError):
        failure["code"] = _ENVELOPE_CODES[type(error)]
    return failure


# ---------------------------------------------------------------------- arguments


def connect_arguments(command: Fields) -> Fields:
    """Return what to connect with; what the command does not say is left to the library."""
    os.environ.update(command.get("environment", {}))
    arguments: Fields = {key: command[key] for key in ("endpoint", "profile") if key in command}
    for key in ("timeout", "heartbeat"):
        if f"{key}_ms" in command:
            arguments[key] = command[f"{key}_ms"] / 1000
    if "receive_window" in command:
        arguments["receive_window"] = command["receive_window"]
    return arguments


def timeout(command: Fields) -> dict[str, float]:
    """Return the time-out that a call is given, if any."""
    return {"timeout": command["timeout_ms"] / 1000} if "timeout_ms" in command else {}


def decode(text: str) -> bytes:
    """Return the bytes of a Base64 field."""
    return base64.b64decode(text, validate=True)


def numbered(command: Fields) -> Iterator[bytes]:
    """Make the events of a flood or of round trips."""
    prefix, first = decode(command["prefix"]), command.get("first", 0)
    for number in range(first, first + command["count"]):
        yield (prefix + b"%08d" % number).ljust(command["size"], b".")


def batches(command: Fields) -> Iterator[list[bytes]]:
    """Make the events of a flood, as many at a time as one call publishes."""
    events = numbered(command)
    while batch := list(itertools.islice(events, BATCH_MAX)):
        yield batch


# ---------------------------------------------------------------------- results


def encode(data: bytes) -> str:
    """Make a Base64 field."""
    return base64.b64encode(data).decode()


def received(event: event_engine.Event) -> Fields:
    """Describe an event that came."""
    fields: Fields = {"data": encode(event), "redelivered": event.redelivered}
    if event.sequence:  # the basic profile has none
        fields["sequence"] = event.sequence
    return fields


def now_us() -> int:
    """Return the time in microseconds, to measure by."""
    return time.perf_counter_ns() // 1000


class Tally:
    """Keeps count of the numbered events that a drain takes."""

    def __init__(self) -> None:
        self.seen: set[int] = set()
        self._count = self._redelivered = 0
        self._in_order = True
        self._first: int | None = None
        self._last: int | None = None
        self._began_us = self._ended_us = 0

    def add(self, event: event_engine.Event) -> None:
        """Count an event."""
        self._ended_us = now_us()
        digits = event.partition(b":")[2][:8]
        if not digits.isdigit():
            raise LookupError(f"an event without a number: {event[:64]!r}")
        number = int(digits)
        if self._last is None:
            self._first, self._began_us = number, self._ended_us
        elif number <= self._last:
            self._in_order = False
        self._last = number
        self._count += 1
        self._redelivered += event.redelivered
        self.seen.add(number)

    def result(self) -> Fields:
        """Return the account."""
        return {
            "count": self._count,
            "distinct": len(self.seen),
            "in_order": self._in_order,
            "first": self._first,
            "last": self._last,
            "redelivered": self._redelivered,
            "us": self._ended_us - self._began_us,
        }


# ---------------------------------------------------------------------- the envelope

_ENVELOPE_CODES: dict[type[Exception], str] = {}
if envelope is not None:
    _ENVELOPE_CODES = {
        envelope.FilterMismatch: "filter-mismatch",
        envelope.Malformed: "malformed",
        envelope.Missing: "missing",
    }
_TEXTS = ("id", "source", "type", "datacontenttype", "subject", "cause_id")
_SECOND = 1_000_000_000


def seal(command: Fields) -> Fields:
    """Make an event of an envelope."""
    if envelope is None:
        raise Unsupported("seal needs protobuf")
    given = command["envelope"]
    made = {name: given.get(name, "") for name in _TEXTS}
    when = given.get("time")
    if when is not None:
        if not 0 <= when["nanos"] < _SECOND:
            raise Unsupported("time_ns has no nanos of its own that could be out of range")
        made["time_ns"] = when["seconds"] * _SECOND + when["nanos"]
    sealed = envelope.Envelope(data=bytes.fromhex(given.get("data", "")), **made)
    return {"event": encode(envelope.seal(decode(command["filter"]), sealed))}


def open_envelope(command: Fields) -> Fields:
    """Read the envelope of an event."""
    if envelope is None:
        raise Unsupported("open needs protobuf")
    opened = envelope.open(decode(command["filter"]), decode(command["event"]))
    fields: Fields = {name: getattr(opened, name) for name in _TEXTS if getattr(opened, name)}
    if opened.data:
        fields["data"] = opened.data.hex()
    if opened.time_ns is not None:
        fields["time"] = dict(zip(("seconds", "nanos"), divmod(opened.time_ns, _SECOND)))
    return {"envelope": fields}
