"""What the process itself needs lies above LOWEST, out of the way of scripts that close or count low ones."""

from __future__ import annotations

import fcntl
import os

LOWEST = 200

KEPT: set[int] = set()


def keep(fd: int) -> int:
    """Move a descriptor of ours out of the way; the new number."""
    moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, LOWEST)
    os.close(fd)
    KEPT.add(moved)
    return moved


def release(fd: int) -> None:
    """Close a descriptor that was kept."""
    KEPT.discard(fd)
    os.close(fd)
