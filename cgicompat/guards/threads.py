"""Threads that outlive the script, and what executors remember of the interpreter's end."""

from __future__ import annotations

import _thread
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Threads:
    def save(self) -> None:
        pass

    def restore(self) -> str | None:
        threading: Any = sys.modules.get("threading")
        if threading is not None:
            threading.excepthook = threading.__excepthook__
            threading.settrace(None)
            threading.setprofile(None)
            threading.stack_size(0)
        executors: Any = sys.modules.get("concurrent.futures.thread")
        if executors is not None:  # its exit function ran at the script's end
            executors._shutdown = False
            executors._threads_queues.clear()
        alive = _thread._count()
        if alive:
            return "a thread is still running"
        return None
