from __future__ import annotations

import codecs
import gc
import os
import sys

from cgicompat.guards.change import SPENT, Change
from cgicompat.guards.guard import NOTHING, Guard, uses
from cgicompat.modules import LIBRARY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


_AUDIT_HOOK = frozenset(("addaudithook",))


def _nothing() -> None:
    pass


def _find(member: object, kind: type) -> list[Any]:
    """Containers of the interpreter that have no name in Python: who else would hold `member`?"""
    return [found for found in gc.get_referrers(member) if type(found) is kind and _is_registry(found)]


def _is_registry(found: Any) -> bool:
    return "__name__" not in found and all(map(callable, found.values() if type(found) is dict else found))


class _Registries:
    """Lists and dicts of the interpreter's own, found once."""

    def __init__(self) -> None:
        os.register_at_fork(before=_nothing, after_in_parent=_nothing, after_in_child=_nothing)
        self.forks: list[list[Any]] = _find(_nothing, list)
        codecs.lookup("ascii")
        self.searches: list[list[Any]] = _find(sys.modules["encodings"].search_function, list)
        errors = _find(codecs.lookup_error("strict"), dict)
        self.errors: list[dict[str, Any]] = [found for found in errors if "strict" in found]


_registries: _Registries | None = None


def find_registries() -> _Registries:
    """Find them, in a process whose objects are not frozen yet."""
    global _registries
    if _registries is None:
        _registries = _Registries()
    return _registries


class Hooks(Guard):
    """Functions that Python calls at os.fork(), and audit hooks. The latter nobody can take away: a script
    that has sys.addaudithook in its code makes the process spent."""

    names = ("register_at_fork", "addaudithook")

    def save(self) -> None:
        self._lists = [(found, list(found)) for found in find_registries().forks]

    def restore(self) -> Sequence[Change]:
        changes: Sequence[Change] = NOTHING
        for found, saved in self._lists:
            if len(found) != len(saved):
                kept = [hook for hook in found if hook in saved or _is_of_library(hook)]
                if len(kept) != len(found):
                    found[:] = kept
                    changes = [Change("os.register_at_fork was called")]
                saved[:] = kept
        if uses(_AUDIT_HOOK):
            changes = [*changes, Change("sys.addaudithook was called", SPENT)]
        return changes


def _is_of_library(hook: Any) -> bool:
    executors: Any = sys.modules.get("concurrent.futures.thread")  # has methods of a lock called
    return LIBRARY.made(hook) or (
        executors is not None and getattr(hook, "__self__", None) is executors._global_shutdown_lock
    )


class Codecs(Guard):
    """Codecs and error handlers that a script has registered."""

    names = ("register", "register_error")

    def save(self) -> None:
        self._searches = [(found, list(found)) for found in find_registries().searches]
        self._errors = [(found, dict(found)) for found in find_registries().errors]

    def restore(self) -> Sequence[Change]:
        changes: Sequence[Change] = NOTHING
        for searches, functions in self._searches:
            if len(searches) != len(functions):
                for function in [found for found in searches if found not in functions]:
                    codecs.unregister(function)
                changes = [Change("codecs.register was called")]
        for errors, handlers in self._errors:
            if errors != handlers:
                for name in errors.keys() - handlers.keys():
                    del errors[name]
                errors.update(handlers)
                changes = [*changes, Change("codecs.register_error was called")]
        return changes
