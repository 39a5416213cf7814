from __future__ import annotations

import os
import resource
import sys

from cgicompat.guards.change import SPENT, Change
from cgicompat.guards.guard import NOTHING, Guard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_PAGE = os.sysconf("SC_PAGE_SIZE")
_UNIT = 1 if sys.platform == "darwin" else 1024


class Memory(Guard):
    """Memory that the process does not give back: one that has grown by more than `max-rss` since before
    its first request is spent."""

    def save(self) -> None:
        self._first = _resident(0)  # bytes

    def restore(self) -> Sequence[Change]:
        # The peak costs least to ask for: only if that is over the limit do we look at what is left.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT
        if not self._first:
            self._first = peak
        if 0 < self.growth < peak - self._first and self.growth < _resident(peak) - self._first:
            return [Change(f"its memory has grown by more than {self.growth >> 20} MB (see max-rss)", SPENT)]
        return NOTHING


def _resident(unknown: int) -> int:
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * _PAGE
    except OSError:
        return unknown
