"""The timeline monitor: follows every picture through the application, and says how it was.

Writes timeline.csv, timeline.svg and result.json to the folder that TRAIL_CAMERA_OUT names.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import chart
import event_engine
import table
from record import Record


def main() -> None:
    """Be the plugin."""
    out = Path(os.environ["TRAIL_CAMERA_OUT"])
    record = Record()
    with event_engine.connect() as client:
        for event in client:  # ends with the application
            record.take(event)
        record.finish()
        write(record, out)


def write(record: Record, out: Path) -> None:
    """Write the three files."""
    rows = record.rows.values()
    taken = [row.taken_ns for row in rows if row.taken_ns]
    done = [row.done_ns for row in rows if row.done_ns]
    seconds = (max(done) - min(taken)) / 1e9 if taken and done else 0.0
    megabytes = sum(row.size_bytes for row in rows) / 1e6
    result = record.result()
    result["run"] = {
        "seconds": round(seconds, 3),
        "images_per_s": round(len(rows) / seconds, 1) if seconds else None,
        "mb_per_s": round(megabytes / seconds, 1) if seconds else None,
        "peak_rss_mb": round(max((s.rss_bytes for s in record.samples), default=0) / 1e6, 1),
        "repeated": dict(record.repeated),
        "problems": record.problems,
    }
    with open(out / "timeline.csv", "w", encoding="utf-8", newline="") as file:
        table.write(record.rows, file)
    title = f"{len(rows):,} images, {megabytes:,.0f} MB in {seconds:.1f} s"
    picture = chart.draw(record.rows, record.samples, record.scored_again, title)
    (out / "timeline.svg").write_text(picture, encoding="utf-8")
    (out / "result.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except event_engine.EventEngineError as error:
        sys.exit(f"timeline: {error}")
