"""sys.modules: the script's own are gone already; persistent ones are put back where it replaced them."""

from __future__ import annotations

import sys

from cgicompat.runners.modules import LIBRARY


class Modules:
    def save(self) -> None:
        self._modules = dict(sys.modules)
        self._object = sys.modules

    def restore(self) -> str | None:
        sys.modules = self._object
        if sys.modules != self._modules:
            for name in sys.modules.keys() - self._modules.keys():
                module = sys.modules[name]
                if getattr(module, "__name__", None) != name or not LIBRARY.is_persistent(module):
                    del sys.modules[name]
            sys.modules.update(self._modules)
            self._modules = dict(sys.modules)
        return None
