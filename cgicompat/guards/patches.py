"""Attributes of library modules, and of classes in them, that a script has set: `json.loads = mine`.

To compare all modules after each run would cost more than most scripts. But a script that sets an attribute
has its name in its code; so only the names that it sets are looked up, in the modules that it names. Such a
process is spent: what the patched code has done meanwhile nobody knows.
"""

from __future__ import annotations

import opcode
import sys

from cgicompat.runners.modules import CODE, LIBRARY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import CodeType, ModuleType
    from typing import Any
else:
    ModuleType = type(sys)

_STORES = (opcode.opmap["STORE_ATTR"], opcode.opmap["DELETE_ATTR"])
_EXTENDED_ARG = opcode.opmap["EXTENDED_ARG"]
_INDIRECT = frozenset(("setattr", "delattr", "vars", "__dict__", "patch"))
_MISSING = object()
_PUT_BACK = ("sys", "builtins", "os")  # guards.interpreter


class Patches:
    def save(self) -> None:
        self._known: dict[str, list[tuple[Any, dict[str, Any]]]] = {}
        self._uses: dict[CodeType, tuple[frozenset[str], frozenset[str]]] = {}
        self._learn()

    def restore(self) -> str | None:
        named: set[str] = set()
        stored: set[str] = set()
        for code in CODE.used:
            if code not in self._uses:
                self._uses[code] = _uses(code)
            names, attributes = self._uses[code]
            named |= names
            stored |= attributes
        CODE.used.clear()
        found = list(self._changes(named, stored)) if stored else []
        if len(sys.modules) != len(self._known):
            found += self._learn(stored)
        return f"it set {', '.join(sorted(found))} in the standard library" if found else None

    def _changes(self, named: set[str], stored: set[str]) -> Iterator[str]:
        for name in named & self._known.keys():
            for namespace, saved in self._known[name]:
                current: Mapping[str, Any] = namespace.__dict__
                for attribute in stored:
                    if current.get(attribute, _MISSING) is not saved.get(attribute, _MISSING):
                        yield f"{name}.{attribute}"

    def _learn(self, stored: set[str] = frozenset()) -> list[str]:  # type: ignore[assignment]
        """Take in modules that are new. What the script set in these cannot be told from what they had."""
        suspicious = []
        for name, module in list(sys.modules.items()):
            if name in self._known:
                continue
            if name in _PUT_BACK or not isinstance(module, ModuleType) or not LIBRARY.is_persistent(module):
                self._known[name] = []
                continue
            classes = [
                value
                for value in list(module.__dict__.values())
                if isinstance(value, type) and value.__module__.partition(".")[0] == name.partition(".")[0]
            ]
            spaces = [module, *classes]
            self._known[name] = [(space, dict(space.__dict__)) for space in spaces]
            for space in spaces:
                suspicious += [f"{name}.{attribute}" for attribute in stored & space.__dict__.keys()]
        return suspicious


def _uses(code: CodeType) -> tuple[frozenset[str], frozenset[str]]:
    """Dotted and simple names of modules in `code`, and the attributes that it sets, on whatever object."""
    named: set[str] = set()
    stored: set[str] = set()
    pending = [code]
    while pending:
        current = pending.pop()
        named.update(current.co_names)
        pending += [constant for constant in current.co_consts if isinstance(constant, type(code))]
        if not _INDIRECT.isdisjoint(current.co_names):
            stored.update(constant for constant in current.co_consts if isinstance(constant, str))
        extended = 0
        for offset in range(0, len(current.co_code), 2):
            operation, argument = current.co_code[offset : offset + 2]
            argument |= extended
            extended = argument << 8 if operation == _EXTENDED_ARG else 0
            if operation in _STORES:
                stored.add(current.co_names[argument])
    # `import a.b` has the name a.b; `from a import b` has a and b.
    parts = {part for name in named for part in name.split(".")}
    return frozenset(named | {name for name in sys.modules if parts.issuperset(name.split("."))}), frozenset(
        name for name in stored if not name.startswith("__") or name == "__init__"
    )
