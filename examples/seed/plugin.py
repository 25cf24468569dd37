"""The seed application's external plugin: takes ten events, says goodbye, quits."""

import os
import sys

import zmq
from pyevents.events import get_next_msg, get_plugin_socket, publish_msg, send_quit_command

HOST = os.environ.get("EVENT_ENGINE_HOST", "127.0.0.1")
PORT = int(os.environ.get("EVENT_ENGINE_PORT", "6000"))
EVENTS = 10  # five of TypeA, five of TypeB
WAIT_MS = 30_000
LINGER_MS = 1_000


def main() -> None:
    socket = get_plugin_socket(zmq.Context(), PORT, host=HOST)
    socket.RCVTIMEO = WAIT_MS
    socket.LINGER = LINGER_MS  # so that an exit without an engine does not wait for one
    try:
        for _ in range(EVENTS):
            print("plugin got", get_next_msg(socket).decode(errors="replace"), flush=True)
        publish_msg(socket, b"TypeCGoodbye from the external plugin")
    except zmq.Again:
        sys.exit(
            f"plugin: nothing came from {HOST}:{PORT} within {WAIT_MS // 1000} s: "
            "is the engine running there?"
        )
    print("plugin published TypeCGoodbye from the external plugin", flush=True)
    send_quit_command(socket)


if __name__ == "__main__":
    main()
