"""Attributes of sys and builtins, and the interpreter's settings behind functions of sys and gc."""

from __future__ import annotations

import atexit
import builtins
import gc
import os
import sys

# Set anew for each run, or not ours to keep.
_PER_RUN = ("stdin", "stdout", "stderr", "__stdin__", "__stdout__", "__stderr__", "modules")


class Interpreter:
    def save(self) -> None:
        self._namespaces = [(module.__dict__, dict(module.__dict__)) for module in (sys, builtins, os)]
        # Objects that scripts change in place.
        self._lists = [
            (name, list(getattr(sys, name))) for name in ("path", "meta_path", "path_hooks", "argv")
        ]
        self._recursion = sys.getrecursionlimit()
        self._interval = sys.getswitchinterval()
        self._digits = sys.get_int_max_str_digits()
        self._thresholds = gc.get_threshold()
        self._garbage = gc.isenabled()

    def restore(self) -> str | None:
        for name, items in self._lists:
            current = getattr(sys, name, None)
            original = self._namespaces[0][1][name]
            if current is not original:
                setattr(sys, name, original)
            if original != items:
                original[:] = items
        for namespace, saved in self._namespaces:
            if namespace != saved:
                for name in namespace.keys() - saved.keys():
                    del namespace[name]
                for name, value in saved.items():
                    if namespace.get(name, self) is not value and name not in _PER_RUN:
                        namespace[name] = value
        for name in [entry for entry in sys.path_importer_cache if not os.path.isabs(entry)]:
            del sys.path_importer_cache[name]
        if sys.getrecursionlimit() != self._recursion:
            sys.setrecursionlimit(self._recursion)
        if sys.getswitchinterval() != self._interval:
            sys.setswitchinterval(self._interval)
        if sys.get_int_max_str_digits() != self._digits:
            sys.set_int_max_str_digits(self._digits)
        if gc.get_threshold() != self._thresholds:
            gc.set_threshold(*self._thresholds)
        if gc.isenabled() != self._garbage:
            gc.enable() if self._garbage else gc.disable()
        if gc.get_debug():
            gc.set_debug(0)
        gc.callbacks.clear()
        sys.settrace(None)
        sys.setprofile(None)
        atexit._clear()
        return None
