"""What the master has ready for its children: modules that scripts import, and the code of scripts.

Both are told by workers, after the request that was the first to need them. Scripts can tell us anything in
their place: names are looked at, and code comes from nowhere but the file, compiled by a child of ours.
"""

from __future__ import annotations

import marshal
import os
import stat

from cgicompat.modules import CODE, LIBRARY, Source
from cgicompat.pool.heap import settle
from cgicompat.pool.tasting import Tasting
from cgicompat.runners.script import kind
from cgicompat.runners.warm import may_be_preloaded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cgicompat.pool.errand import Errands
    from cgicompat.pool.files import Files
    from cgicompat.pool.log import Log
    from cgicompat.pool.rules import Rules
    from cgicompat.pool.verdicts import Verdicts
    from cgicompat.pool.worker import Context

# Code is never freed, not even that of files that have changed since. Bytes are of source.
_MOST_FILES = 2000
_MOST_BYTES = 64 << 20
_MOST_TRIES = 3
_COMPILING = 10.0  # seconds


class Learning:
    """Imports and remembers what is news."""

    def __init__(
        self, log: Log, files: Files, errands: Errands, context: Context, rules: Rules, verdicts: Verdicts
    ):
        self._tasting = Tasting(
            log, errands, rules, verdicts, context.refused, context.read, files.watch, self._settle
        )
        self._context = context
        self._files = files
        self._errands = errands
        self._tries: dict[str, int] = {}
        self._compiled = 0
        self._bytes = 0
        self._compiling: set[str] = set()
        self.news = False  # that children do not have yet

    def hear_modules(self, names: Iterable[str]) -> None:
        """Scripts import these."""
        self._tasting.ask(filter(may_be_preloaded, names))

    def hear_files(self, paths: Iterable[str]) -> None:
        """Scripts import these, which are a library's, though we do not."""
        for path in paths:
            if LIBRARY.is_persistent_path(path):
                self._files.watch(path)

    def hear_code(self, paths: Iterable[str]) -> None:
        """Children compile these files, and need not if we had their code."""
        for path in paths:
            if len(self._tries) > _MOST_FILES or self._compiled + len(self._compiling) >= _MOST_FILES:
                return
            if path in self._compiling or self._tries.get(path, 0) >= _MOST_TRIES:
                continue
            try:
                about = os.stat(path)
                known = CODE.knows(path)
            except (OSError, ValueError):
                continue
            if not known and stat.S_ISREG(about.st_mode) and self._bytes + about.st_size <= _MOST_BYTES:
                self._bytes += about.st_size
                self._compiling.add(path)
                self._compile(path)

    def preload(self, insist: Iterable[str]) -> None:
        """Import these before a script does, and say so where one cannot be had; then what the former master
        had."""
        self._tasting.watch_modules()
        self._tasting.resume(insist)
        self.news = True

    @property
    def awaited(self) -> bool:
        """Whether modules that are to be there from the beginning are not yet."""
        return self._tasting.awaited

    def learn(self, shared: bool) -> bool:
        """Have all that was told since ready for children, which share this process's memory itself, or an
        image of it; whether there was anything."""
        if not self.news or self._compiling:
            return False
        self.news = False
        self._context.note_modules()
        settle(shared)
        return True

    def _settle(self) -> None:
        self.news = True

    def _compile(self, path: str) -> None:
        """By a child: the file may be such that the compiler never ends, or dies of it."""

        def work() -> bytes:
            source = CODE.compile(path)
            return marshal.dumps((source.signature, source.code, source.warnings))

        def done(result: bytes | None) -> None:
            self._compiling.discard(path)
            if result is None:
                self._tries[path] = self._tries.get(path, 0) + 1
                return
            CODE.put(path, Source(*marshal.loads(result)))
            self._compiled += 1
            self.news = True
            try:
                kind(path)
                LIBRARY.names_in(os.path.dirname(path))
            except OSError:
                pass  # it is gone again

        self._errands.send(work, done, _COMPILING)
