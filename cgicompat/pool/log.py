"""The error log: fd 2 of the master, whole lines, each with time, script and request."""

from __future__ import annotations

import os
import time

_LONGEST = 8 * 1024  # a longer line is cut into several


class Log:
    """Writes lines; what scripts write to stderr is collected by process until a line is whole."""

    def __init__(self) -> None:
        self._partial: dict[int, tuple[str, bytes]] = {}

    def write(self, message: str) -> None:
        """A line of the pool's own."""
        self._put([("cgicompat", message.encode("utf-8", "replace"))])

    def stderr(self, source: int, label: str, data: bytes) -> None:
        """What the process `source` wrote while it served the request `label`."""
        known, partial = self._partial.pop(source, (label, b""))
        if known != label:
            self._put([(known, partial)])
            partial = b""
        *lines, rest = (partial + data).split(b"\n")
        while len(rest) > _LONGEST:
            lines.append(rest[:_LONGEST])
            rest = rest[_LONGEST:]
        self._put([(label, line) for line in lines])
        if rest:
            self._partial[source] = label, rest

    def end(self, source: int) -> None:
        """`source` writes no more."""
        label, partial = self._partial.pop(source, ("", b""))
        if partial:
            self._put([(label, partial)])

    def _put(self, lines: list[tuple[str, bytes]]) -> None:
        stamp = time.strftime("%Y-%m-%d %H:%M:%S").encode()
        text = b"".join(
            b"[%s] %s: %s\n" % (stamp, label.encode("utf-8", "replace"), _printable(line))
            for label, line in lines
        )
        try:
            while text:
                text = text[os.write(2, text) :]
        except OSError:
            pass  # a full disk or a closed terminal must not stop the service


def _printable(line: bytes) -> bytes:
    """Without control characters, which could forge lines or drive a terminal."""
    if line.isascii() and line.isalnum():
        return line
    return bytes(byte if byte >= 32 or byte == 9 else 63 for byte in line.rstrip(b"\r"))
