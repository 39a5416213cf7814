"""Code that a script runs by exec, eval, runpy, or loaders of its own."""

from __future__ import annotations

import sys

from cgicompat.modules import CODE, LIBRARY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

_EVENTS = frozenset(("exec", "function.__new__"))
_MANY = 1000


class Executed:
    """Code that has run since the last clear(), the latest _MANY at most.

    Only an audit hook (PEP 578) sees it, which stays for good and costs a little at each event: the first
    script that names such a way has it installed.
    """

    def __init__(self) -> None:
        self._installed = False
        self._codes: dict[int, CodeType] = {}  # by id: to hash code takes time

    def install(self) -> None:
        if not self._installed:
            self._installed = True
            sys.addaudithook(self._see)

    def _see(self, event: str, args: tuple[Any, ...]) -> None:
        if event in _EVENTS:
            codes = self._codes
            codes[id(args[0])] = args[0]
            if len(codes) > _MANY:
                del codes[next(iter(codes))]

    def codes(self) -> list[CodeType]:
        """Those that are no library's, and not in CODE.used."""
        if not self._codes:
            return []
        known = {id(source.code) for source in CODE.used}
        return [
            code
            for key, code in list(self._codes.items())
            if key not in known
            and not code.co_filename.startswith("<frozen")
            and not LIBRARY.is_persistent_path(code.co_filename)
        ]

    def clear(self) -> None:
        self._codes.clear()


EXECUTED = Executed()
