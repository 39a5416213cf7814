"""What the master may import for its children: modules that scripts have imported, and that can be shared."""

from __future__ import annotations

import os
import sys

from cgicompat.runners.modules import LIBRARY

_UNFIT = frozenset(
    ("this", "antigravity", "idlelib", "turtledemo", "test", "__main__", "__mp_main__")
    + ("readline", "curses")  # they change the environment
)


def preloadable(names: set[str]) -> list[str]:
    """Of modules that were imported here, those that are fit to be imported before a fork, in an order to do
    so."""
    started_threads = _thread_count() > 1
    found = []
    for name in sorted(names, key=_private):
        module = sys.modules.get(name)
        top = name.partition(".")[0]
        if (
            top not in _UNFIT
            and getattr(module, "__spec__", None) is not None
            and module is not None
            and LIBRARY.is_persistent(module)
            and not (started_threads and top not in sys.stdlib_module_names)
        ):
            found.append(name)
    return found


def files(names: set[str]) -> list[str]:
    """The files of modules that were imported here."""
    found = []
    for name in names:
        module = sys.modules.get(name)
        spec = getattr(module, "__spec__", None)
        if spec is not None and spec.has_location and spec.origin and LIBRARY.is_persistent_path(spec.origin):
            found.append(spec.origin)
    return found


def reseed() -> None:
    """Give this process random numbers of its own, after a fork. `random` sees to itself."""
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        numpy.seed()


def _private(name: str) -> tuple[bool, str]:
    """A module behind another one is imported by that: `_asyncio` before `asyncio` would upset both."""
    return name.startswith("_"), name


def _thread_count() -> int:
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        threading = sys.modules.get("threading")
        return threading.active_count() if threading else 1
