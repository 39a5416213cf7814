"""Processes forked with modules imported ahead: which modules these may be, and what a process does first."""

from __future__ import annotations

import gc
import os
import signal
import sys

from cgicompat.descriptors import scripts_run
from cgicompat.modules import LIBRARY

_UNFIT = frozenset(
    ("this", "antigravity", "idlelib", "turtledemo", "test", "__main__", "__mp_main__")
    + ("readline", "curses")  # they change the environment
)


def preloadable(names: set[str]) -> list[str]:
    """Of modules that were imported here, those that are fit to be imported before a fork, in an order to do
    so: the standard library first, packages that others need before these. sys.modules has each where its
    import was over (importlib._bootstrap, _load_unlocked)."""
    place = {name: number for number, name in enumerate(sys.modules)}

    def order(name: str) -> tuple[int, bool, str]:
        # A module behind another one is imported by that: `_asyncio` before `asyncio` would upset both.
        package = -1 if LIBRARY.is_standard(name) else place.get(name.partition(".")[0], len(place))
        return package, name.startswith("_"), name

    found = []
    for name in sorted(names, key=order):
        module = sys.modules.get(name)
        if (
            name.partition(".")[0] not in _UNFIT
            and getattr(module, "__spec__", None) is not None
            and module is not None
            and LIBRARY.is_persistent(module)
        ):
            found.append(name)
    return found


def may_be_preloaded(name: str) -> bool:
    """Whether a name that somebody told is one that preloadable() could have found."""
    words = name.split(".")
    return words[0] not in _UNFIT and all(word.isidentifier() for word in words)


def files(names: set[str]) -> list[str]:
    """The files of modules that were imported here."""
    found = []
    for name in names:
        module = sys.modules.get(name)
        spec = getattr(module, "__spec__", None)
        if spec is not None and spec.has_location and spec.origin and LIBRARY.is_persistent_path(spec.origin):
            found.append(spec.origin)
    return found


def prepare() -> None:
    """Make a newly forked process ready for scripts: own process group, signals as in a fresh interpreter."""
    os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _reseed()
    gc.enable()
    scripts_run()


def _reseed() -> None:
    """Give this process random numbers of its own, after a fork. `random` sees to itself."""
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        numpy.seed()
