"""What is known of each picture: the events of the others, each counted once.

A scorer or a store that was killed may have published what its successor publishes again. Whatever
is said of a picture first holds; what comes later only has to say the same.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections import Counter
from dataclasses import dataclass, field

from event_engine import envelope
from trail_camera_pb2 import Detected, Scored

_DECODED = struct.Struct(">2sIQQIII")  # events.md


@dataclass
class Row:
    """One picture. Times are nanoseconds since 1970, 0 as long as it did not get there."""

    width: int = 0
    height: int = 0
    size_bytes: int = 0
    taken_ns: int = 0
    decoded_ns: int = 0
    detected_ns: int = 0
    scored_ns: int = 0
    done_ns: int = 0
    animals: int = 0
    score: int = 0
    outcome: str = ""
    scored_times: int = 0

    def times(self) -> tuple[int, int, int, int, int]:
        """When it passed each stage, in their order."""
        return self.taken_ns, self.decoded_ns, self.detected_ns, self.scored_ns, self.done_ns


@dataclass(frozen=True)
class Sample:
    """What the application used at one moment."""

    at_ns: int
    cpu_ms: int
    rss_bytes: int


@dataclass
class Record:
    """Everything that was said."""

    rows: dict[int, Row] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    summary: dict[str, int] = field(default_factory=dict)
    repeated: Counter[str] = field(default_factory=Counter)
    scored_again: list[tuple[int, int]] = field(default_factory=list)  # when, which picture
    problems: list[str] = field(default_factory=list)

    def take(self, event: bytes) -> None:
        """Enter one event."""
        reader = _READERS.get(event[:2])
        if reader is None:
            self.problems.append(f"an event of an unknown type: {event[:20]!r}")
        else:
            reader(self, event)

    def finish(self) -> None:
        """Look for what is missing; to be called after the last event."""
        images = self.summary.get("images")
        if images is None:
            self.problems.append("the camera's summary did not come")
        elif sorted(self.rows) != list(range(images)):
            self.problems.append(f"the camera took {images} pictures, {len(self.rows)} are known")
        for number, row in sorted(self.rows.items()):
            if 0 in row.times():
                self.problems.append(f"picture {number} did not pass every stage: {row}")

    def result(self) -> dict[str, object]:
        """Return the outcome in the form of expected.json."""
        lines = "".join(
            f"{number} {row.score} {row.outcome}\n" for number, row in sorted(self.rows.items())
        )
        outcomes = Counter(row.outcome for row in self.rows.values())
        return {
            "images": len(self.rows),
            "seed": self.summary.get("seed"),
            "bytes": sum(row.size_bytes for row in self.rows.values()),
            "animals": sum(row.animals for row in self.rows.values()),
            "stored": outcomes["stored"],
            "deleted": outcomes["deleted"],
            "sha256": hashlib.sha256(lines.encode()).hexdigest(),
        }

    # ------------------------------------------------------------------ one for each type of event

    def _decoded(self, event: bytes) -> None:
        _, number, taken, decoded, width, height, size = _DECODED.unpack(event)
        row = self._row(number)
        if self._is_first("decoded", row.decoded_ns, (row.width, row.height), (width, height)):
            row.taken_ns, row.decoded_ns = taken, decoded
            row.width, row.height, row.size_bytes = width, height, size

    def _detected(self, event: bytes) -> None:
        detected = Detected.FromString(event[2:])
        row = self._row(detected.id)
        if self._is_first("detected", row.detected_ns, row.animals, len(detected.animals)):
            row.detected_ns, row.animals = detected.at_ns, len(detected.animals)

    def _scored(self, event: bytes) -> None:
        scored = Scored.FromString(event[2:])
        row = self._row(scored.id)
        row.scored_times += 1
        if self._is_first("scored", row.scored_ns, row.score, scored.score):
            row.scored_ns, row.score = scored.at_ns, scored.score
        else:
            self.scored_again.append((scored.at_ns, scored.id))

    def _done(self, event: bytes) -> None:
        done = json.loads(event[2:])
        outcome = {b"SD": "stored", b"DD": "deleted"}[event[:2]]
        row = self._row(done["id"])
        if self._is_first("done", row.done_ns, row.outcome, outcome):
            row.done_ns, row.outcome = done["at_ns"], outcome

    def _power(self, event: bytes) -> None:
        opened = envelope.open(b"PW", event)
        data = json.loads(opened.data)
        self.samples.append(Sample(opened.time_ns or 0, data["cpu_ms"], data["rss_bytes"]))

    def _summary(self, event: bytes) -> None:
        summary = json.loads(envelope.open(b"SU", event).data)
        if self._is_first("summary", len(self.summary), self.summary, summary):
            self.summary = summary

    def _row(self, number: int) -> Row:
        return self.rows.setdefault(number, Row())

    def _is_first(self, stage: str, known: int, before: object, now: object) -> bool:
        """Whether nothing was `known` of a stage; if there was, it has to be the same as `now`."""
        if not known:
            return True
        self.repeated[stage] += 1
        if before != now:
            self.problems.append(f"{stage}: first {before}, then {now}")
        return False


_READERS = {
    b"DC": Record._decoded,
    b"DT": Record._detected,
    b"SC": Record._scored,
    b"SD": Record._done,
    b"DD": Record._done,
    b"PW": Record._power,
    b"SU": Record._summary,
}
