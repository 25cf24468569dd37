"""Hold Ctrl-C back while a step is taken that must not be left half done."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Held:
    """In the main thread an interrupt inside the block is raised at its end.

    Python runs signal handlers between any two instructions. A message that has been taken off a
    socket and not been looked at would be lost.
    """

    __slots__ = ("_frame", "_handler", "_noted")

    def __enter__(self) -> None:
        self._handler: Any = None
        self._noted = False
        if threading.get_ident() == threading.main_thread().ident:
            handler = signal.getsignal(signal.SIGINT)
            if callable(handler):
                self._handler = handler
                signal.signal(signal.SIGINT, self._note)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._handler is not None:
            signal.signal(signal.SIGINT, self._handler)
            if self._noted:
                self._handler(signal.SIGINT, self._frame)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._noted = True
        self._frame = frame
