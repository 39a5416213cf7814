"""How much memory this process has, in bytes."""

from __future__ import annotations

import os
import resource
import sys

_PAGE = os.sysconf("SC_PAGE_SIZE")
_UNIT = 1 if sys.platform == "darwin" else 1024


class Growth:
    """How far the memory of this process has grown since its first request."""

    def __init__(self) -> None:
        self._first = 0

    def exceeds(self, limit: int) -> bool:
        """Whether it has grown by more than `limit` bytes; 0 is no limit.

        The peak, which costs least to ask for, goes before: only if that is over do we look at what is left.
        """
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT
        if not self._first:
            self._first = peak
        return 0 < limit < peak - self._first and limit < _resident(peak) - self._first


def _resident(unknown: int) -> int:
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * _PAGE
    except OSError:
        return unknown
