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

    _State = dict[str, tuple[object, Any]]
else:
    ModuleType = type(sys)

_MISSING = object()
_NO_STATE = (str, bytes, int, float, complex, type(None), tuple, frozenset, type, ModuleType)
# The interpreter's, or ours.
_LEFT_OUT = frozenset(("__warningregistry__", "__slotnames__", "__builtins__", "__annotations__", "__doc__"))
_OURS = frozenset(("cgicompat", "sys", "__main__", "ctypes", "_ctypes", "posix"))


_WEAK = ("weakref", "_weakrefset")  # change when what they refer to goes
_CONTAINERS = (dict, list, set)
# What libraries fill for themselves; where nobody tells who does what, it must be known.
_CACHES = frozenset(
    ("re._cache", "re._cache2", "typing._cleanups")
    + ("typing._overload_registry", "linecache.cache", "gettext._translations")
    + ("platform._uname_cache", "platform._sys_version_cache", "platform._platform_cache")
    + ("platform._os_release_cache", "sysconfig._CONFIG_VARS", "sysconfig._CONFIG_VARS_INITIALIZED")
    + ("_strptime._TimeRE_cache", "_strptime._regex_cache")
    # typing_extensions, which many libraries need, mends typing of older Pythons.
    + ("typing._collect_parameters", "typing._check_generic")
    + ("concurrent.futures.ThreadPoolExecutor", "concurrent.futures.ProcessPoolExecutor")  # imported late
    + (
        "weakref.finalize._registered_with_atexit",
        "concurrent.futures.ThreadPoolExecutor._counter",
    )  # another name of what a guard knows
)
_OF_ENUMS = "._value2member_map_"  # flags in combinations that somebody has asked for

_ENVIRON = (id(os.environ), id(os.environb))


class Everything:
    """`save` before the first run, `compare` after each, when the guards have put back what they know."""

    def save(self) -> None:
        """Keep what all attributes are now."""
        self._keep(dict(_state()))

    def _keep(self, state: _State) -> None:
        self._before = state
        self._covers = library.covers()
        if WATCH.usable:
            WATCH.libraries = []

    def compare(self) -> list[Change]:
        """What is another now than it was last."""
        now = dict(_state())
        changes = [Change(f"{what} was changed{_by(by)}", KEPT) for what, by in self._changed(now)]
        self._keep(now)
        return changes

    def unexplained(self, own: set[str]) -> list[str]:
        """What has another state now than at save(), though no library has changed it in itself, and it is in
        none of the packages `own`."""
        names = (what.partition(" ")[0] for what, by in self._changed(dict(_state())) if not by)
        return [
            name
            for name in names
            if name not in _CACHES and not name.endswith(_OF_ENUMS) and name.partition(".")[0] not in own
        ]

    def _changed(self, state: _State) -> Iterator[tuple[str, str]]:
        """(what, FILE:LINE of a library that did it in itself, as far as that is known)."""
        by_library = dict(WATCH.libraries or ())
        for label, (_holder, now) in state.items():
            known = self._before.get(label)
            module, _, attribute = label.rpartition(".")
            if known is None or known[1] is now or attribute in self._covers.get(module, ()):
                continue
            keys = [key for key in _differences(known[1], now) if key not in self._covers.get(label, ())]
            if keys and issubclass(type(known[0]), _CONTAINERS):
                yield f"{label}{_times(len(keys))}", by_library.get(f"{label}[{keys[0]!r}]", "")
            else:
                for key in keys:
                    yield f"{label}.{key}", by_library.get(f"{label}.{key}", "")


def _times(number: int) -> str:
    return f" ({number} places)" if number > 1 else ""


def _by(place: str) -> str:
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
        kind = type(value)  # isinstance() may run the library's code
        if issubclass(kind, type):
            if str(value.__module__).partition(".")[0] == top.partition(".")[0]:
                inner = dict(value.__dict__)
        elif issubclass(kind, dict):
            inner = dict(value)
        elif issubclass(kind, list):
            inner = dict(enumerate(value))
        elif issubclass(kind, set):
            inner = dict.fromkeys(value)
        elif not issubclass(kind, _NO_STATE) and kind.__module__ not in _WEAK and not callable(value):
            inner = _attributes(value)
        if inner:
            yield from _object_state(f"{label}.{key}", value, inner, top, seen, depth - 1)


def _attributes(thing: object) -> dict[Any, Any]:
    try:
        return dict(object.__getattribute__(thing, "__dict__"))
    except AttributeError:
        return {}


def _differences(before: dict[Any, Any], now: dict[Any, Any]) -> Iterator[Any]:
    for key in {**before, **now}:
        if key in _LEFT_OUT or issubclass(type(now.get(key)), ModuleType):
            continue  # a submodule has been imported
        old, new = before.get(key, _MISSING), now.get(key, _MISSING)
        if not same(new, old) and not (
            issubclass(type(new), _NO_STATE) and type(old) is type(new) and old == new
        ):
            yield key
