from __future__ import annotations

import os
import sys
import time

from cgicompat.guards.change import SPENT, Change
from cgicompat.guards.guard import NOTHING, Guard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


_HELPERS = (
    ("multiprocessing.resource_tracker", "_resource_tracker"),
    ("multiprocessing.forkserver", "_forkserver"),
)
_PATIENCE = 10  # milliseconds that a child may be from its end


class Children(Guard):
    """Child processes. Those that have ended are waited for. One that still runs may live on, and so may one
    of those that it has started itself; but they share our process group, which the next request's time limit
    would end: the process is spent."""

    outside = True
    names = ("fork", "Popen", "popen", "Process", "Pool", "spawnv", "spawnl", "posix_spawn", "SharedMemory")

    def save(self) -> None:
        self._parents_group = os.getpgid(os.getppid())

    def restore(self) -> Sequence[Change]:
        changes = self._restore()
        if not changes or changes[0].fate != SPENT:
            for _ in range(_PATIENCE):
                if not self._has_company():
                    return changes
                time.sleep(0.001)
            return [*changes, Change("a process that it has started is still running", SPENT)]
        return changes

    def _has_company(self) -> bool:
        """Whether others are in our process group. The system tells only one who is not in it, so we go to
        that of our parent for a moment."""
        own = os.getpid()
        if os.getpgrp() != own:
            return False  # see Limits
        try:
            os.setpgid(0, self._parents_group)
            try:
                os.killpg(own, 0)
            finally:
                os.setpgid(0, own)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True  # or we are in another session
        return True

    def _restore(self) -> Sequence[Change]:
        _stop_helpers()
        reaped = 0
        try:
            for _ in range(_PATIENCE):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    reaped += 1
                time.sleep(0.001)
        except ChildProcessError:
            if not reaped:
                return NOTHING
            _forget()
            return [Change("a child process was not waited for")]
        return [Change("a child process is still running", SPENT)]


def _stop_helpers() -> None:
    """Processes that multiprocessing starts for itself end with the one that started them."""
    for module, name in _HELPERS:
        if module in sys.modules:
            helper: Any = getattr(sys.modules[module], name)
            helper._stop()


def _forget() -> None:
    """Drop what modules remember of children that are gone."""
    for name, attribute in (("subprocess", "_active"), ("multiprocessing.process", "_children")):
        if name in sys.modules:
            getattr(sys.modules[name], attribute).clear()
