from __future__ import annotations

import sys

from cgicompat.guards.change import STAYS, Change
from cgicompat.guards.guard import NOTHING, Guard
from cgicompat.modules import LIBRARY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_OURS = __name__.partition(".")[0]


class Modules(Guard):
    """sys.modules. The script's own modules are dropped, to be run afresh by the next request; those of the
    standard library, and of site-packages as far as they are preloaded, stay, and are put back where the
    script replaced or removed them. Where it imported another library the process is spent without a word."""

    names = ("modules",)

    def save(self) -> None:
        sys.modules.pop("__mp_main__", None)  # multiprocessing's name for the main module
        self._modules = dict(sys.modules)
        self._object = sys.modules

    def accept(self, packages: set[str]) -> None:
        """What is there now by names of these packages is theirs."""
        modules = self._object.items()
        self._modules |= {name: module for name, module in modules if name.partition(".")[0] in packages}

    def restore(self) -> Sequence[Change]:
        changes: Sequence[Change] = NOTHING
        modules = self._object
        if sys.modules is not modules:
            sys.modules = modules
            changes = [Change("sys.modules was replaced")]
        if modules != self._modules:
            for name in modules.keys() - self._modules.keys():
                module = modules[name]
                if not LIBRARY.keeps(name, module):
                    del modules[name]
                    changes = [*changes, Change(f"sys.modules[{name!r}] was set")]
                elif not LIBRARY.is_standard(name) and name.partition(".")[0] != _OURS:
                    changes = [*changes, Change(f"the library {name} was imported", STAYS, names=(name,))]
            for name, module in self._modules.items():
                if modules.get(name) is not module:
                    modules[name] = module
                    changes = [*changes, Change(f"sys.modules[{name!r}] was replaced or deleted")]
            self._modules = dict(modules)
        return changes
