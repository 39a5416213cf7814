"""What the console knows of each script: calls, failures, times, and its last lines in the error log.

Runs are counted in the event loop, log lines come from the thread that reads the log.
"""

from __future__ import annotations

import bisect
import re
import statistics
import threading
import time
from collections import deque
from dataclasses import dataclass, field, replace

BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # seconds
_LATELY = 500  # runs of which the times are known one by one
_LINES = 2000  # of the log
_LINES_OF_ONE = 30
# '[DATE TIME] SCRIPT "METHOD URI": TEXT', as pools write it; the gateways have the request last.
_BY_A_SCRIPT = re.compile(
    r'\[\S+ (?P<time>[^]]*)\] (?P<script>/[^"]*?)(?P<request> "[A-Z]+ [^"]*")?: (?P<text>.*)', re.DOTALL
)
_REQUEST = re.compile(r' "[A-Z]+ [^"]*"$')


@dataclass(frozen=True)
class Said:
    """A line of the log about a script; `ours` tells that not the script has written it."""

    script: str
    time: str
    text: str
    ours: bool


def said_by(line: str) -> Said | None:
    """What a line of the log says about a script, if it does."""
    found = _BY_A_SCRIPT.fullmatch(line)
    if not found:
        return None
    ours = not found["request"] or found["text"].startswith("cgicompat: ")
    text = found["text"] if found["request"] else _REQUEST.sub("", found["text"])
    return Said(found["script"], found["time"], text.removeprefix("cgicompat: "), ours)


@dataclass
class Figures:
    """Of one script. `buckets` counts runs up to each of BOUNDS, and the longer ones."""

    calls: int = 0
    errors: int = 0
    last: float = 0.0  # when, in seconds since the epoch
    status: int = 0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=_LATELY))
    lines: deque[Said] = field(default_factory=lambda: deque(maxlen=_LINES_OF_ONE))

    @property
    def median(self) -> float:
        """Of the last runs, in seconds."""
        return statistics.median(self.seconds) if self.seconds else 0.0

    @property
    def longest(self) -> float:
        return max(self.seconds, default=0.0)


class Book:
    """The figures of all scripts, by absolute file name, and the log."""

    def __init__(self) -> None:
        self.began = time.time()
        self._scripts: dict[str, Figures] = {}
        self._log: deque[tuple[str, Said | None]] = deque(maxlen=_LINES)
        self._written = 0
        self._lock = threading.Lock()
        self._said: Said | None = None  # by the last line

    def add_run(self, script: str, status: int, seconds: float) -> None:
        """A run has ended; a failure is a status of 500 or more."""
        with self._lock:
            figures = self._scripts.setdefault(script, Figures())
            figures.calls += 1
            figures.errors += status >= 500
            figures.last = time.time()
            figures.status = status
            figures.buckets[bisect.bisect_left(BOUNDS, seconds)] += 1
            figures.seconds.append(seconds)

    def add_line(self, line: str) -> None:
        """A line of the error log."""
        with self._lock:
            # What begins with blanks goes on with the entry before: see pool.log.
            said = self._said = (
                self._said and replace(self._said, text=line[2:]) if line[:2] == "  " else said_by(line)
            )
            self._log.append((line, said))
            self._written += 1
            if said:
                self._scripts.setdefault(said.script, Figures()).lines.append(said)

    def of(self, script: str) -> Figures:
        """A copy of a script's figures."""
        with self._lock:
            known = self._scripts.get(script) or Figures()
            return Figures(
                known.calls,
                known.errors,
                known.last,
                known.status,
                list(known.buckets),
                deque(known.seconds),
                deque(known.lines),
            )

    def scripts(self) -> set[str]:
        """Those that have run."""
        with self._lock:
            return {name for name, figures in self._scripts.items() if figures.calls}

    def log(self, after: int = 0) -> tuple[int, list[str]]:
        """How many lines have been written, and those after number `after` that are still known."""
        written, found = self._after(after)
        return written, [line for line, _ in found]

    def said(self, script: str, after: int) -> list[str]:
        """What lines of the log after number `after` say about a script."""
        return [said.text for _, said in self._after(after)[1] if said and said.script == script]

    def _after(self, number: int) -> tuple[int, list[tuple[str, Said | None]]]:
        with self._lock:
            new = self._written - number
            found = list(self._log)
        return number + max(new, 0), found[-new:] if new > 0 else []
