"""What the package offers."""

from __future__ import annotations

import copy
import inspect
import pickle
from importlib.metadata import version
from types import ModuleType

import event_engine
from event_engine import Event, aio


def _own(module: ModuleType) -> set[str]:
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith("event_engine")
    }


def test_all_is_what_is_importable() -> None:
    assert _own(event_engine) | {"__version__"} == set(event_engine.__all__)
    made_here = {name for name in _own(aio) if vars(aio)[name].__module__ == aio.__name__}
    assert made_here == set(aio.__all__)


def test_version_is_that_of_the_distribution() -> None:
    assert event_engine.__version__ == version("event-engine")


def test_twins_have_the_same_methods() -> None:
    def names(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")}

    assert names(event_engine.Client) == names(aio.Client)
    for name in names(event_engine.Client) - {"profile", "stopping"}:
        ours, twin = (getattr(kind, name) for kind in (event_engine.Client, aio.Client))
        assert inspect.signature(ours).parameters == inspect.signature(twin).parameters


def test_everything_public_is_documented() -> None:
    for owner in (event_engine, aio, event_engine.Client, aio.Client, Event):
        for name in getattr(owner, "__all__", [n for n in vars(owner) if n[0] != "_"]):
            value = inspect.getattr_static(owner, name)
            if callable(value) or isinstance(value, property):
                assert inspect.getdoc(value), name


def test_event_is_bytes() -> None:
    event = Event(b"abc")
    assert event == b"abc" and isinstance(event, bytes) and hash(event) == hash(b"abc")
    assert (event.sequence, event.redelivered) == (0, False)
    event.sequence = 7
    for twin in (copy.copy(event), pickle.loads(pickle.dumps(event))):
        assert twin == event and twin.sequence == 7


def test_errors_are_what_the_language_knows_too() -> None:
    assert issubclass(event_engine.Timeout, TimeoutError)
    assert issubclass(event_engine.Transport, ConnectionError)
    for kind in (
        event_engine.Timeout,
        event_engine.Closed,
        event_engine.Protocol,
        event_engine.Transport,
    ):
        error = kind("words", unsettled=range(3, 5))
        assert str(error) == "words"
        assert (
            copy.copy(error).unsettled == range(3, 5) == pickle.loads(pickle.dumps(error)).unsettled
        )
    rejected = copy.copy(event_engine.Rejected("words", code="too-large"))
    assert (str(rejected), rejected.code, rejected.unsettled) == ("words", "too-large", range(0))
