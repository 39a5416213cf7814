"""What the process itself needs lies above LOWEST, out of the way of scripts that close or count low ones."""

from __future__ import annotations

import fcntl
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

LOWEST = 200

KEPT: set[int] = set()  # what this process needs, and the workers that it forks
PRIVATE: set[int] = set()  # what it alone needs
_scripts_run = False


def keep(fd: int, private: bool = False) -> int:
    """Move a descriptor of ours out of the way; the new number."""
    moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, LOWEST)
    os.close(fd)
    (PRIVATE if private else KEPT).add(moved)
    return moved


def set_private(fd: int) -> None:
    """One that was kept for children too is for this process alone from now on."""
    KEPT.discard(fd)
    PRIVATE.add(fd)


def release(fd: int) -> None:
    """Close a descriptor that was kept."""
    forget(fd)
    os.close(fd)


def forget(fd: int) -> None:
    """A descriptor that was kept is to be closed by others."""
    KEPT.discard(fd)
    PRIVATE.discard(fd)


def import_aside(name: str) -> ModuleType:
    """Import a module. What this opens for good lies out of the way, too: libffi may keep the
    file open that it was loaded from, and maps it for each hundred callbacks of ctypes."""
    low: list[int] = []
    try:
        while not low or low[-1] < LOWEST - 1:
            low.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        _close(low)  # so many may not be open
    try:
        __import__(name)
    finally:
        _close(low)
    return sys.modules[name]


def note_inherited(known: Iterable[int]) -> None:
    """What this process was started with, and does not know, is not for those that it forks. What libraries
    have opened since is for both; by its flag it would not have survived the start of a program."""
    try:
        listed = {int(name) for name in os.listdir("/dev/fd")}
    except OSError:
        return
    for fd in listed.difference((0, 1, 2), known, KEPT, PRIVATE):
        try:
            if not fcntl.fcntl(fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC:
                PRIVATE.add(fd)
        except OSError:
            pass  # the listing's own


def close_private() -> None:
    """In a process that was forked: close what is for the one alone that forked it."""
    _close(PRIVATE)


def close_others(used: Iterable[int]) -> None:
    """In a process that was forked: close all that is kept but what it uses."""
    others = (KEPT | PRIVATE).difference(used)
    KEPT.difference_update(others)
    PRIVATE.difference_update(others)
    _close(others)


def scripts_run() -> None:
    """In this process scripts run: what they fork has none of our descriptors."""
    global _scripts_run
    _scripts_run = True


def _after_fork() -> None:
    if _scripts_run:
        _close(KEPT)


def _close(fds: set[int] | list[int]) -> None:
    for fd in fds:
        try:
            os.close(fd)
        except OSError:
            pass  # a script has closed it
    fds.clear()


os.register_at_fork(after_in_child=_after_fork)
