"""How many requests to run at once.

Where more requests share the processors than there are, each takes longer, and longer than by its share:
they push one another out of the caches. So a request that would but do this waits outside, where the next
worker that is free takes it. None waits for requests that wait themselves, for a database say, nor for those
that take long.
"""

from __future__ import annotations

import resource
import time

from cgicompat.config import cores
from cgicompat.pool.board import BUSY, Board

JUST_BEGUN = 0.01  # seconds; most requests take no longer
_PROCESSORS = cores()
_ENOUGH = 24  # requests in a row that show that here requests compute


def crowded(board: Board) -> bool:
    """Whether each processor has a request that has just begun and will hardly let go of it."""
    return (
        board.computing >= _ENOUGH
        and board.count(BUSY) >= _PROCESSORS
        and board.begun_since(time.monotonic() - JUST_BEGUN) >= _PROCESSORS
    )


def waits() -> int:
    """How often this process has given its processor away to wait for something (getrusage(2))."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
