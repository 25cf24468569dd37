"""Checks what a run has left in its folder. usage: check.py FOLDER

Everything must be as expected.json says; every picture has one row and one outcome; the kept files
are the pictures that the camera took, to the last byte, and no other file is left.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "generator"))

from picture import Camera  # noqa: E402 (their folder is known only now)
from scene import scene  # noqa: E402


def shortcomings(out: Path) -> list[str]:
    """Return what is not as it should be."""
    found = []
    expected = json.loads((HERE / "expected.json").read_text(encoding="utf-8"))
    result = json.loads((out / "result.json").read_text(encoding="utf-8"))
    run = result.pop("run")
    for name in sorted(expected.keys() | result.keys()):
        if expected.get(name) != result.get(name):
            found.append(f"{name} is {result.get(name)}, expected {expected.get(name)}")
    found += run["problems"]

    with open(out / "timeline.csv", encoding="utf-8", newline="") as file:
        rows = {int(row["id"]): row for row in csv.DictReader(file)}
    for number, row in rows.items():
        if "" in row.values():
            found.append(f"timeline.csv: picture {number} lacks something: {row}")
    if sorted(rows) != list(range(expected["images"])):
        found.append(f"timeline.csv has {len(rows)} rows, expected {expected['images']}")
    if not (out / "timeline.svg").read_text(encoding="utf-8").startswith("<svg "):
        found.append("timeline.svg is no picture")

    camera = Camera(expected["seed"])
    kept = {f"{number:06}.pgm" for number, row in rows.items() if row["outcome"] == "stored"}
    files = {file.name for file in (out / "kept").iterdir()}
    found += [f"kept/{name} is there or not, against timeline.csv" for name in sorted(kept ^ files)]
    for name in sorted(kept & files):
        taken = camera.take(scene(expected["seed"], int(name.split(".")[0])))
        if (out / "kept" / name).read_bytes() != taken:
            found.append(f"kept/{name} is not the picture that was taken")
    found += [f"{file} is left over" for file in sorted((out / "incoming").iterdir())]
    return found


def main() -> None:
    """Check, say how it was, and exit with 1 if anything is wrong."""
    out = Path(sys.argv[1])
    found = shortcomings(out)
    for line in found[:20]:
        print(f"check: {line}", file=sys.stderr)
    if found:
        sys.exit(f"check: {len(found)} shortcomings")
    run = json.loads((out / "result.json").read_text(encoding="utf-8"))["run"]
    print(
        f"{run['seconds']} s, {run['images_per_s']} images/s, {run['mb_per_s']} MB/s,"
        f" at most {run['peak_rss_mb']} MB of memory; events that came twice: {run['repeated']}"
    )
    print("Every picture has one outcome, and all is as expected.json says.")


if __name__ == "__main__":
    main()
