"""Threads that outlive the script, and what executors remember of the interpreter's end."""

from __future__ import annotations

import _thread
import sys


class Threads:
    def save(self) -> None:
        self._excepthook = None

    def restore(self) -> str | None:
        threading = sys.modules.get("threading")
        if threading is not None:
            threading.excepthook = threading.__excepthook__
            threading.settrace(None)
            threading.setprofile(None)
            threading.stack_size(0)
        executors = sys.modules.get("concurrent.futures.thread")
        if executors is not None:  # its exit function ran at the script's end
            executors._shutdown = False
            executors._threads_queues.clear()
        alive = _thread._count()
        if alive:
            return "a thread is still running"
        return None
