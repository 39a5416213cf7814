"""Which libraries the master imports for its children: those that were tasted and found harmless.

A child imports them first, see pool.taster; the master goes on meanwhile. Packages are tasted one by one, the
modules of the standard library together, and by halves where that does not go well. After a reload nothing is
tasted again of which the verdict still holds.
"""

from __future__ import annotations

import marshal
import os
import sys

from cgicompat.modules import LIBRARY
from cgicompat.runners import here

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cgicompat.pool.errand import Errands
    from cgicompat.pool.log import Log
    from cgicompat.pool.rules import Rules
    from cgicompat.pool.verdicts import Look, Verdicts

_OURS = __name__.partition(".")[0]
_TASTING = 30.0  # seconds


class Tasting:
    """Tastes, and imports what is good.

    `verdicts` has what was imported, by this master and the former. `refused` has names of modules that
    workers need not tell of any more. `read` are the environment variables that the libraries have read, each
    with what they found. `settle` is called when something was imported.
    """

    def __init__(
        self,
        log: Log,
        errands: Errands,
        rules: Rules,
        verdicts: Verdicts,
        refused: set[str],
        read: dict[str, str | None],
        watch: Callable[[str], None],
        settle: Callable[[], None],
    ):
        self._log = log
        self._errands = errands
        self._rules = rules
        self._verdicts = verdicts
        self._refused = refused
        self._read = read
        self._watch = watch
        self._settle = settle
        self._waiting: list[list[str]] = []
        self._tasting = False
        self._insist: set[str] = set()
        self._told: set[str] = set()
        self._postponed: set[str] = set()

    @property
    def awaited(self) -> bool:
        """Whether it is not decided yet on modules that are to be there from the beginning."""
        under_way = self._tasting or self._waiting
        return bool(under_way and self._insist - self._refused - sys.modules.keys())

    def resume(self, insist: Iterable[str]) -> None:
        """Have what the former master had, and `insist`."""
        for verdict in self._verdicts.standing():
            if not self._import(*verdict):
                break
        self.ask([*insist, *self._verdicts.names], insist)

    def ask(self, names: Iterable[str], insist: Iterable[str] = ()) -> None:
        """Have these modules; where one of `insist` cannot be had, say so."""
        self._insist.update(insist)
        groups: dict[str, list[str]] = {}
        for name in names:
            if name.partition(".")[0] == _OURS:
                self._import([name], [], {}, sure=True)
                continue
            group = "" if LIBRARY.is_standard(name) else name.partition(".")[0]
            groups.setdefault(group, []).append(name)
        self._waiting += groups.values()
        self._next()

    def _next(self) -> None:
        while self._waiting and not self._tasting:
            names = [
                name
                for name in dict.fromkeys(self._waiting.pop(0))
                if name not in sys.modules and name not in self._refused
            ]
            if names:
                self._tasting = True
                self._taste(names)

    def _taste(self, names: list[str]) -> None:
        def work() -> bytes:
            from cgicompat.pool.taster import taste

            return taste(names, self._rules)

        def done(result: bytes | None) -> None:
            self._tasting = False
            self._decide(names, result)
            self._next()

        self._errands.send(work, done, _TASTING)

    def _decide(self, names: list[str], result: bytes | None) -> None:
        failed, reasons, read, seen, sure = {}, ["does not end, or ends the process"], [], {}, False
        if result is not None:
            failed, reasons, brought, read, seen, sure = marshal.loads(result)
            if self._is_early(names, brought):
                self._waiting.append(names)
                return
        for name, error in failed.items():
            self._refuse([name], error)
        if not reasons:
            self._import([name for name in names if name not in failed], read, seen, sure)
        elif len(names) > 1 and LIBRARY.is_standard(names[0]):
            half = len(names) // 2
            self._waiting[:0] = [names[:half], names[half:]]
        else:
            self._refuse(names, f"its import {'; '.join(reasons)}")

    def _is_early(self, names: list[str], brought: set[str]) -> bool:
        """Whether it brings packages that are still to be tasted; true once for each. What a library does to
        those that it needs is seen after them; and mpl_toolkits cannot be imported before matplotlib, which
        needs it too."""
        top = _top(names)
        waiting = {_top(others) for others in self._waiting if not LIBRARY.is_standard(others[0])} - {top}
        if top in self._postponed or waiting.isdisjoint(brought):
            return False
        self._postponed.add(top)
        return True

    def _import(self, names: list[str], read: list[str], seen: dict[str, Look], sure: bool) -> bool:
        """Import what was found harmless, see Verdicts.add(); whether all went well."""
        ours = dict(os.environ)
        here.set_environ(self._rules.environ)
        imported = []
        try:
            for name in names:
                try:
                    __import__(name)
                    imported.append(name)
                except BaseException as error:
                    self._refuse([name], f"{type(error).__name__}: {error}")
        finally:
            here.set_environ(ours)
        well = imported == names
        self._verdicts.add(imported, read, seen, sure and well)
        self._read.update((name, self._rules.environ.get(name)) for name in read)
        for path, what in seen.items():
            if not isinstance(what, list):
                self._watch(path)
        self.watch_modules()
        self._settle()
        return well

    def watch_modules(self) -> None:
        """Have the files of all that is loaded under watch."""
        for module in list(sys.modules.values()):
            spec = getattr(module, "__spec__", None)
            if spec is not None and spec.has_location and spec.origin:
                self._watch(spec.origin)

    def _refuse(self, names: list[str], reason: str) -> None:
        self._refused.update(names)
        top = _top(names)
        asked = [name for name in names if name in self._insist]
        if asked:
            self._log.write(f"cannot preload {', '.join(asked)}: {reason}")
        elif not LIBRARY.is_standard(top) and top not in self._told:
            self._told.add(top)
            self._log.write(f"{top} is not preloaded: {reason}")


def _top(names: list[str]) -> str:
    return names[0].partition(".")[0]
