"""The envelope: vectors, hostile bytes, arguments, and that the generated code is not stale."""

from __future__ import annotations

import builtins
import dataclasses
import doctest
import importlib
import json
import pickle
import random
import shutil
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from event_engine import envelope
from event_engine.envelope import Envelope, EnvelopeError, FilterMismatch, Malformed, Missing

ROOT = Path(__file__).resolve().parents[3]
FILTER = b"reading: "
EVERYTHING = Envelope(
    "7f3c",
    "/sensors/7",
    "org.example.reading",
    data=b"\x00\xff\n",
    time_ns=1767225600_123456789,
    datacontenttype="text/plain",
    subject="日本",
    cause_id="7f3b",
)


def vectors(key: str) -> list[Any]:
    path = ROOT / "spec" / "vectors" / "envelope.json"
    found = [
        vector
        for vector in json.loads(path.read_text("utf-8"))["vectors"]
        if key in vector["given"]
    ]
    assert len(found) >= 15
    return [pytest.param(vector["given"], vector["expect"], id=vector["id"]) for vector in found]


def from_json(attributes: dict[str, Any]) -> Envelope:
    rest = dict(attributes)
    data = bytes.fromhex(rest.pop("data", ""))
    time = rest.pop("time", None)
    time_ns = None if time is None else time["seconds"] * 1_000_000_000 + time["nanos"]
    for name in ("id", "source", "type"):
        rest.setdefault(name, "")
    return Envelope(data=data, time_ns=time_ns, **rest)


def kind(error: EnvelopeError) -> dict[str, str]:
    names = {FilterMismatch: "filter-mismatch", Malformed: "malformed", Missing: "missing"}
    attribute = {"attribute": error.attribute} if isinstance(error, Missing) else {}
    return {"error": names[type(error)], **attribute}


@pytest.mark.parametrize(("given", "expect"), vectors("envelope"))
def test_sealing_gives_the_bytes_of_the_vector(given: Any, expect: Any) -> None:
    sealed = from_json(given["envelope"])
    # An int of nanoseconds has no nanos of its own that could be out of range.
    if not 0 <= given["envelope"].get("time", {}).get("nanos", 0) < 1_000_000_000:
        assert expect == {"error": "malformed"}
        return
    filter = bytes.fromhex(given["filter"])
    try:
        event = envelope.seal(filter, sealed)
    except EnvelopeError as error:
        assert kind(error) == expect
        return
    assert {"event": event.hex()} == expect
    assert envelope.open(filter, event) == sealed


@pytest.mark.parametrize(("given", "expect"), vectors("event"))
def test_opening_gives_the_envelope_or_error_of_the_vector(given: Any, expect: Any) -> None:
    try:
        opened = envelope.open(bytes.fromhex(given["filter"]), bytes.fromhex(given["event"]))
    except EnvelopeError as error:
        assert kind(error) == expect
        return
    assert opened == from_json(expect["envelope"])


def test_mutated_events_open_or_fail_with_an_envelope_error() -> None:
    whole = envelope.seal(FILTER, EVERYTHING)
    chance = random.Random(0x5EED)
    opened = failed = 0
    for _ in range(20_000):
        event = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            at = chance.randint(len(FILTER), len(event))
            change = chance.randrange(3)
            if change == 0:
                event[at : at + 1] = bytes([chance.randrange(256)])
            elif change == 1:
                del event[at:]
            else:
                event.insert(at, chance.randrange(256))
        try:
            result = envelope.open(FILTER, bytes(event))
        except FilterMismatch:
            pytest.fail(f"the filter was not touched: {event.hex()}")
        except EnvelopeError:
            failed += 1
        else:
            assert envelope.open(FILTER, envelope.seal(FILTER, result)) == result
            opened += 1
    assert opened > 200
    assert failed > 200


def test_every_shorter_event_opens_or_fails_with_an_envelope_error() -> None:
    whole = envelope.seal(FILTER, EVERYTHING)
    for length in range(len(whole)):
        try:
            envelope.open(FILTER, whole[:length])
        except EnvelopeError as error:
            assert isinstance(error, FilterMismatch) == (length < len(FILTER))


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_text_that_cannot_travel_is_not_sealed(text: str) -> None:
    with pytest.raises(Malformed, match="subject contains"):
        envelope.seal(FILTER, Envelope("1", "/s", "t", subject=text))


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"data": "21.5"}, "data must be bytes, not str: encode it first"),
        ({"data": None}, "data must be bytes, not NoneType"),
        ({"id": 1}, "id must be str, not int"),
        ({"time_ns": 1.5}, "time_ns must be an int, not float"),
    ],
)
def test_wrong_types_are_type_errors_that_say_what_to_do(
    attributes: dict[str, Any], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        envelope.seal(FILTER, dataclasses.replace(EVERYTHING, **attributes))


def test_a_filter_of_text_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="filter must be bytes, not str: encode it first"):
        envelope.seal("reading: ", EVERYTHING)  # type: ignore[arg-type]


def test_opening_text_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="event must be bytes, not str"):
        envelope.open(FILTER, "reading: ")  # type: ignore[arg-type]


def test_all_kinds_of_bytes_are_taken() -> None:
    data: Any = memoryview(b"21.5")
    event = envelope.seal(bytearray(FILTER), Envelope("1", "/s", "t", data))
    assert envelope.open(FILTER, bytearray(event)).data == b"21.5"


def test_time_is_a_datetime_in_utc() -> None:
    when = datetime(2026, 1, 1, 1, 0, 0, 123456, tzinfo=timezone(timedelta(hours=1)))
    dated = EVERYTHING.with_time(when)
    assert dated.time_ns == 1767225600_123456000
    assert dated.time == when
    assert EVERYTHING.time == when  # rounded down to the microsecond
    assert Envelope("1", "/s", "t").time is None
    before = Envelope("1", "/s", "t", time_ns=-1)
    assert before.time == datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=timezone.utc)


def test_every_time_that_opens_is_a_datetime() -> None:
    for time_ns in (-62135596800_000000000, 253402300799_999999999):
        event = envelope.seal(FILTER, Envelope("1", "/s", "t", time_ns=time_ns))
        opened = envelope.open(FILTER, event)
        assert opened.time_ns == time_ns
        assert opened.time is not None


def test_a_time_without_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a time zone"):
        EVERYTHING.with_time(datetime(2026, 1, 1))


def test_errors_survive_pickling() -> None:
    error = pickle.loads(pickle.dumps(Missing("id")))
    assert isinstance(error, Missing)
    assert error.attribute == "id"
    assert str(error) == str(Missing("id"))


def test_without_protobuf_the_import_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_protobuf(name: str, *arguments: Any, **options: Any) -> Any:
        if name.startswith("google"):
            raise ImportError(f"No module named {name!r}")
        return real(name, *arguments, **options)

    monkeypatch.delitem(sys.modules, "event_engine.envelope")
    monkeypatch.setattr(builtins, "__import__", without_protobuf)
    with pytest.raises(ImportError, match=r"pip install 'event-engine\[envelope\]'"):
        importlib.import_module("event_engine.envelope")


def test_all_is_what_is_importable() -> None:
    public = {name for name in vars(envelope) if not name.startswith("_")}
    modules = {"annotations", "envelope_pb2", "DecodeError", "TIME_NS_MAX", "TIME_NS_MIN"}
    assert public - modules == set(envelope.__all__)


def test_the_examples_of_the_docstrings_are_true() -> None:
    for module in ("event_engine.envelope", "event_engine.envelope._envelope"):
        result = doctest.testmod(importlib.import_module(module))
        assert result.attempted > 0
        assert result.failed == 0


def test_the_example_prints_what_it_opened() -> None:
    example = ROOT / "sdks" / "python" / "examples" / "seal.py"
    run = subprocess.run([sys.executable, example], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == [
        "org.example.reading 1 from /sensors/7: 21.5",
        "not an alarm: the event does not begin with the filter; "
        "open it with the filter that it was sealed with",
    ]


def test_the_checked_in_code_is_not_stale() -> None:
    script = ROOT / "scripts" / "envelope.sh"
    tools = ROOT / "target" / "envelope-tools" / "bin" / "protoc-gen-go"
    if not (tools.exists() and shutil.which("protoc-gen-c") and shutil.which("go")):
        pytest.skip("the generators are not installed here; scripts/envelope.sh installs them")
    check = subprocess.run([script, "--check"], capture_output=True, text=True, timeout=120)
    assert check.returncode == 0, check.stdout + check.stderr
