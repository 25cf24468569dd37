"""The seed application's external plugin: takes ten events, says goodbye, quits."""

import os
import sys

import event_engine

ENDPOINT = os.environ.get("EVENT_ENGINE_ENDPOINT", "tcp://127.0.0.1:6000")
EVENTS = 10  # five of TypeA, five of TypeB
WAIT_S = 30


def main() -> None:
    """Be the plugin."""
    with event_engine.connect(ENDPOINT, timeout=WAIT_S) as client:
        for _ in range(EVENTS):
            event = client.next_event(WAIT_S)
            print("plugin got", event.decode(errors="replace"), flush=True)
        client.publish(b"TypeCGoodbye from the external plugin", WAIT_S)
        print("plugin published TypeCGoodbye from the external plugin", flush=True)


if __name__ == "__main__":
    try:
        main()
    except event_engine.EventEngineError as error:
        sys.exit(f"plugin: {error}")
