"""sys.stdin, sys.stdout and sys.stderr of scripts, over the real fds 0, 1 and 2.

They are what CPython makes at start-up (pylifecycle.c, create_stdio), with three differences: text is always
UTF-8, closing sys.stdout really ends the response, and what the script sent through it is counted.
"""

from __future__ import annotations

import io
import os
import sys

BEGINNING = 512  # bytes of the output that are remembered
# As CPython has it: st_blksize of a pipe or socket, since 3.14 at least DEFAULT_BUFFER_SIZE.
_BUFFER_SIZE = 4096 if sys.version_info < (3, 14) else io.DEFAULT_BUFFER_SIZE


class Output(io.FileIO):
    """fd 1 as the raw file under sys.stdout."""

    sent = 0
    begun = b""  # the first of it

    def write(self, data: bytes | bytearray | memoryview, /) -> int:  # type: ignore[override]
        try:
            written = super().write(data)
        except (BrokenPipeError, ConnectionResetError):
            if not STREAMS.outlive_reader:
                raise
            discard()
            written = super().write(data)
        if not self.sent:
            self.begun = bytes(data[:BEGINNING])
        self.sent += written or 0
        return written

    def close(self) -> None:
        if not self.closed:
            super().close()
            if self is STREAMS.output:  # and not that of a former run
                discard()


def discard() -> None:
    """From now on nobody gets what is written to fd 1."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    os.close(null)


class Streams:
    """The three streams of this process, as sys.std* and sys.__std*__.

    They and their buffers are the same objects in each run, since libraries keep them: `def say(text,
    file=sys.stdout)`. What a script may have done to them, closing and detaching included, is undone by
    initializing them again. The raw files are new: they remember whether their file was one in which to seek.

    `outlive_reader` says that what is printed is thrown away once nobody reads it, in place of an error.
    """

    output: Output
    outlive_reader = False

    def __init__(self) -> None:
        self._stdin, self._stdout, self._stderr = (
            io.TextIOWrapper.__new__(io.TextIOWrapper) for _ in range(3)
        )
        self._reader = io.BufferedReader.__new__(io.BufferedReader)
        self._writer, self._error_writer = (io.BufferedWriter.__new__(io.BufferedWriter) for _ in range(2))
        self.lasting = (
            *(self._stdin, self._stdout, self._stderr),
            *(self._reader, self._writer, self._error_writer),
        )
        self._attributes = [each.__dict__ for each in self.lasting]

    def renew(self, unbuffered: bool = False) -> None:
        """Make them what they are in a new process, and install them. `unbuffered` is Python's option -u."""
        for attributes in self._attributes:
            attributes.clear()
        raw_input = io.FileIO(0, "r", closefd=False)
        self.output = output = Output(1, "w", closefd=False)
        raw_errors = io.FileIO(2, "w", closefd=False)
        raw_input.name = "<stdin>"
        output.name = "<stdout>"
        raw_errors.name = "<stderr>"
        self._reader.__init__(raw_input, _BUFFER_SIZE)  # type: ignore[misc]
        self._writer.__init__(output, _BUFFER_SIZE)  # type: ignore[misc]
        self._error_writer.__init__(raw_errors, _BUFFER_SIZE)  # type: ignore[misc]
        stdin, stdout, stderr = self._stdin, self._stdout, self._stderr
        stdin.__init__(self._reader, "utf-8", "surrogateescape", newline="\n")  # type: ignore[misc]
        below = output if unbuffered else self._writer
        stdout.__init__(  # type: ignore[misc]
            below, "utf-8", "surrogateescape", newline="\n", write_through=unbuffered
        )
        stderr.__init__(  # type: ignore[misc]
            self._error_writer, "utf-8", "backslashreplace", newline="\n", line_buffering=True
        )
        stdin.mode = "r"  # type: ignore[misc]
        stdout.mode = stderr.mode = "w"  # type: ignore[misc]
        sys.stdin = sys.__stdin__ = stdin  # type: ignore[misc]
        sys.stdout = sys.__stdout__ = stdout  # type: ignore[misc]
        sys.stderr = sys.__stderr__ = stderr  # type: ignore[misc]

    def flush(self) -> None:
        """Flush what was written into them, whatever sys.stdout is now."""
        for stream in (self._stdout, self._stderr, self._writer, self._error_writer):
            try:
                stream.flush()
            except Exception:
                pass  # closed, detached, or the reader is gone


STREAMS = Streams()


def flush() -> None:
    """Flush sys.stdout and sys.stderr, whatever the script made of them (pylifecycle.c, flush_std_files)."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not getattr(stream, "closed", False):
                stream.flush()
        except Exception:
            pass  # the reader is gone, or the script's own stream fails: nobody is left to tell
