"""Publish each line of standard input. The engine's port is in EVENT_ENGINE_ENDPOINT."""

import sys

import event_engine

with event_engine.connect() as client:
    last = client.publish_batch(line.rstrip(b"\n") for line in sys.stdin.buffer)
print(f"{last} events accepted")
