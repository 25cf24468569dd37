"""What callers pass in, checked before anything is sent."""

from __future__ import annotations

import ipaddress
import math
import os
import re
import time
from collections.abc import Iterable
from typing import Union

from ._constants import ENV_ENDPOINT, RECEIVE_WINDOW_MAX

Data = Union[bytes, bytearray, memoryview]
"""What can be published: bytes, or anything with the same content as bytes."""

PROFILES = ("auto", "session", "basic")

_ENDPOINT = re.compile(r"tcp://(?:\[[0-9A-Fa-f:.%a-z]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")


def check_endpoint(endpoint: str | None) -> str:
    """Return the endpoint to connect to, from the environment when there is no argument."""
    source = "endpoint"
    if endpoint is None:
        source = ENV_ENDPOINT
        endpoint = os.environ.get(ENV_ENDPOINT)
        if not endpoint:
            raise ValueError(
                f"no endpoint: pass one, such as tcp://127.0.0.1:6000, or set {ENV_ENDPOINT}"
            )
    if not isinstance(endpoint, str):
        raise TypeError(f"endpoint is text like tcp://host:port, not {type(endpoint).__name__}")
    match = _ENDPOINT.fullmatch(endpoint)
    if match is None or not 1 <= int(match[1]) <= 65535:
        raise ValueError(f"{source} {endpoint!r}: it has to be tcp://host:port, port 1 to 65535")
    return endpoint


def is_numeric(endpoint: str) -> bool:
    """Return whether the host of a checked endpoint is an address, which no name service knows."""
    host = endpoint[len("tcp://") : endpoint.rindex(":")].strip("[]").partition("%")[0]
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def check_seconds(name: str, seconds: float) -> float:
    """Return a time in seconds. Raises TypeError or ValueError for anything else."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(f"{name} is a number of seconds, not {type(seconds).__name__}")
    if math.isnan(seconds) or seconds < 0:
        raise ValueError(f"{name} is {seconds}: it has to be 0 or more seconds")
    return seconds


def check_window(events: int) -> int:
    """Return a number of events. Raises TypeError or ValueError for what is no receive window."""
    if isinstance(events, bool) or not isinstance(events, int):
        raise TypeError(f"receive_window is a number of events, not {type(events).__name__}")
    if not 1 <= events <= RECEIVE_WINDOW_MAX:
        raise ValueError(
            f"receive_window is {events}: it has to be 1 to {RECEIVE_WINDOW_MAX} events"
        )
    return events


def deadline_of(timeout: float | None) -> float | None:
    """Return when a call that starts now must end on the monotonic clock; None is never."""
    if timeout is None or timeout == math.inf:
        return None
    return time.monotonic() + check_seconds("timeout", timeout)


def check_event(event: Data) -> bytes:
    """Return the event as bytes that cannot change any more."""
    if isinstance(event, bytes):
        return event
    if isinstance(event, (bytearray, memoryview)):
        return bytes(event)
    if isinstance(event, str):
        raise TypeError("an event is bytes, not text: encode it, for example with event.encode()")
    raise TypeError(f"an event is bytes, not {type(event).__name__}")


def check_events(events: Iterable[Data]) -> list[bytes]:
    """Return several events as a list."""
    if isinstance(events, (bytes, bytearray, memoryview, str)):
        raise TypeError("publish_batch takes several events: use publish for one")
    batch = list(events)
    if set(map(type, batch)) <= {bytes}:
        return batch  # type: ignore[return-value]
    return [check_event(event) for event in batch]
