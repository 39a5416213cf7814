"""Who changes which dict: attributes of library modules and of their classes, and the dicts in them.

CPython 3.12 and later calls a function of ours before a watched dict changes (PyDict_Watch), wherever the
change comes from; a dict that nobody changes costs nothing. On 3.11 WATCH is not usable, and guards look for
themselves.

What a library changes in itself is its own affair: caches, mostly, made for processes that live. What a
script changes, or has one library change in another, is noted with what was there before.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import types

from cgicompat.modules import LIBRARY, name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import CodeType, FrameType, ModuleType
    from typing import Any
else:
    ModuleType = type(sys)

MODULE, CLASS, CONTAINER = "module", "class", "container"
MISSING = object()
_FUNCTION = type(lambda: None)
_LAZY = getattr(types, "LazyImportType", None)
WHOLE = object()  # all keys of a dict at once

# Set by the interpreter, whoever's code it runs.
_NOT_TOLD = frozenset(("__warningregistry__", "__slotnames__", "__builtins__", "__annotations__"))
# A dict that its library changes so often is a cache; watching it would slow it down.
_OFTEN = 100
_MANY = 5000
_MODIFIED, _CLONED, _CLEARED = 1, 3, 4


class Space:
    """A watched dict: `label` names it, `holder` is the module or class whose attributes it has."""

    __slots__ = ("alarm", "busy", "content", "covers", "holder", "kind", "label", "top")

    def __init__(self, label: str, kind: str, holder: Any, content: dict[Any, Any]):
        self.label = label
        self.top = _top(label)
        self.kind = kind
        self.holder = holder
        self.content = content
        self.busy = 0
        self.alarm = ""  # the row of guards.library to which the whole dict belongs
        self.covers: frozenset[str] = frozenset()  # attributes that belong to such rows

    def name(self, key: object) -> str:
        if key is WHOLE:
            return self.label
        return f"{self.label}[{key!r}]" if self.kind == CONTAINER else f"{self.label}.{key}"


def spaces(module: ModuleType) -> Iterator[Space]:
    """The module's attributes, its classes', and the dicts in both."""
    name = name_of(module)
    top = _top(name)
    pending: list[tuple[str, str, Any, dict[Any, Any]]] = [(name, MODULE, module, module.__dict__)]
    for attribute, value in list(module.__dict__.items()):
        if issubclass(type(value), type) and _top(str(value.__module__)) == top:
            pending.append((f"{name}.{attribute}", CLASS, value, _dict_of(value.__dict__)))
    for label, kind, holder, content in pending:
        yield Space(label, kind, holder, content)
        for attribute, value in list(content.items()):
            # posix.environ is the dict within os.environ.
            if type(value) is dict and attribute not in _NOT_TOLD and label != "posix":
                yield Space(f"{label}.{attribute}", CONTAINER, None, value)
            elif type(value) is _FUNCTION and "_clear_cache" in value.__dict__:  # functools.singledispatch
                registry = _dict_of(value.registry)  # type: ignore[attr-defined]
                yield Space(f"{label}.{attribute}.registry", CONTAINER, value, registry)


def same(now: Any, before: Any) -> bool:
    """Whether a value is what it was. Python replaces a lazy import by the thing itself (PEP 810)."""
    return now is before or (type(before) is _LAZY and now is before.resolve())


def _dict_of(proxy: Mapping[Any, Any]) -> dict[Any, Any]:
    """The dict behind a proxy, such as cls.__dict__."""
    found: dict[Any, Any] = gc.get_referents(proxy)[0]
    return found


class Watch:
    """The watcher of this process. `journal` has what was changed in a run, `alarms` which rows of
    guards.library were, both with the place in the script."""

    def __init__(self) -> None:
        self.usable = False
        self.active = False
        self.journal: dict[tuple[int, Any], tuple[Space, object, str]] = {}
        self.alarms: dict[str, str] = {}
        self.warned: list[dict[str, Any]] = []  # modules that have a registry of warnings
        self.libraries: list[tuple[str, str]] | None = None  # what they changed in themselves
        self._spaces: dict[int, Space] = {}
        self._authors: dict[CodeType, str] = {}
        self._covers: dict[str, frozenset[str]] = {}

    def start(self, covers: dict[str, frozenset[str]]) -> None:
        """Make it usable where Python can; `covers` are the attributes of modules that rows see to."""
        self._covers = covers
        try:
            api = ctypes.pythonapi
            add, self._watch, self._unwatch = api.PyDict_AddWatcher, api.PyDict_Watch, api.PyDict_Unwatch
        except AttributeError:
            return
        address = ctypes.c_void_p
        kind = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_int, address, address, address)
        self._function = kind(self._on_event)
        add.argtypes = [kind]
        self._watch.argtypes = self._unwatch.argtypes = [ctypes.c_int, ctypes.py_object]
        self._number = add(self._function)
        self.usable = True

    def module(self, module: ModuleType) -> None:
        """Watch a module, its classes, and their dicts."""
        if not self.usable:
            return
        for space in spaces(module):
            self._add(space)
        self._spaces[id(module.__dict__)].covers = self._covers.get(name_of(module), frozenset())

    def row(self, content: dict[Any, Any], alarm: str) -> None:
        """Watch a dict that belongs to the row `alarm`."""
        if self.usable:
            self._add(Space(alarm, CONTAINER, None, content))
            self._spaces[id(content)].alarm = alarm

    def _add(self, space: Space) -> None:
        if id(space.content) not in self._spaces:
            self._spaces[id(space.content)] = space
            self._watch(self._number, space.content)

    def knows(self, content: dict[Any, Any]) -> bool:
        return id(content) in self._spaces

    def take(self) -> list[tuple[Space, Any, object, str]]:
        """What was changed and is not again as it was: (space, key, value before or MISSING, where)."""
        changes = []
        for (_, key), (space, before, where) in self.journal.items():
            if space.content != before if key is WHOLE else not same(space.content.get(key, MISSING), before):
                changes.append((space, key, before, where))
        self.journal.clear()
        return changes

    def forget(self, packages: set[str]) -> None:
        """What was changed in these packages is no news."""
        for key, (space, *_) in list(self.journal.items()):
            if space.top in packages:
                del self.journal[key]

    def _on_event(self, event: int, address: int, key: int, value: int) -> int:
        # Called in the middle of a change: the dict is as before.
        if not self.active or event > _CLEARED:
            return 0
        space = self._spaces[address]
        name = _object(key) if event < _CLONED else WHOLE
        try:
            frame = sys._getframe(1)
        except ValueError:
            return 0  # from no Python code
        if space.alarm or name in space.covers:
            self.alarms[space.alarm or space.label] = self._script(frame)
        elif name == "__warningregistry__":
            self.warned.append(space.content)
        elif name in _NOT_TOLD:
            pass
        elif not self._own(frame, space) or (name == "__spec__" and event == _MODIFIED):  # importlib.reload
            entry = (address, name)
            if entry not in self.journal:
                before = space.content.copy() if name is WHOLE else space.content.get(name, MISSING)
                self.journal[entry] = space, before, self._script(frame)
        else:
            if self.libraries is not None:
                self.libraries.append((space.name(name), f"{frame.f_code.co_filename}:{frame.f_lineno}"))
            if space.kind == CONTAINER:
                space.busy += 1
                if space.busy > _OFTEN:
                    self._unwatch(self._number, space.content)
        return 0

    def _own(self, frame: FrameType, space: Space) -> bool:
        """Whether a library does this in itself, or while the standard library imports a module."""
        library = self._library(frame)
        if library in (space.top, "importlib", "enum"):  # enum makes members when they are asked for
            return True
        back: FrameType | None = frame
        while back is not None:
            library = self._library(back)
            if not library:
                return False
            if back.f_code.co_name == "<module>" and library in sys.stdlib_module_names:
                return True
            back = back.f_back
        return True

    def _script(self, frame: FrameType | None) -> str:
        """FILE:LINE in the script that led to this."""
        while frame is not None:
            if frame.f_code.co_filename[:1] != "<" and not self._library(frame):
                return f"{frame.f_code.co_filename}:{frame.f_lineno}"
            frame = frame.f_back
        return ""

    def _library(self, frame: FrameType) -> str:
        """The library that the code belongs to, or nothing: it is the script's."""
        known = self._authors.get(frame.f_code)
        if known is None:
            if len(self._authors) > _MANY:
                self._authors.clear()  # code that exec made lives no longer than its script
            known = self._authors[frame.f_code] = _library(frame)
        return known


def _library(frame: FrameType) -> str:
    filename = frame.f_code.co_filename
    name = str(frame.f_globals.get("__name__", ""))
    if filename[:1] == "<":  # frozen, or made by exec
        module = sys.modules.get(name)
        persistent = name == "_frozen_importlib" or (module is not None and LIBRARY.is_persistent(module))
    else:
        persistent = LIBRARY.is_persistent_path(filename)
    return _top(name) or "?" if persistent else ""


def _top(name: str) -> str:
    return name.partition(".")[0].lstrip("_")


def _object(address: int) -> Any:
    return ctypes.cast(address, ctypes.py_object).value


WATCH = Watch()
