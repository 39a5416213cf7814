"""What a script can leave behind in a process, and who puts it back.

GUARDS is the table; its order is the order of restoring. A guard saves the state of the process once, before
any script has run in it, and restores it after each run. What it cannot put back makes the process spent: it
is replaced after this response.
"""

from __future__ import annotations

import gc
import sys

from cgicompat.guards import library, patches
from cgicompat.guards.change import SPENT, STAYS, Change
from cgicompat.guards.children import Children
from cgicompat.guards.descriptors import Descriptors
from cgicompat.guards.directory import Directory
from cgicompat.guards.environ import Environ
from cgicompat.guards.executed import EXECUTED
from cgicompat.guards.exits import Exits, record_registrations
from cgicompat.guards.guard import Guard, locate
from cgicompat.guards.hooks import Codecs, Hooks, find_registries
from cgicompat.guards.library import Library
from cgicompat.guards.limits import Limits
from cgicompat.guards.locales import Locale
from cgicompat.guards.loggers import Loggers
from cgicompat.guards.memory import Memory
from cgicompat.guards.modules import Modules
from cgicompat.guards.namespaces import Namespaces
from cgicompat.guards.patches import Patches
from cgicompat.guards.settings import Settings
from cgicompat.guards.signals import Signals
from cgicompat.guards.streams import Streams
from cgicompat.guards.threads import Threads
from cgicompat.guards.tracing import Tracing
from cgicompat.guards.umask import Umask
from cgicompat.guards.watch import WATCH
from cgicompat.modules import CODE, LIBRARY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

# Threads first: while one is alive, nothing else stays put back.
GUARDS: tuple[type[Guard], ...] = (
    Threads,
    Signals,
    Children,
    Directory,
    Environ,
    Locale,
    Umask,
    Limits,
    Settings,
    Tracing,
    Namespaces,
    Modules,
    Loggers,
    Library,
    Patches,
    Streams,
    Codecs,
    Exits,
    Hooks,
    Descriptors,
    Memory,
)

_prepared = False


def prepare() -> None:
    """Learn what the modules are that are loaded, and from now on each that is imported.

    Once in a process, before any script and before its objects are frozen; forked children inherit it.
    """
    global _prepared
    if _prepared:
        return
    _prepared = True
    record_registrations()
    find_registries()
    WATCH.start(library.covers())
    for module in list(sys.modules.values()):
        if isinstance(module, type(sys)) and LIBRARY.is_persistent(module):
            _learn(module)
    LIBRARY.on_import = _learn
    CODE.on_indirect = EXECUTED.install


def _learn(module: ModuleType) -> None:
    try:
        library.learn(module)
        patches.learn(module)
    except Exception:
        pass  # within an import, which must not fail for a module that does not let itself be looked at


class Guards:
    """All guards of one process, which may grow by `growth` bytes (0 is any number). With `audit`, they tell
    all that they found, and so does a fingerprint of everything else."""

    def __init__(self, audit: bool, growth: int) -> None:
        prepare()
        self._audit = audit
        self._guards = [guard() for guard in GUARDS]
        for guard in self._guards:
            guard.audit, guard.growth = audit, growth
            guard.save()
        self._begins = [guard.begin for guard in self._guards if type(guard).begin is not Guard.begin]
        self._restores = [guard.restore for guard in self._guards]
        self._everything = None
        if audit:
            import dis  # noqa: F401  # for locate(): a script may give up the right to read the library

            from cgicompat.guards.everything import Everything

            self._everything = Everything()
            self._everything.save()
        self._loaded = 0
        self._freeze()

    def begin(self) -> None:
        """A run begins, in the environment and directory that are set now."""
        for begin in self._begins:
            begin()
        WATCH.active = True

    def restore(self, found: list[Change]) -> str | None:
        """Put everything back, add to `found` what had been changed; why the process is spent (nothing, where
        that is nothing to tell), or None."""
        WATCH.active = False
        for guard, restore in zip(self._guards, self._restores, strict=True):
            try:
                changes = restore()
            except Exception as error:
                what = f"the guard of {type(guard).__name__.lower()} failed: {type(error).__name__}: {error}"
                changes = [Change(what, SPENT)]
            if changes:
                for change in changes:
                    change.names = change.names or guard.names
                    change.outside = guard.outside
                    found.append(change)
        if self._everything:
            found += self._everything.compare()
        spent = None
        if found:
            for change in found:
                if not change.where and (self._audit or change.fate == SPENT):
                    change.where = locate(change.names)
            spent = "; ".join(_reason(change) for change in found if change.fate == SPENT) or None
            if spent is None and any(change.fate == STAYS for change in found):
                spent = ""
        CODE.used.clear()
        EXECUTED.clear()
        if len(sys.modules) != self._loaded:
            self._freeze()
        return spent

    def _freeze(self) -> None:
        """The garbage collector need not look again at what stays."""
        self._loaded = len(sys.modules)
        gc.collect()
        gc.freeze()


def _reason(change: Change) -> str:
    return f"{change.what}{' at ' if change.where else ''}{change.where}"
