"""A plugin in a process of its own, that can be killed."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from types import TracebackType

from peers import BOUND_S


class Process:
    """Runs Python code with ``endpoint`` set; talks by lines."""

    def __init__(self, endpoint: str, code: str) -> None:
        program = (
            "import asyncio, os, sys, time\nimport event_engine\nfrom event_engine import aio\n"
            f"endpoint = {endpoint!r}\n"
            "def say(text): print(text, flush=True)\n" + code
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def hear(self) -> str:
        """Return the next line; empty when there is none any more."""
        try:
            return self._lines.get(timeout=BOUND_S)
        except queue.Empty:
            raise AssertionError("the process says nothing") from None

    def say(self, line: str) -> None:
        """Let it read a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        """End it as by kill -9, and return when it is gone."""
        self._process.kill()
        self._process.wait(BOUND_S)

    def end(self) -> int:
        """Wait for its end and return its exit status."""
        return self._process.wait(BOUND_S)

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        self._reader.join(BOUND_S)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put("")
