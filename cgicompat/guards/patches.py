"""What a script changes in library modules.

Where Python can, dicts are watched. Where it cannot, and for lists and sets, the script's code is read: who
sets an attribute has its name in its code, so only modules that the script names are compared with what they
were.
"""

from __future__ import annotations

import opcode
import sys

from cgicompat.guards import library
from cgicompat.guards.change import PUT_BACK, SPENT, Change
from cgicompat.guards.executed import EXECUTED
from cgicompat.guards.guard import NOTHING, Guard
from cgicompat.guards.watch import CONTAINER, MISSING, MODULE, WATCH, WHOLE, Space, spaces
from cgicompat.modules import CODE, name_of, with_inner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import CodeType, ModuleType
    from typing import Any

    from cgicompat.modules import Source

_STORES = (opcode.opmap["STORE_ATTR"], opcode.opmap["DELETE_ATTR"])
_EXTENDED_ARG = opcode.opmap["EXTENDED_ARG"]
_INDIRECT = frozenset(("setattr", "delattr", "vars", "__dict__", "patch", "exec", "eval"))
_DATA = (int, float, complex, str, bytes, tuple, frozenset, list, dict, set, type(None))


class Patches(Guard):
    """Attributes of library modules and of their classes, and the dicts, lists and sets in them. What a
    library changes in itself stays: caches, which are made for processes that live. What the script changes
    in a library is put back; where that was code (`json.loads = mine`), the process is spent, since nobody
    knows what else has taken hold of it."""

    def save(self) -> None:
        self._used: dict[tuple[Source, int], _Names] = {}

    def restore(self) -> Sequence[Change]:
        changes = [self._undo(*found) for found in WATCH.take()] if WATCH.journal else NOTHING
        for names in self._named():
            for label, found, items in names.lists:
                if found != items:
                    _replace(found, items)
                    changes = [*changes, Change(f"{label} was changed", names=(label.rpartition(".")[2],))]
            if not WATCH.usable:
                changes = [*changes, *(self._undo(*found) for found in names.changes())]
        return changes

    def _named(self) -> Iterator[_Names]:
        loaded = len(sys.modules)
        for source in CODE.used:
            names = self._used.get((source, loaded))
            if names is None:
                names = self._used[source, loaded] = _Names([source.code])
            yield names
        others = EXECUTED.codes()
        if others:
            yield _Names(others)

    def _undo(self, space: Space, key: Any, before: Any, where: str) -> Change:
        now = space.content.get(key, MISSING) if key is not WHOLE else None
        if key is WHOLE:
            space.content.clear()
            space.content.update(before)
        elif space.kind == CONTAINER:
            if before is MISSING:
                del space.content[key]
            else:
                space.content[key] = before
            if space.holder is not None:
                space.holder._clear_cache()
        elif before is MISSING:
            delattr(space.holder, key)
        else:
            setattr(space.holder, key, before)
        spent = space.kind != CONTAINER and before is not MISSING and not isinstance(before, _DATA)
        how = "deleted" if now is MISSING else "set" if before is MISSING else "replaced"
        # The script's code names the dict, if not the key.
        names = [str(key), *(space.label.split(".")[1:] if space.kind == CONTAINER else ())]
        return Change(f"{space.name(key)} was {how}", SPENT if spent else PUT_BACK, where, names)


# Lists and sets of each library module, and where there are no watchers, its dicts, as they were when fresh.
_lists: dict[str, list[tuple[str, Any, Any]]] = {}
_snapshots: dict[str, list[tuple[Space, dict[Any, Any]]]] = {}


def learn(module: ModuleType) -> None:
    """Take in a library module that has just been imported, and no script has touched."""
    name = name_of(module)
    if name in _lists:
        return
    _lists[name] = lists = []
    others = library.covers().get(name, frozenset())
    found = [] if name in ("sys", "builtins", "os") else list(spaces(module))  # guards.namespaces
    for space in found:
        if space.kind != CONTAINER:
            for attribute, value in list(space.content.items()):
                if type(value) in (list, set) and attribute not in ("__all__", "__path__", *others):
                    lists.append((f"{space.label}.{attribute}", value, value.copy()))
    if WATCH.usable:
        if name != "sys":  # each run sets attributes there
            WATCH.module(module)
    else:
        _snapshots[name] = []
        for space in found:
            if space.kind == MODULE:
                space.covers = others
            if space.kind != CONTAINER or space.label.rpartition(".")[2] not in others:
                _snapshots[name].append((space, space.content.copy()))


def _replace(container: Any, items: Any) -> None:
    if isinstance(container, list):
        container[:] = items
    else:
        container.clear()
        container.update(items)


class _Names:
    """What files of a script name: modules, and the attributes that they set, on whatever object."""

    def __init__(self, files: Sequence[CodeType]) -> None:
        named: set[str] = set()
        self._stored: set[str] = set()
        for code in (code for file in files for code in with_inner(file)):
            named.update(code.co_names)
            if not _INDIRECT.isdisjoint(code.co_names):
                texts = [constant for constant in code.co_consts if isinstance(constant, str)]
                self._stored.update("".join(c if c.isidentifier() else " " for c in " ".join(texts)).split())
            if "reload" in code.co_names:
                self._stored.add("__spec__")
            self._stored.update(_stored(code))
        # `import a.b` has the name a.b; `from a import b` has a and b.
        parts = {part for name in named | self._stored for part in name.split(".")}
        self._modules = [name for name in sys.modules if name in _lists and parts.issuperset(name.split("."))]
        # What it changes in place it names as well: other changes are the library's own.
        self._known = named | self._stored
        self.lists = [row for name in self._modules for row in _lists[name] if self._names(row[0])]

    def _names(self, label: str) -> bool:
        return label.rpartition(".")[2] in self._known

    def changes(self) -> Iterator[tuple[Space, Any, Any, str]]:
        for name in self._modules:
            for space, saved in _snapshots[name]:
                if space.kind == CONTAINER:
                    if not self._names(space.label) or space.content == saved:
                        continue
                    keys = space.content.keys() | saved.keys()
                else:
                    keys = self._stored - space.covers
                for key in keys:
                    before = saved.get(key, MISSING)
                    if space.content.get(key, MISSING) is not before:
                        yield space, key, before, ""


def _stored(code: CodeType) -> Iterator[str]:
    extended = 0
    for offset in range(0, len(code.co_code), 2):
        operation, argument = code.co_code[offset : offset + 2]
        argument |= extended
        extended = argument << 8 if operation == _EXTENDED_ARG else 0
        if operation in _STORES:
            yield code.co_names[argument]
