"""What the process itself needs lies above LOWEST, out of the way of scripts that close or count low ones."""

from __future__ import annotations

import fcntl
import gc
import io
import os
import select

from cgicompat.guards.change import PUT_BACK, SPENT, Change
from cgicompat.guards.guard import NOTHING, Guard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

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


class Descriptors(Guard):
    """Open files by their numbers: 0, 1 and 2 are pointed home, others that the script left open are closed,
    which drops locks too. One that a library still holds by an object makes the process spent, as does the
    loss of one that the process itself needs."""

    names = ("open", "dup", "dup2", "pipe", "socket", "mkstemp", "closerange", "close", "fdopen")

    def save(self) -> None:
        self._null = keep(os.open(os.devnull, os.O_RDWR))
        self._errors = keep(os.dup(2))
        self._own = select.poll()
        for fd in _kept:
            self._own.register(fd, 0)
        self._ends = [(fd, _identity(fd)) for fd in (min(_kept), max(_kept))]
        self._open: set[int] | None = None

    def begin(self) -> None:
        if self._open is None:  # the first run is wired
            self._open = _open_descriptors()
            self._count = _count()

    def restore(self) -> Sequence[Change]:
        changes: list[Change] = []
        for fd, source in ((0, self._null), (1, self._null), (2, self._errors)):
            os.dup2(source, fd)
        if _count() != self._count or not self._count:
            changes = self._close_others()
        if any(event & select.POLLNVAL for _, event in self._own.poll(0)) or any(
            _identity(fd) != identity for fd, identity in self._ends
        ):
            changes.append(Change("descriptors of the process itself were closed or replaced", SPENT))
        return changes or NOTHING

    def _close_others(self) -> list[Change]:
        left = _open_descriptors() - (self._open or set())
        if not left:
            return []
        fate = PUT_BACK
        # An object that survives its script is a library's: closed under it, it would later close another's.
        for thing in gc.get_objects():
            if isinstance(thing, io.FileIO) and not thing.closed and thing.fileno() in left:
                fate = SPENT
        for fd in left:
            os.close(fd)
        return [Change(f"{len(left)} files were left open", fate)]


def _open_descriptors() -> set[int]:
    """All open ones."""
    try:
        listed = {int(name) for name in os.listdir("/proc/self/fd")}
    except OSError:
        listed = set(range(3, 256))
    poll = select.poll()
    for fd in listed:
        poll.register(fd, 0)
    return listed.difference(fd for fd, event in poll.poll(0) if event & select.POLLNVAL)


def _count() -> int:
    """How many are open, or 0 where the system does not tell (Linux does since 6.2)."""
    try:
        return os.stat("/proc/self/fd").st_size
    except OSError:
        return 0


def _identity(fd: int) -> tuple[int, int] | None:
    try:
        stat = os.fstat(fd)
    except OSError:
        return None
    return stat.st_dev, stat.st_ino
