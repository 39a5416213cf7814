from __future__ import annotations

import _thread
import sys

from cgicompat.guards.change import SPENT, Change
from cgicompat.guards.guard import NOTHING, Guard
from cgicompat.modules import LIBRARY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


class Threads(Guard):
    """Threads that outlive the script. Those that are no daemons are joined first, as Python does; while
    another runs, nothing could be put back for good. Hooks, trace functions and stack size of new threads,
    what is called before threads are joined, and the numbers in the names of threads."""

    outside = True
    names = ("Thread", "start_new_thread", "stack_size", "setprofile", "settrace", "excepthook")

    def save(self) -> None:
        threading: Any = sys.modules.get("threading")
        self._stack = _thread.stack_size()
        self._count = _thread._count()  # a library may keep threads of its own
        self._exits = list(getattr(threading, "_threading_atexits", ()))

    def restore(self) -> Sequence[Change]:
        threading: Any = sys.modules.get("threading")
        if threading is None:
            return NOTHING if _thread._count() == self._count else self._alive(None)
        changes = []
        if threading.excepthook is not threading.__excepthook__:
            threading.excepthook = threading.__excepthook__
            changes.append(Change("threading.excepthook was set"))
        for kind in ("trace", "profile"):
            if getattr(threading, f"_{kind}_hook") is not None:
                getattr(threading, f"set{kind}")(None)
                changes.append(Change(f"threading.set{kind} was called"))
        if _thread.stack_size() != self._stack:
            _thread.stack_size(self._stack)
            changes.append(Change("threading.stack_size was set"))
        exits = threading._threading_atexits
        if exits != self._exits:
            # What libraries register when they are imported stays with them.
            self._exits = [call for call in exits if call in self._exits or LIBRARY.made(_registered(call))]
            if exits != self._exits:
                exits[:] = self._exits
                changes.append(Change("functions to call before threads are joined were registered"))
        if _thread._count() != self._count:
            changes += self._alive(threading)
        return changes

    def _alive(self, threading: Any) -> list[Change]:
        names = []
        if threading is not None:
            current = threading.current_thread()
            names = [thread.name for thread in threading.enumerate() if thread is not current]
        if not names and self._gone_soon():
            return []
        return [Change(f"a thread is still running{': ' if names else ''}{', '.join(names)}", SPENT)]

    def _gone_soon(self) -> bool:
        """A thread that has been joined may be a moment from its end."""
        import time

        for _ in range(20):
            if _thread._count() == self._count:
                return True
            time.sleep(0.0005)
        return False


def _registered(call: Any) -> Any:
    """The function in what threading makes of it."""
    cells = [cell.cell_contents for cell in getattr(call, "__closure__", None) or ()]
    return next(filter(callable, cells), call)
