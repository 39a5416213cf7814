"""Open file descriptors: 0, 1, 2 are pointed home, all others that a script left open are closed.

What the process itself needs lies above LOWEST, out of the way of scripts that close or count the low ones.
"""

from __future__ import annotations

import fcntl
import os
import select

LOWEST = 200

_kept: set[int] = set()


def keep(fd: int) -> int:
    """Move a descriptor of ours out of the way; the new number."""
    moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, LOWEST)
    os.close(fd)
    _kept.add(moved)
    return moved


def release(fd: int) -> None:
    """Close a descriptor that was kept."""
    _kept.discard(fd)
    os.close(fd)


class Descriptors:
    def save(self) -> None:
        self._null = keep(os.open(os.devnull, os.O_RDWR))
        self._errors = keep(os.dup(2))
        self._own = {fd: _identity(fd) for fd in _kept}
        self._low = select.poll()
        for fd in range(3, LOWEST):
            self._low.register(fd, 0)

    def restore(self) -> str | None:
        for fd, source in ((0, self._null), (1, self._null), (2, self._errors)):
            os.dup2(source, fd)
        closed = [fd for fd, event in self._low.poll(0) if event & select.POLLNVAL]
        if len(closed) != LOWEST - 3:
            for fd in set(range(3, LOWEST)).difference(closed):
                os.close(fd)
        if any(_identity(fd) != identity for fd, identity in self._own.items()):
            return "it closed or replaced descriptors of this process"
        return None


def _identity(fd: int) -> tuple[int, int] | None:
    try:
        stat = os.fstat(fd)
    except OSError:
        return None
    return stat.st_dev, stat.st_ino
