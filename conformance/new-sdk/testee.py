"""A testee for a new client library: what the harness of event-engine talks to.

Start:  conformance run --adapter 'python3 testee.py'
The protocol of this file is described in conformance/adapter.md. It reports what the library did;
it never judges. Replace each TODO by calls of your library, step by step, and run the cases that
`conformance new-sdk` named for the step; the steps here are numbered as there.
"""

import base64
import json
import os
import socket
import threading


class Unsupported(Exception):
    """There is no such op, or your library cannot do it."""


# TODO step 0: who you are. Claim a feature only when it works: `conformance/adapter.md` lists
# them. Required ops need no feature.
HELLO = {
    "name": "my-library",
    "version": "0.1.0",
    "role": "client",
    "language": "Python",
    "profiles": ["basic"],
    "features": ["timeouts"],
}

# The clients that `connect` made, by the names that the harness gave them.
clients = {}


def hello(command):
    return HELLO


def connect(command):
    # TODO step 1: connect to command["endpoint"] ("tcp://127.0.0.1:PORT");
    # command.get("timeout_ms") is how long it may take.
    # Keep the connection: clients[command["client"]] = my_library.connect(command["endpoint"])
    # A library of both profiles also answers which one is in use: return {"profile": "session"}
    raise Unsupported("connect")


def publish(command):
    # TODO step 1: publish base64.b64decode(command["data"]), wait until the engine has answered;
    # command.get("timeout_ms").
    raise Unsupported("publish")


def next_event(command):
    # TODO step 1: take the next event; no timeout_ms: wait without end; 0: look.
    # return {"data": base64.b64encode(event).decode()}
    raise Unsupported("next")


def quit_client(command):
    # TODO step 3: say that this plugin has finished; wait for nothing in the basic profile.
    raise Unsupported("quit")


def close(command):
    # TODO step 3: let go of the connection without having finished. Closing what is closed, or
    # was never there, is fine.
    clients.pop(command["client"], None)
    return {}


def stopping(command):
    # TODO only for the role "sdk": whether the application is ending, without waiting.
    # return {"stopping": clients[command["client"]].stopping}
    raise Unsupported("stopping")


def flood(command):
    # TODO step 5: publish `count` events: the prefix, the number in 8 digits, dots up to `size`
    # bytes.
    for number in range(command["first"], command["first"] + command["count"]):
        event = base64.b64decode(command["prefix"]) + b"%08d" % number
        publish({**command, "data": base64.b64encode(event.ljust(command["size"], b".")).decode()})
    return {"us": 0}


def drain(command):
    # TODO step 5: take events until `count` different numbers came, or one took longer than
    # `timeout_ms`.
    numbers = []
    while len(set(numbers)) < command["count"]:
        try:
            event = base64.b64decode(next_event(command)["data"])
        except TimeoutError:
            break
        numbers.append(int(event.split(b":", 1)[1][:8]))
    return {
        "count": len(numbers),
        "distinct": len(set(numbers)),
        "in_order": all(one < other for one, other in zip(numbers, numbers[1:])),
        "first": numbers[0] if numbers else None,
        "last": numbers[-1] if numbers else None,
        "redelivered": 0,
        "us": 0,
    }


OPS = {
    "hello": hello,
    "connect": connect,
    "publish": publish,
    "next": next_event,
    "quit": quit_client,
    "close": close,
    "stopping": stopping,
    "flood": flood,
    "drain": drain,
}


def kind_of(error):
    # TODO steps 2 and 4, replies and time-outs: turn your library's errors into timeout, closed,
    # rejected (with "code"), protocol, transport or invalid.
    if isinstance(error, Unsupported):
        return {"kind": "unsupported", "text": str(error)}
    if isinstance(error, TimeoutError):
        return {"kind": "timeout", "text": str(error)}
    return {"kind": "other", "text": repr(error)}


def main():
    host, port = os.environ["CONFORMANCE_ADDRESS"].rsplit(":", 1)
    harness = socket.create_connection((host, int(port)))
    writing = threading.Lock()
    for line in harness.makefile("r", encoding="utf-8"):
        command = json.loads(line)
        try:
            op = OPS.get(command["op"])
            if op is None:
                raise Unsupported(command["op"])
            answer = {"id": command["id"], "ok": op(command) or {}}
        except Exception as error:
            answer = {"id": command["id"], "error": kind_of(error)}
        with writing:
            harness.sendall((json.dumps(answer) + "\n").encode())
    # The harness has gone: so does this process, without a word to anybody.
    os._exit(0)


if __name__ == "__main__":
    main()
