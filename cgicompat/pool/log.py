"""The error log: fd 2 of the master, entries with time, script and request.

An entry begins with `[`, and what belongs to it follows in lines that begin with two blanks: the rest of a
traceback, and what is indented. So nobody can forge one.
"""

from __future__ import annotations

import os
import time

_LONGEST = 8 * 1024  # a longer line is cut into several
_MOST_LINES = 5000  # of an entry
_MOMENT = 0.1  # seconds for which a traceback waits for another that is linked to it,
_PATIENCE = 2.0  # and for its own rest
_OURS = b"cgicompat: "
_TRACEBACK = b"Traceback (most recent call last):"
# Between the tracebacks of exceptions that belong together (traceback.py).
_BETWEEN = (
    b"",
    b"The above exception was the direct cause of the following exception:",
    b"During handling of the above exception, another exception occurred:",
)


class _Traceback:
    """One that may not have come whole: the lines of its entry, and when the last of them came
    (time.monotonic)."""

    __slots__ = ("after", "label", "lines", "message", "since")

    def __init__(self, label: str):
        self.label = label
        self.lines: list[bytes] = []
        self.since = 0.0
        self.message = False  # whether that of the exception is coming
        self.after = False  # whether it has come; another traceback may be linked to this one

    @property
    def due(self) -> float:
        """When it has waited long enough for what follows (time.monotonic)."""
        return self.since + (_MOMENT if self.message else _PATIENCE)

    def takes(self, line: bytes) -> bool:
        """Whether the line belongs to it."""
        if line.startswith(_OURS):
            return False
        if line.startswith((b" ", b"\t")):
            self.after = False
        elif line == _TRACEBACK:
            self.message = self.after = False
        elif self.after:
            return line in _BETWEEN
        else:
            self.message = True
        return True


class Log:
    """Writes entries; what scripts write to stderr is collected by process until a line is whole, and a
    traceback until it is, for a moment."""

    def __init__(self) -> None:
        self._partial: dict[int, tuple[str, bytes]] = {}
        self._tracebacks: dict[int, _Traceback] = {}
        self._last: tuple[int, str] | None = None  # whose entry is the last one
        self._text: list[bytes] = []

    def write(self, message: str) -> None:
        """An entry of the pool's own."""
        self.flush()
        self._last = None
        self._text.append(_entry("cgicompat", message.encode("utf-8", "replace")))
        self._put()

    def stderr(self, source: int, label: str, data: bytes) -> None:
        """What the process `source` wrote while it served the request `label`."""
        known, partial = self._partial.pop(source, (label, b""))
        if known != label:
            self._add(source, known, [partial])
            partial = b""
        *lines, rest = (partial + data).split(b"\n")
        while len(rest) > _LONGEST:
            lines.append(rest[:_LONGEST])
            rest = rest[_LONGEST:]
        self._add(source, label, lines)
        if rest:
            self._partial[source] = label, rest

    def end(self, source: int) -> None:
        """`source` writes no more."""
        label, partial = self._partial.pop(source, ("", b""))
        self._add(source, label, [partial] if partial else [])
        self._finish(source)
        self._put()

    @property
    def due(self) -> float:
        """When keep_time() has something to do (time.monotonic)."""
        return min((traceback.due for traceback in self._tracebacks.values()), default=float("inf"))

    def keep_time(self, now: float) -> None:
        """Write what has waited long enough for its rest."""
        for source, traceback in list(self._tracebacks.items()):
            if now >= traceback.due:
                self._finish(source)
        self._put()

    def flush(self) -> None:
        """Write all that there is."""
        for source in list(self._tracebacks):
            self._finish(source)
        self._put()

    def _add(self, source: int, label: str, lines: list[bytes]) -> None:
        for line in lines:
            traceback = self._tracebacks.get(source)
            if (
                traceback
                and traceback.label == label
                and len(traceback.lines) < _MOST_LINES
                and traceback.takes(line)
            ):
                traceback.lines.append(_further(line))
                continue
            self._finish(source)
            if _begins_traceback(line):
                traceback = self._tracebacks[source] = _Traceback(label)
                traceback.lines.append(_entry(label, line))
            elif self._last == (source, label) and line.startswith((b" ", b"\t")):
                self._text.append(_further(line))
            else:
                self._last = source, label
                self._text.append(_entry(label, line))
        if traceback := self._tracebacks.get(source):
            traceback.since = time.monotonic()
            # Whatever came together with the message is a part of it.
            traceback.after = traceback.message
        self._put()

    def _finish(self, source: int) -> None:
        if traceback := self._tracebacks.pop(source, None):
            self._last = source, traceback.label
            self._text += traceback.lines

    def _put(self) -> None:
        text = b"".join(self._text)
        self._text.clear()
        try:
            while text:
                text = text[os.write(2, text) :]
        except OSError:
            pass  # a full disk or a closed terminal must not stop the service


def _begins_traceback(line: bytes) -> bool:
    """Of an exception, a group of them, or a SyntaxError."""
    return line.endswith(_TRACEBACK) or line.startswith(b'  File "')


def _entry(label: str, line: bytes) -> bytes:
    stamp = time.strftime("%Y-%m-%d %H:%M:%S").encode()
    name = _printable(label.encode("utf-8", "replace")) or b"cgicompat"
    return b"[%s] %s: %s\n" % (stamp, name, _printable(line))


def _further(line: bytes) -> bytes:
    return b"  %s\n" % _printable(line)


def _printable(line: bytes) -> bytes:
    """Without control characters, which could forge lines or drive a terminal."""
    if line.isascii() and line.isalnum():
        return line
    return bytes(byte if byte >= 32 or byte == 9 else 63 for byte in line.rstrip(b"\r"))
