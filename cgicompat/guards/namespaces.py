from __future__ import annotations

import builtins
import os
import sys
from _operator import is_not

from cgicompat.guards.change import Change
from cgicompat.guards.guard import Guard, uses
from cgicompat.guards.watch import WATCH
from cgicompat.modules import LIBRARY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Set anew for each run.
_PER_RUN = ("stdin", "stdout", "stderr", "__stdin__", "__stdout__", "__stderr__")
_LISTS = ("path", "meta_path", "path_hooks", "orig_argv", "warnoptions")


_CACHE = frozenset(("path_importer_cache",))
_INDIRECT = ("enable", "install", "addsitedir")


class Namespaces(Guard):
    """All attributes of sys, builtins and os, the excepthook and its like among them; the lists of sys: path,
    meta_path, path_hooks; and what the import system remembers of directories."""

    names = ("excepthook", "displayhook", "unraisablehook", "__builtins__", "builtins", "path", "sys", "os")

    def save(self) -> None:
        modules = (sys, builtins, os)
        self._saved = [(module.__name__, module.__dict__, dict(module.__dict__)) for module in modules]
        self._streams = [(name, getattr(sys, name)) for name in _PER_RUN]
        self._cached = {
            entry: finder
            for entry, finder in sys.path_importer_cache.items()
            if LIBRARY.is_persistent_path(entry)
        }
        self._lists = [(name, getattr(sys, name), list(getattr(sys, name))) for name in _LISTS]

    def restore(self) -> Sequence[Change]:
        changes: list[Change] = []
        namespace = sys.__dict__
        for name, stream in self._streams:
            namespace[name] = stream
        for name, original, items in self._lists:
            if namespace.get(name) is not original:
                changes.append(Change(f"sys.{name} was replaced", names=(name, *_INDIRECT)))
                namespace[name] = original
            if original != items:
                changes.append(Change(f"sys.{name} was changed", names=(name, *_INDIRECT)))
                original[:] = items
        for module, namespace, saved in self._saved:
            if WATCH.knows(namespace) and not WATCH.journal:
                continue
            # By identity: os.environ is equal to a mere dict.
            if len(namespace) != len(saved) or any(map(is_not, namespace.values(), saved.values())):
                changes += _put_back(module, namespace, saved)
        cache = sys.path_importer_cache
        if len(cache) != len(self._cached) or cache != self._cached:
            # A directory may be another by the next request, and look the same by its time.
            for entry in cache.keys() - self._cached.keys():
                if not LIBRARY.is_persistent_path(entry):
                    del cache[entry]
            cache.update(self._cached)
            if uses(_CACHE):
                changes.append(Change("sys.path_importer_cache was changed", names=tuple(_CACHE)))
            self._cached = dict(cache)
        return changes


def _put_back(module: str, namespace: dict[str, object], saved: dict[str, object]) -> Iterator[Change]:
    for name in namespace.keys() - saved.keys():
        del namespace[name]
        yield Change(f"{module}.{name} was set", names=(name, *_INDIRECT))
    for name, value in saved.items():
        if name not in namespace or namespace[name] is not value:
            how = "replaced" if name in namespace else "deleted"
            yield Change(f"{module}.{name} was {how}", names=(name, *_INDIRECT))
            namespace[name] = value
