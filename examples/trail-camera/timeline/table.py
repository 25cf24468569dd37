"""The timeline as a table: one row for each picture."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from typing import IO

from record import Row

HEADER = (
    "id",
    "width",
    "height",
    "bytes",
    "taken_ms",
    "decoded_ms",
    "detected_ms",
    "scored_ms",
    "done_ms",
    "animals",
    "score",
    "outcome",
    "scored_times",
)


def write(rows: Mapping[int, Row], out: IO[str]) -> None:
    """Write the table as CSV. Times are milliseconds since the first picture, or empty."""
    start = min((row.taken_ns for row in rows.values() if row.taken_ns), default=0)
    table = csv.writer(out, lineterminator="\n")
    table.writerow(HEADER)
    for number, row in sorted(rows.items()):
        times = (f"{(at - start) / 1e6:.3f}" if at else "" for at in row.times())
        sizes = (row.width, row.height, row.size_bytes)
        table.writerow(
            (number, *sizes, *times, row.animals, row.score, row.outcome, row.scored_times)
        )
