"""sys.stdin, sys.stdout and sys.stderr of one run, over the real fds 0, 1 and 2.

They are what CPython makes at start-up (pylifecycle.c, create_stdio), with three differences: text is always
UTF-8, closing sys.stdout really ends the response, and what the script sent through it is counted.
"""

from __future__ import annotations

import io
import os
import sys

# As CPython has it: st_blksize of a pipe or socket, since 3.14 at least DEFAULT_BUFFER_SIZE.
_BUFFER_SIZE = 4096 if sys.version_info < (3, 14) else io.DEFAULT_BUFFER_SIZE


class Output(io.FileIO):
    """fd 1 as the raw file under sys.stdout."""

    sent = 0

    def write(self, data: bytes | bytearray | memoryview, /) -> int:  # type: ignore[override]
        written = super().write(data)
        self.sent += written or 0
        return written

    def close(self) -> None:
        if not self.closed:
            super().close()
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 1)
            os.close(null)

    def retire(self) -> None:
        """Close this object alone: whoever still has it cannot write into another response."""
        super().close()


class Streams:
    """The three streams of one run, installed as sys.std* and sys.__std*__."""

    def __init__(self, unbuffered: bool = False) -> None:
        self._input = io.FileIO(0, "r", closefd=False)
        self.output = Output(1, "w", closefd=False)
        self._errors = io.FileIO(2, "w", closefd=False)
        stdin = io.TextIOWrapper(
            io.BufferedReader(self._input, _BUFFER_SIZE), "utf-8", "surrogateescape", newline="\n"
        )
        stdout = io.TextIOWrapper(
            self.output if unbuffered else io.BufferedWriter(self.output, _BUFFER_SIZE),  # type: ignore[type-var]
            "utf-8",
            "surrogateescape",
            newline="\n",
            write_through=unbuffered,
        )
        stderr = io.TextIOWrapper(
            io.BufferedWriter(self._errors, _BUFFER_SIZE),
            "utf-8",
            "backslashreplace",
            newline="\n",
            line_buffering=True,
        )
        self._input.name = "<stdin>"
        self.output.name = "<stdout>"
        self._errors.name = "<stderr>"
        stdin.mode = "r"  # type: ignore[misc]
        stdout.mode = stderr.mode = "w"  # type: ignore[misc]
        sys.stdin = sys.__stdin__ = stdin  # type: ignore[misc]
        sys.stdout = sys.__stdout__ = stdout  # type: ignore[misc]
        sys.stderr = sys.__stderr__ = stderr  # type: ignore[misc]

    def retire(self) -> None:
        """Make the streams useless to anybody who kept them."""
        for raw in (self._input, self._errors):
            raw.close()
        self.output.retire()


def flush() -> None:
    """Flush sys.stdout and sys.stderr, whatever the script made of them (pylifecycle.c, flush_std_files)."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not getattr(stream, "closed", False):
                stream.flush()
        except Exception:
            pass  # the reader is gone, or the script's own stream fails: nobody is left to tell
