"""The specification's examples, against the parts without I/O."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from event_engine import EventEngineError, Rejected
from event_engine import _constants as c
from event_engine._batch import pack, unpack
from event_engine._header import HeaderError, parse
from event_engine._session import Session

_VECTORS = Path(__file__).parents[3] / "spec" / "vectors"


def _vectors(name: str) -> list[Any]:
    vectors = json.loads((_VECTORS / f"{name}.json").read_text())["vectors"]
    assert vectors
    return [pytest.param(vector, id=vector["id"]) for vector in vectors]


@pytest.mark.parametrize("vector", _vectors("session-headers"))
def test_header(vector: dict[str, Any]) -> None:
    given = vector["given"]
    prefix = c.COMMAND_PREFIX if given["from"] == "client" else c.REPLY_PREFIX
    outcome: dict[str, Any]
    try:
        header = parse(bytes.fromhex(given["header"]), prefix)
        outcome = {"verb": header.verb, "keys": {**header.numbers, **header.texts}}
    except HeaderError as error:
        outcome = {"error": error.code}
    assert outcome == vector["expect"]


@pytest.mark.parametrize("vector", _vectors("session-batches"))
def test_batch(vector: dict[str, Any]) -> None:
    given = vector["given"]
    payload = bytes.fromhex(given["payload"]) + bytes(given.get("zeros", 0))
    outcome: dict[str, Any]
    try:
        events = unpack(payload, given["count"]) if "count" in given else [payload]
        outcome = {"events": [event.hex() for event in events]}
        assert "count" not in given or pack(events) == payload
    except HeaderError as error:
        outcome = {"error": error.code}
    assert outcome == vector["expect"]


@pytest.mark.parametrize("vector", _vectors("session-client"))
def test_client(vector: dict[str, Any]) -> None:
    given = vector["given"]
    session = Session(given["session"], given["client"], given["window"])
    for number, step in enumerate(given["steps"]):
        outcome = _do(session, step)
        for key in ("sends", "error", "event"):
            assert outcome.get(key) == step.get(key, [] if key == "sends" else None), (number, step)
        for key in ("state", "settled", "unsettled"):
            if key in step:
                assert _now(session)[key] == step[key], (number, step)
    assert _now(session) == vector["expect"]


def _now(session: Session) -> dict[str, Any]:
    ids = session.unsettled
    return {
        "state": session.state,
        "settled": session.settled,
        "unsettled": [ids.start, ids.stop - 1] if ids else [],
    }


def _do(session: Session, step: dict[str, Any]) -> dict[str, Any]:
    known = session.error
    error: EventEngineError | None = None
    outcome: dict[str, Any] = {}
    try:
        if step["do"] == "receive":
            session.received([bytes.fromhex(frame) for frame in step["frames"]])
        elif step["do"] == "publish":
            session.publish([bytes.fromhex(event) for event in step["events"]])
        elif step["do"] == "next":
            event = session.next()
            if event is not None:
                outcome["event"] = {
                    "data": event.hex(),
                    "sequence": event.sequence,
                    "redelivered": event.redelivered,
                }
        else:
            getattr(session, step["do"])()
    except EventEngineError as raised:
        error = raised
    if session.error is not known:
        error = session.error
    if error is not None:
        outcome["error"] = {"kind": type(error).__name__.lower()}
        if isinstance(error, Rejected):
            outcome["error"]["code"] = error.code
    outcome["sends"] = [[frame.hex() for frame in message] for message in session.outbox]
    session.outbox.clear()
    return outcome
