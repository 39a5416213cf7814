"""The error log, passed on and read along: fd 2 of this process, which its pool inherits, becomes a pipe.

sys.stderr goes past it to where fd 2 led before, so that what is meant for the terminal alone still knows it.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable


class Tap:
    """Calls `line` with each line, without its end, from a thread of its own, until closed."""

    def __init__(self, line: Callable[[str], None]) -> None:
        self._line = line
        self._before = os.dup(2)
        self._stderr = sys.stderr
        reader, writer = os.pipe()
        os.dup2(writer, 2)
        os.close(writer)
        sys.stderr = open(self._before, "w", buffering=1, errors="backslashreplace", closefd=False)
        self._thread = threading.Thread(target=self._read, args=(reader,), daemon=True)
        self._thread.start()

    def _read(self, reader: int) -> None:
        rest = b""
        with open(reader, "rb", buffering=0) as source:
            while data := source.read(64 * 1024):
                try:
                    os.write(self._before, data)
                except OSError:
                    pass  # a terminal that has been closed: the console goes on
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._line(line.decode("utf-8", "replace"))
                rest = rest[-64 * 1024 :]

    def close(self) -> None:
        """Put fd 2 back. What processes that we have started still write is lost once we have ended."""
        sys.stderr.flush()
        sys.stderr = self._stderr
        os.dup2(self._before, 2)
        self._thread.join(1)
