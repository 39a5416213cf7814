from __future__ import annotations

import os
import sys

from cgicompat.guards.change import SPENT, Change
from cgicompat.guards.guard import NOTHING, Guard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Children(Guard):
    """Child processes. Those that have ended are waited for. One that still runs may live on, but shares our
    process group, which the next request's time limit would end: the process is spent."""

    names = ("fork", "Popen", "popen", "Process", "Pool", "spawnv", "spawnl", "posix_spawn", "SharedMemory")

    def restore(self) -> Sequence[Change]:
        reaped = 0
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                reaped += 1
        except ChildProcessError:
            if not reaped:
                return NOTHING
            _forget()
            return [Change("a child process was not waited for")]
        return [Change("a child process is still running", SPENT)]


def _forget() -> None:
    """Drop what modules remember of children that are gone."""
    for name, attribute in (("subprocess", "_active"), ("multiprocessing.process", "_children")):
        if name in sys.modules:
            getattr(sys.modules[name], attribute).clear()
