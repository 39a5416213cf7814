"""The audit: a fingerprint of all library modules, to find what no guard saw.

Of each module, of its classes, and of the containers and plain objects in both it keeps what each attribute
was; after a run it tells each that is another. Slow, and it needs no list of what might change.
"""

from __future__ import annotations

import os
import sys

from cgicompat.guards import library
from cgicompat.guards.change import KEPT, Change
from cgicompat.guards.watch import WATCH, same
from cgicompat.modules import LIBRARY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType
    from typing import Any
else:
    ModuleType = type(sys)

_MISSING = object()
_NO_STATE = (str, bytes, int, float, complex, type(None), tuple, frozenset, type, ModuleType)
# The interpreter's, or ours.
_LEFT_OUT = frozenset(("__warningregistry__", "__builtins__", "__annotations__", "__doc__"))
_OURS = frozenset(("cgicompat", "sys", "__main__", "ctypes", "_ctypes", "posix"))


_ENVIRON = (id(os.environ), id(os.environb))


class Everything:
    """`save` before a run, `compare` after the guards have put back what they know."""

    def save(self) -> None:
        """Keep what all attributes are now."""
        self._before = dict(_state())
        self._covers = library.covers()
        if WATCH.usable:
            WATCH.libraries = []

    def compare(self) -> list[Change]:
        """What is another now than at save()."""
        changes = []
        by_library = dict(WATCH.libraries or ())
        for label, (_holder, now) in _state():
            known = self._before.get(label)
            if known is None or known[1] is now:
                continue
            keys = [key for key in _differences(known[1], now) if key not in self._covers.get(label, ())]
            if keys and isinstance(known[0], dict | list | set):
                by = _by(by_library.get(f"{label}[{keys[0]!r}]"))
                changes.append(Change(f"{label} was changed{_times(len(keys))}{by}", KEPT))
            elif keys:
                for key in keys:
                    name = f"{label}.{key}"
                    changes.append(Change(f"{name} was changed{_by(by_library.get(name))}", KEPT))
        return changes


def _times(number: int) -> str:
    return f" in {number} places" if number > 1 else ""


def _by(place: str | None) -> str:
    return f" by {place}" if place else ""


def _state() -> Iterator[tuple[str, tuple[object, Any]]]:
    """(label, (object, copy of its state)) of everything that has state."""
    seen: set[int] = set()
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in _OURS or not isinstance(module, ModuleType):
            continue
        if not LIBRARY.is_persistent(module) or id(module) in seen:
            continue
        yield from _object_state(name, module, dict(module.__dict__), name, seen, 2)


def _object_state(
    label: str, holder: object, state: dict[Any, Any], top: str, seen: set[int], depth: int
) -> Iterator[tuple[str, tuple[object, Any]]]:
    seen.add(id(holder))
    yield label, (holder, state)
    if not depth:
        return
    for key, value in state.items():
        if key in _LEFT_OUT or id(value) in seen or id(value) in _ENVIRON:
            continue
        inner: dict[Any, Any] | None = None
        if isinstance(value, type):
            if str(value.__module__).partition(".")[0] == top.partition(".")[0]:
                inner = dict(value.__dict__)
        elif isinstance(value, dict):
            inner = dict(value)
        elif isinstance(value, list):
            inner = dict(enumerate(value))
        elif isinstance(value, set):
            inner = dict.fromkeys(value)
        elif not isinstance(value, _NO_STATE) and not callable(value):
            inner = dict(getattr(value, "__dict__", ()))
        if inner:
            yield from _object_state(f"{label}.{key}", value, inner, top, seen, depth - 1)


def _differences(before: dict[Any, Any], now: dict[Any, Any]) -> Iterator[Any]:
    if before == now:
        return
    for key in {**before, **now}:
        if key in _LEFT_OUT or isinstance(now.get(key), ModuleType):
            continue  # a submodule has been imported
        old, new = before.get(key, _MISSING), now.get(key, _MISSING)
        if not same(new, old) and not (isinstance(new, _NO_STATE) and type(old) is type(new) and old == new):
            yield key
