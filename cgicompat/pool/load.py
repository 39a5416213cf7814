"""How many requests to run at once.

One that has just begun most likely wants a processor; one that takes longer more likely waits for something
else. Where more of the first kind share the processors than these can take, each only takes longer, and more
than by its share, since they push one another out of the caches.
"""

from __future__ import annotations

import time

from cgicompat.config import cores
from cgicompat.pool.board import BUSY, Board

JUST_BEGUN = 0.01  # seconds; most requests take no longer
_ENOUGH = cores() + 1


def crowded(board: Board) -> bool:
    """Whether another request would but slow down those that have just begun: no processor is idle."""
    if board.count(BUSY) < _ENOUGH:
        return False
    return board.begun_since(time.monotonic() - JUST_BEGUN) >= _ENOUGH and _running() > cores()


def _running() -> int:
    """How many processes have or want a processor, this one among them (proc(5), loadavg); 0 if unknown."""
    try:
        with open("/proc/loadavg", "rb", buffering=0) as file:
            return int(file.read().split()[3].partition(b"/")[0])
    except (OSError, ValueError, IndexError):
        return 0
