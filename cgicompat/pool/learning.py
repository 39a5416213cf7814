"""What the master has ready for its children: modules that scripts import, and the code of scripts.

Both are told by workers, after the request that was the first to need them.
"""

from __future__ import annotations

import os
import sys

from cgicompat.modules import CODE, LIBRARY
from cgicompat.pool.heap import settle
from cgicompat.runners.script import kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cgicompat.pool.files import Files
    from cgicompat.pool.log import Log

_MOST_RECALLED = 2000


class Learning:
    """Imports and remembers what is news.

    `modules` and `code` are names that are to be learned; `learned` are modules that were, in their order.
    `refused` are those that cannot be, and workers need not tell of.
    """

    def __init__(self, log: Log, files: Files, refused: set[str]):
        self.modules: list[str] = []
        self.code: list[str] = []
        self.learned: list[str] = []
        self._refused = refused
        self._recalled = 0
        self._log = log
        self._files = files

    def learn(self) -> None:
        """Have all that was told since."""
        if self.modules:
            self.preload(self.modules)
            self.modules = []
        if self.code:
            self._recall(self.code)
            self.code = []

    def preload(self, names: Iterable[str], insist: Iterable[str] = ()) -> None:
        """Import modules, so that children are born with them; where one of `insist` fails, say so."""
        os.makedirs(CODE.directory or "", exist_ok=True)
        for name in names:
            if name in sys.modules or name in self._refused:
                continue
            try:
                __import__(name)
                self.learned.append(name)
            except BaseException as error:
                self._refused.add(name)
                if name in insist:
                    self._log.write(f"cannot preload {name}: {type(error).__name__}: {error}")
        for module in list(sys.modules.values()):
            spec = getattr(module, "__spec__", None)
            if spec is not None and spec.has_location and spec.origin:
                self._files.watch(spec.origin)
        settle()

    def _recall(self, files: list[str]) -> None:
        """Have the code of scripts, which children have compiled."""
        before = self._recalled
        for file in files:
            try:
                # Code of files that have changed since is never freed.
                if self._recalled < _MOST_RECALLED and CODE.recall(file):
                    self._recalled += 1
                    kind(file)
                    LIBRARY.names_in(os.path.dirname(file))
            except OSError:
                pass  # it is gone again
        if self._recalled > before:
            settle()
