"""What a script can leave behind in a process, and who puts it back.

GUARDS is the table; its order is the order of restoring. A guard saves the state of the process once, before
any script has run in it, and restores it after each run. `restore` returns None, or in words why the process
cannot be made as it was: then it is spent, and is replaced after this response.
"""

from __future__ import annotations

from cgicompat.guards.descriptors import Descriptors
from cgicompat.guards.interpreter import Interpreter
from cgicompat.guards.library import Library
from cgicompat.guards.locales import Locale
from cgicompat.guards.loggers import Loggers
from cgicompat.guards.modules import Modules
from cgicompat.guards.patches import Patches
from cgicompat.guards.process import Children, Directory, Environ, Limits, Umask
from cgicompat.guards.signals import Signals
from cgicompat.guards.threads import Threads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Guard(Protocol):
        """One thing that scripts can change."""

        def save(self) -> None: ...

        def restore(self) -> str | None: ...


# Threads first: while one is alive, nothing else stays put back.
GUARDS = (
    Threads,
    Signals,
    Children,
    Directory,
    Environ,
    Umask,
    Limits,
    Interpreter,
    Modules,
    Loggers,
    Library,
    Patches,
    Locale,
    Descriptors,
)


class Guards:
    """All guards of one process."""

    def __init__(self) -> None:
        self._guards: list[Guard] = [guard() for guard in GUARDS]
        for guard in self._guards:
            guard.save()

    def begin(self) -> None:
        """A run begins, in the environment that is set now."""
        for guard in self._guards:
            if isinstance(guard, Environ):
                guard.begin()

    def restore(self) -> str | None:
        """Put everything back; the reasons why that failed, or None."""
        reasons = []
        for guard in self._guards:
            try:
                reason = guard.restore()
            except Exception as error:
                reason = f"{type(guard).__name__.lower()}: {type(error).__name__}: {error}"
            if reason:
                reasons.append(reason)
        return "; ".join(reasons) or None
