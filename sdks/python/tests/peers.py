"""The project's engine, the ancestor's and a faulty network as child processes."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
from types import TracebackType
from typing import Any

BOUND_S = 60.0
"""Longest wait for anything that is expected to happen."""

_ANSWERS = {
    "publish": "published",
    "publish-slowly": "published",
    "batch": "published",
    "text": "published",
    "hex": "published",
    "collected-wait": "collected",
    "other-wait": "other",
    "ledger": "{",
    "stop": "stopping",
    "wait": "ended",
    "pause": "paused",
    "resume": "resumed",
    "refuse": "refusing",
    "accept": "accepting",
    "stats": "connections",
    "exit": "exiting",
}


def peers_binary() -> str:
    """Return the path of the peers, or fail saying how to get them."""
    path = os.environ.get("EVENT_ENGINE_PEERS", "")
    if not os.access(path, os.X_OK):
        raise AssertionError(
            "this test needs an engine: `cargo build --release -p event-engine-peers` builds it, "
            f"then set EVENT_ENGINE_PEERS to the binary (it is {path!r}); "
            "`pytest -m 'not peers'` runs the tests that need none"
        )
    return path


class Peer:
    """One of them, steered by lines."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [peers_binary(), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.pid = self._process.pid
        self._lines: queue.Queue[str] = queue.Queue()
        self._early: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port = int(self.hear("port").split()[1])
        self.endpoint = f"tcp://127.0.0.1:{self.port}"

    def say(self, command: str) -> None:
        """Send a command; its answer has to be heard."""
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()

    def hear(self, word: str) -> str:
        """Return the next answer that begins with ``word``."""
        for line in self._early:
            if line.startswith(word):
                self._early.remove(line)
                return line
        while True:
            try:
                line = self._lines.get(timeout=BOUND_S)
            except queue.Empty:
                raise AssertionError(f"no answer {word!r}; others: {self._early}") from None
            if line.startswith((word, "error")) or not line:
                assert line.startswith(word), line or "the peer has ended"
                return line
            self._early.append(line)

    def ask(self, command: str) -> str:
        """Send a command and return its answer."""
        word = command.split()[0]
        self.say(command)
        return self.hear(_ANSWERS.get(word, word))

    def ledger(self) -> dict[str, Any]:
        """Return the account of the client's plugin."""
        account: dict[str, Any] = json.loads(self.ask("ledger"))
        return account

    def kill(self) -> None:
        """End it as a crash would."""
        self._process.kill()
        self._process.wait(BOUND_S)

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait(BOUND_S)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._reader.join(BOUND_S)

    def _read(self) -> None:
        assert self._process.stdout is not None
        try:
            for line in self._process.stdout:
                self._lines.put(line.rstrip("\n"))
        except ValueError:  # closed under the reader
            pass
        self._lines.put("")


def collected(number: int) -> str:
    """Return what an engine says when it got ``number`` events, each once and in order."""
    return f"collected {number} distinct {number} in_order true last {number - 1}"


def down(number: int) -> bytes:
    """Return what an engine's event begins with."""
    return b"down:%08d" % number


def up(number: int) -> bytes:
    """Return an event that an engine counts."""
    return b"up:%08d" % number
