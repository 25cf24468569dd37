"""Headers of session messages: reading and writing them.

A header is ``plugin_command: VERB key=value …`` from a client and ``event-engine: VERB …`` from the
engine, ASCII, at most 1024 bytes long, with percent-encoded values.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from . import _constants as c

_BODY = re.compile(
    rb"[a-z][a-z0-9-]*(?: [a-z][a-z0-9-]*=(?:[\x21-\x24\x26-\x7e]|%[0-9A-Fa-f]{2})*)*"
)
_INTEGER = re.compile(r"0|[1-9][0-9]{0,18}")
_SESSION = re.compile(r"[0-9a-f]{32}")
_INTEGER_MAX = 2**63 - 1

# A key's kind, with "?" behind it when it may be absent.
_CLIENT_VERBS = {
    c.VERB_HELLO: {"version": "integer", "session": "session", "client": "text"},
    c.VERB_READY: {},
    c.VERB_ACK: {"seq": "integer", "upto": "integer"},
    c.VERB_PUBLISH: {"id": "positive", "count": "positive?"},
    c.VERB_PONG: {},
    c.VERB_QUIT: {},
}
_ENGINE_VERBS = {
    c.VERB_WELCOME: {
        "version": "positive",
        "engine": "text",
        "plugin": "text",
        "resumed": "flag",
        "received": "integer",
        "max-event-bytes": "positive",
        "publish-window": "positive",
        "publish-window-bytes": "positive",
        "ping-ms": "positive",
        "grace-ms": "integer",
    },
    c.VERB_OK: {},
    c.VERB_EVENTS: {
        "seq": "positive",
        "count": "positive?",
        "redelivered": "flag?",
        "order": "positive?",
    },
    c.VERB_PUBLISHED: {"id": "integer"},
    c.VERB_PING: {},
    c.VERB_STOP: {"reason": "text"},
    c.VERB_BYE: {},
    c.VERB_ERROR: {"code": "text", "id": "positive?", "versions": "text?"},
}
_VERBS = {c.COMMAND_PREFIX: _CLIENT_VERBS, c.REPLY_PREFIX: _ENGINE_VERBS}


class HeaderError(ValueError):
    """A header, or a message as a whole, that breaks the rules; ``code`` is the protocol's."""

    def __init__(self, message: str, code: str = c.CODE_BAD_COMMAND) -> None:
        super().__init__(message)
        self.code = code


class Header(NamedTuple):
    """A verb, and the values of the keys that it knows, by kind; a flag is the number 0 or 1."""

    verb: str
    numbers: dict[str, int]
    texts: dict[str, str]


def parse(header: bytes, prefix: bytes = c.REPLY_PREFIX) -> Header:
    """Read a header that begins with ``prefix``, the one of the side that it comes from.

    Raises :class:`HeaderError`: ``bad-command`` when it is malformed or its verb unknown,
    ``bad-param`` when a key that the verb knows is missing or says what it must not.
    """
    if len(header) > c.HEADER_MAX_BYTES or not header.startswith(prefix):
        raise HeaderError(f"no header of this profile: {header[:60]!r}")
    body = header[len(prefix) :]
    if _BODY.fullmatch(body) is None:
        raise HeaderError(f"malformed header: {header[:60]!r}")
    verb, *pairs = body.decode("ascii").split(" ")
    values: dict[str, str] = {}
    for pair in pairs:
        key, _, value = pair.partition("=")
        if key in values:
            raise HeaderError(f"{verb} with {key} twice")
        # Bytes that are no UTF-8 must not stop a reader that does not need the value.
        values[key] = unquote_to_bytes(value).decode("utf-8", "replace") if "%" in value else value
    if verb not in _VERBS[prefix]:
        raise HeaderError(f"unknown verb {verb}")
    result = Header(verb, {}, {})
    for key, kind in _VERBS[prefix][verb].items():
        if key in values:
            _read(result, key, kind.rstrip("?"), values[key])
        elif not kind.endswith("?"):
            raise HeaderError(f"{verb} without {key}", c.CODE_BAD_PARAM)
    return result


def _read(header: Header, key: str, kind: str, value: str) -> None:
    if kind in ("text", "session"):
        good = kind == "text" or _SESSION.fullmatch(value) is not None
        header.texts[key] = value
    else:
        good = _INTEGER.fullmatch(value) is not None
        number = int(value) if good else -1
        good = (kind == "positive") <= number <= (1 if kind == "flag" else _INTEGER_MAX)
        header.numbers[key] = number
    if not good:
        raise HeaderError(f"{header.verb} with {key}={value[:40]}", c.CODE_BAD_PARAM)


def command(verb: str, **params: int | str) -> bytes:
    """Write a client's header."""
    words = [verb]
    words += [f"{key}={quote(str(value), safe='/:+')}" for key, value in params.items()]
    return c.COMMAND_PREFIX + " ".join(words).encode("ascii")
