"""The camera: takes pictures as fast as the others look at them, says how many they were, quits."""

import json
import os
import struct
import sys
import time

import event_engine
from event_engine import envelope
from picture import Camera
from scene import scene

BATCH_BYTES = 2 << 20  # published at once


def main() -> None:
    """Be the plugin."""
    images, seed = int(os.environ["IMAGES"]), int(os.environ["SEED"])
    camera = Camera(seed)
    bytes_taken = 0
    with event_engine.connect() as client:
        batch: list[bytes] = []
        batch_bytes = 0
        for number in range(images):
            file = camera.take(scene(seed, number))
            bytes_taken += len(file)
            batch.append(struct.pack(">2sIQ", b"IM", number, time.time_ns()) + file)
            batch_bytes += len(batch[-1])
            if batch_bytes >= BATCH_BYTES or number == images - 1:
                # Returns when the readers' queues have room: that is all the pacing there is.
                client.publish_batch(batch)
                batch, batch_bytes = [], 0
        summary = {"images": images, "seed": seed, "bytes": bytes_taken}
        client.publish(
            envelope.seal(
                b"SU",
                envelope.Envelope(
                    "1",
                    "/generator",
                    "trail-camera.summary",
                    json.dumps(summary).encode(),
                    datacontenttype="application/json",
                ),
            )
        )


if __name__ == "__main__":
    try:
        main()
    except event_engine.EventEngineError as error:
        sys.exit(f"generator: {error}")
