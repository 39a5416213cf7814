"""Open files, by their descriptors."""

from __future__ import annotations

import gc
import os
import select
from _io import FileIO

from cgicompat.descriptors import KEPT, keep
from cgicompat.guards.change import SPENT, Change
from cgicompat.guards.guard import NOTHING, Guard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_HARMLESS = ("/dev/urandom", "/dev/random", "/memfd:libffi")
_OURS = "descriptors of the process itself were closed or replaced"


class Descriptors(Guard):
    """Open files by their numbers: 0, 1 and 2 are pointed home. Where another is open that was not before,
    the process is spent: what a script has forgotten nobody can tell from what a library still uses; and
    that, closed under it, would write into the next file of its number. What a library reads may stay. The
    loss of one that it had before its first run makes it spent, too."""

    names = ("open", "dup", "dup2", "pipe", "socket", "mkstemp", "closerange", "close", "fdopen")

    def save(self) -> None:
        self._null = keep(os.open(os.devnull, os.O_RDWR))
        self._errors = keep(os.dup(2))
        self._own = select.poll()
        for fd in KEPT:
            self._own.register(fd, 0)
        self._last = max(KEPT)
        self._inode = os.fstat(self._last).st_ino
        try:
            self._listing = keep(os.open("/proc/self/fd", os.O_RDONLY))
        except OSError:
            self._listing = -1
        self._open: set[int] | None = None

    def begin(self) -> None:
        if self._open is None:  # the first run is wired
            self._open = open_descriptors()
            for fd in self._open:
                self._own.register(fd, 0)
            self._count = self._how_many()

    def restore(self) -> Sequence[Change]:
        changes: Sequence[Change] = NOTHING
        if self._is_replaced():
            return [Change(_OURS, SPENT)]
        os.dup2(self._null, 0)
        os.dup2(self._null, 1)
        os.dup2(self._errors, 2)
        if not os.get_blocking(2):
            os.set_blocking(2, True)
            changes = [Change("fd 2 was made non-blocking")]
        if self._how_many() != self._count or not self._count:
            changes = [*changes, *self._left_open()]
            if _invalid(self._own.poll(0)):
                changes = [*changes, Change(_OURS, SPENT)]
        return changes

    def _is_replaced(self) -> bool:
        """Whether our last descriptor is gone: who replaces one of ours, replaces a whole range."""
        try:
            return os.fstat(self._last).st_ino != self._inode
        except OSError:
            return True

    def _how_many(self) -> int:
        """How many files are open, or 0 where the system does not tell (Linux does since 6.2)."""
        try:
            return os.fstat(self._listing).st_size
        except OSError:
            return 0

    def _left_open(self) -> list[Change]:
        assert self._open is not None
        left = open_descriptors() - self._open
        if left:
            gc.collect()  # other guards have let go of objects
            left = open_descriptors() - self._open
            self._open |= left
            self._count = self._how_many()
            left = {fd for fd in left if not is_harmless(fd)} - _read_by_libraries()
        return [Change(f"files were left open: {len(left)}", SPENT)] if left else []


def is_harmless(fd: int) -> bool:
    """Whether it does not matter who has it: random numbers, and libffi's memory for callbacks."""
    try:
        return os.readlink(f"/proc/self/fd/{fd}").startswith(_HARMLESS)
    except OSError:
        return False


def _read_by_libraries() -> set[int]:
    """Files that objects have open to read them, and that survive their script: fonts, for instance."""
    found = set()
    for thing in gc.get_objects():
        if issubclass(type(thing), FileIO):  # isinstance() may run the script's code
            try:
                if not thing.writable():
                    found.add(thing.fileno())
            except (ValueError, OSError):
                pass  # closed
    return found


def open_descriptors() -> set[int]:
    """All open ones."""
    try:
        listed = {int(name) for name in os.listdir("/proc/self/fd")}
    except OSError:
        listed = set(range(3, 256))
    poll = select.poll()
    for fd in listed:
        poll.register(fd, 0)
    return listed.difference(fd for fd, event in poll.poll(0) if event & select.POLLNVAL)


def _invalid(events: list[tuple[int, int]]) -> bool:
    return any(event & select.POLLNVAL for _, event in events)
