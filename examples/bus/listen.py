"""A process without registration and without an SDK: it hears events and publishes its own."""

import os
import sys

import zmq

HOST = os.environ.get("EVENT_ENGINE_HOST", "127.0.0.1")
SUBSCRIBE_PORT = int(os.environ.get("EVENT_ENGINE_SUBSCRIBE_PORT", "5560"))
PUBLISH_PORT = int(os.environ.get("EVENT_ENGINE_PUBLISH_PORT", "5559"))
WAIT_MS = 30_000


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit("usage: listen.py PREFIX [EVENT-TO-PUBLISH]...")
    prefix, *mine = (argument.encode() for argument in sys.argv[1:])

    context = zmq.Context()
    hear = context.socket(zmq.SUB)
    tell = context.socket(zmq.XPUB)  # a PUB that is told when somebody subscribes
    for socket in hear, tell:
        socket.rcvtimeo = WAIT_MS
        socket.linger = 1000
    hear.connect(f"tcp://{HOST}:{SUBSCRIBE_PORT}")
    hear.subscribe(prefix)
    tell.connect(f"tcp://{HOST}:{PUBLISH_PORT}")
    try:
        while True:
            print(hear.recv().decode(errors="replace"), flush=True)
            if mine:  # something was heard: the engine is there
                tell.recv()  # its subscription: from now on it gets what is sent
            while mine:
                tell.send(mine.pop(0))
    except zmq.Again:
        print(f"nothing more for {WAIT_MS // 1000} s", file=sys.stderr)
    context.destroy()


if __name__ == "__main__":
    main()
