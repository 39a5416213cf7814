from __future__ import annotations

import gc
import sys

from cgicompat.guards.change import Change
from cgicompat.guards.guard import NOTHING, Guard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


class Settings(Guard):
    """The interpreter's settings behind functions of sys and gc: recursion limit, switch interval, digits of
    an integer, flags of dlopen, hooks of coroutines and asynchronous generators, lazy imports, the garbage
    collector."""

    names = (
        "setrecursionlimit",
        "setswitchinterval",
        "set_int_max_str_digits",
        "setdlopenflags",
        "set_asyncgen_hooks",
        "set_coroutine_origin_tracking_depth",
        "set_lazy_imports",
        "set_lazy_imports_filter",
        "gc",
        "disable",
        "set_threshold",
        "set_debug",
        "callbacks",
        "garbage",
    )

    def save(self) -> None:
        rows: list[tuple[str, Callable[[], Any], Callable[[Any], object]]] = [
            ("sys.setrecursionlimit", sys.getrecursionlimit, sys.setrecursionlimit),
            ("sys.setswitchinterval", sys.getswitchinterval, sys.setswitchinterval),
            ("sys.set_int_max_str_digits", sys.get_int_max_str_digits, sys.set_int_max_str_digits),
            ("sys.setdlopenflags", sys.getdlopenflags, sys.setdlopenflags),
            ("sys.set_asyncgen_hooks", sys.get_asyncgen_hooks, lambda hooks: sys.set_asyncgen_hooks(*hooks)),
            (
                "sys.set_coroutine_origin_tracking_depth",
                sys.get_coroutine_origin_tracking_depth,
                sys.set_coroutine_origin_tracking_depth,
            ),
            ("gc.set_threshold", gc.get_threshold, lambda numbers: gc.set_threshold(*numbers)),
            ("gc.set_debug", gc.get_debug, gc.set_debug),
            ("gc.disable", gc.isenabled, lambda on: gc.enable() if on else gc.disable()),
        ]
        rows += [
            (f"sys.set_{name}", getattr(sys, f"get_{name}"), getattr(sys, f"set_{name}"))
            for name in ("lazy_imports", "lazy_imports_filter")
            if hasattr(sys, f"get_{name}")  # since Python 3.15
        ]
        self._rows = rows
        self._getters = [get for _, get, _ in rows]
        self._saved = [get() for get in self._getters]
        self._callbacks = list(gc.callbacks)

    def restore(self) -> Sequence[Change]:
        changes: Sequence[Change] = NOTHING
        found = [get() for get in self._getters]
        if found != self._saved:
            for (name, _, put), now, saved in zip(self._rows, found, self._saved, strict=True):
                if now != saved:
                    put(saved)
                    changes = [*changes, Change(f"{name} was called", names=(name.partition(".")[2],))]
        if gc.callbacks != self._callbacks:
            gc.callbacks[:] = self._callbacks
            changes = [*changes, Change("gc.callbacks was changed")]
        if gc.garbage:
            gc.garbage.clear()
            changes = [*changes, Change("gc.garbage was filled")]
        return changes
