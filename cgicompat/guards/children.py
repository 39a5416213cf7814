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
    """Child processes. Those that have ended are waited for. One that still runs may live on, but shares our
    process group, which the next request's time limit would end: the process is spent."""

    names = ("fork", "Popen", "popen", "Process", "Pool", "spawnv", "spawnl", "posix_spawn", "SharedMemory")

    def restore(self) -> Sequence[Change]:
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
