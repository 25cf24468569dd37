"""Takes pictures: a scene becomes a binary PGM file, noise and all."""

from __future__ import annotations

import hashlib

from scene import Scene

BANDS = 8  # of which a landscape consists, the sky is the brightest
DARKEST, BRIGHTER = 16, 8  # a band's darkest pixel: that of the ground, and how much each adds
NOISE = 24  # so much brighter than that may a pixel be
NOISE_BYTES = 1 << 18  # a band's pixels and the largest offset fit


class Camera:
    """The camera's own noise follows from the seed."""

    def __init__(self, seed: int) -> None:
        noise = hashlib.shake_128(f"{seed}".encode()).digest(NOISE_BYTES)
        # A band is a piece of long noise that is made once: pictures shall be cheap.
        self._bands = [
            noise.translate(bytes(level + value * NOISE // 256 for value in range(256)))
            for level in range(DARKEST + BRIGHTER * (BANDS - 1), DARKEST - 1, -BRIGHTER)
        ]

    def take(self, scene: Scene) -> bytes:
        """Return the PGM file of the scene."""
        width, height = scene.width, scene.height
        edges = [height * band // BANDS * width for band in range(BANDS + 1)]
        pixels = bytearray().join(
            noise[scene.noise_at : scene.noise_at + end - start]
            for noise, start, end in zip(self._bands, edges, edges[1:])
        )
        for animal in scene.animals:
            for row in range(-animal.radius, animal.radius + 1):
                half = animal.half_width(row)
                start = (animal.top + row) * width + animal.left - half
                pixels[start : start + 2 * half + 1] = bytes([animal.brightness]) * (2 * half + 1)
        return b"P5\n%d %d\n255\n" % (width, height) + pixels
