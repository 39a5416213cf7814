from __future__ import annotations

import builtins
import os
import sys

from cgicompat.guards.change import Change
from cgicompat.guards.guard import Guard
from cgicompat.guards.watch import WATCH
from cgicompat.runners.modules import CODE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Set anew for each run.
_PER_RUN = ("stdin", "stdout", "stderr", "__stdin__", "__stdout__", "__stderr__")
_LISTS = ("path", "meta_path", "path_hooks", "argv", "orig_argv", "warnoptions")


class Namespaces(Guard):
    """All attributes of sys, builtins and os, the excepthook and its like among them; the lists of sys: path,
    meta_path, path_hooks, argv; entries that relative paths made in the cache of sys.path."""

    names = ("excepthook", "displayhook", "unraisablehook", "__builtins__", "builtins", "path", "sys", "os")

    def save(self) -> None:
        modules = (sys, builtins, os)
        self._saved = [(module.__name__, module.__dict__, dict(module.__dict__)) for module in modules]
        self._streams = [(name, getattr(sys, name)) for name in _PER_RUN]
        self._lists = [(name, getattr(sys, name), list(getattr(sys, name))) for name in _LISTS]

    def restore(self) -> Sequence[Change]:
        changes: list[Change] = []
        namespace = sys.__dict__
        for name, stream in self._streams:
            namespace[name] = stream
        for name, original, items in self._lists:
            if namespace.get(name) is not original:
                changes.append(Change(f"sys.{name} was replaced"))
                namespace[name] = original
            if original != items:
                if self.audit and name != "argv":
                    changes += _list_changes(name, original, items)
                original[:] = items
        for module, namespace, saved in self._saved:
            if not (WATCH.knows(namespace) and not WATCH.journal) and namespace != saved:
                changes += _put_back(module, namespace, saved)
        if sys.path_importer_cache:
            for entry in [entry for entry in sys.path_importer_cache if entry[:1] != "/"]:
                del sys.path_importer_cache[entry]
        return changes


def _put_back(module: str, namespace: dict[str, object], saved: dict[str, object]) -> Iterator[Change]:
    for name in namespace.keys() - saved.keys():
        del namespace[name]
        yield Change(f"{module}.{name} was set")
    for name, value in saved.items():
        if name not in namespace or namespace[name] is not value:
            yield Change(f"{module}.{name} was {'replaced' if name in namespace else 'deleted'}")
            namespace[name] = value


def _list_changes(name: str, now: list[object], before: list[object]) -> Iterator[Change]:
    ours = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    ours += [os.path.dirname(code.co_filename) for code in CODE.used[:1]]
    if any(item not in before and item not in ours for item in now):
        yield Change(f"sys.{name} was added to")
    if any(item not in now for item in before):
        yield Change(f"sys.{name} was removed from")
