"""What is in front of the camera. Everything about a picture follows from the seed and its number.

The generator draws it; ../expected.py works out from it, without a pixel, what must be found.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from math import isqrt

WIDTHS = range(116, 827)  # with 4:3 that is 10 to 500 KB
RADIUS_MIN, RADIUS_MAX = 3, 40
BRIGHTNESS = range(128, 256)
COUNTS = (0, 1, 1, 1, 2, 2, 3, 3)  # how many animals; nobody means: it was the wind
MARGIN = 2  # dark pixels around each animal, so that no two touch


@dataclass(frozen=True)
class Animal:
    """A disc of one brightness: all (x, y) with (x - left)² + (y - top)² <= radius²."""

    left: int
    top: int
    radius: int
    brightness: int

    def half_width(self, row: int) -> int:
        """How far it reaches to the left and right of its middle, `row` rows away from that."""
        return isqrt(self.radius * self.radius - row * row)

    @property
    def area(self) -> int:
        """Its number of pixels."""
        rows = range(-self.radius, self.radius + 1)
        return sum(2 * self.half_width(row) + 1 for row in rows)


@dataclass(frozen=True)
class Scene:
    """One picture before it is taken."""

    width: int
    height: int
    noise_at: int
    animals: tuple[Animal, ...]


def scene(seed: int, picture_id: int) -> Scene:
    """Return the scene of picture `picture_id`."""
    draws = struct.unpack(">16H", hashlib.sha256(f"{seed}/{picture_id}".encode()).digest())
    # The smaller of two: more small pictures than large ones.
    width = WIDTHS[min(draws[0] % len(WIDTHS), draws[1] % len(WIDTHS))]
    height = width * 3 // 4
    count, first_quarter = COUNTS[draws[2] % len(COUNTS)], draws[2] // len(COUNTS)
    animals = tuple(
        _animal(width // 2, height // 2, (first_quarter + number) % 4, draws[4 + 4 * number :])
        for number in range(count)
    )
    return Scene(width, height, draws[3], animals)


def _animal(width: int, height: int, quarter: int, draws: tuple[int, ...]) -> Animal:
    """Return an animal within a quarter of the picture, which has this width and height."""
    widest = min(RADIUS_MAX, min(width, height) // 2 - 1 - MARGIN)
    radius = RADIUS_MIN + draws[0] % (widest - RADIUS_MIN + 1)
    around = radius + MARGIN
    left = around + draws[1] % (width - 2 * around)
    top = around + draws[2] % (height - 2 * around)
    brightness = BRIGHTNESS[draws[3] % len(BRIGHTNESS)]
    return Animal(left + quarter % 2 * width, top + quarter // 2 * height, radius, brightness)
