"""Works out what the application must come to, from the seed alone: without engine and pixels.

usage: expected.py [--images N] [--seed N] [--threshold N]     prints what expected.json holds
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "generator"))

from scene import Animal, scene  # noqa: E402 (its folder is known only now)


def score(animal: Animal) -> int:
    """Large is good, bright is good; events.md: scores are 0 to 1000."""
    return min(1000, 2 * animal.brightness + min(490, animal.area // 4))


def digest(outcomes: list[tuple[int, int, str]]) -> str:
    """Return one checksum of all (id, score, outcome)."""
    lines = "".join(f"{picture} {score} {outcome}\n" for picture, score, outcome in outcomes)
    return hashlib.sha256(lines.encode()).hexdigest()


def expected(images: int, seed: int, threshold: int) -> dict[str, object]:
    """Return what the timeline's result.json must say."""
    outcomes = []
    size = animals = 0
    for number in range(images):
        view = scene(seed, number)
        size += len(f"P5\n{view.width} {view.height}\n255\n") + view.width * view.height
        animals += len(view.animals)
        best = max(map(score, view.animals), default=0)
        outcomes.append((number, best, "stored" if best >= threshold else "deleted"))
    return {
        "images": images,
        "seed": seed,
        "bytes": size,
        "animals": animals,
        "stored": sum(outcome == "stored" for _, _, outcome in outcomes),
        "deleted": sum(outcome == "deleted" for _, _, outcome in outcomes),
        "sha256": digest(outcomes),
    }


def main() -> None:
    """Print it."""
    parser = argparse.ArgumentParser(description="What the trail camera must come to.")
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--threshold", type=int, default=800)
    arguments = parser.parse_args()
    print(json.dumps(expected(arguments.images, arguments.seed, arguments.threshold), indent=2))


if __name__ == "__main__":
    main()
