"""The modules that left Python: `cgi` and `cgitb`, for every supported version.

They are ordinary top-level modules in this folder, found in one of three ways: a runner puts FINDER into
sys.meta_path while a script runs; a program of its own calls install(); or the folder itself stands on
PYTHONPATH. FINDER takes the standard library's place and no other: a `cgi.py` that stands before the standard
library on sys.path, such as one beside the script, is the script's own and wins.

This file is on the start path of every CGI process, so it imports nothing that the interpreter has not
loaded.
"""

from __future__ import annotations

import os
import sys
from _frozen_importlib_external import PathFinder, spec_from_file_location

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from types import ModuleType

__all__ = ["FINDER", "MODULES", "Finder", "install", "uninstall"]

MODULES = frozenset(("cgi", "cgitb"))
_HERE = os.path.dirname(__file__)
_STDLIB = os.path.dirname(os.__file__)


class Finder:
    """A meta-path finder that answers `cgi` and `cgitb`; to stand in sys.meta_path before PathFinder.

    `load(name, file)` makes their loaders, where they shall be other than Python's own.
    """

    load: Callable[[str, str], Loader] | None = None

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of our module `name`, or None where it is not ours to answer."""
        if name not in MODULES:
            return None
        ahead = sys.path[: sys.path.index(_STDLIB)] if _STDLIB in sys.path else sys.path
        file = os.path.join(_HERE, name + ".py")
        return PathFinder.find_spec(name, ahead) or spec_from_file_location(
            name, file, loader=self.load(name, file) if self.load else None
        )


FINDER = Finder()
_displaced: dict[str, ModuleType] = {}


def install() -> None:
    """Make `import cgi` and `import cgitb` give ours in this process, also where the standard library's own
    were imported before (who holds those keeps them). Calling it again changes nothing."""
    if FINDER in sys.meta_path:
        return
    for name in MODULES & sys.modules.keys():
        if os.path.dirname(getattr(sys.modules[name], "__file__", None) or "") == _STDLIB:
            _displaced[name] = sys.modules.pop(name)
    at = sys.meta_path.index(PathFinder) if PathFinder in sys.meta_path else len(sys.meta_path)
    sys.meta_path.insert(at, FINDER)


def uninstall() -> None:
    """Undo install(): later imports give what Python itself has. Without an install() before, it does
    nothing."""
    if FINDER not in sys.meta_path:
        return
    sys.meta_path.remove(FINDER)
    for name in MODULES & sys.modules.keys():
        if os.path.dirname(getattr(sys.modules[name], "__file__", None) or "") == _HERE:
            del sys.modules[name]
    sys.modules.update(_displaced)
    _displaced.clear()
