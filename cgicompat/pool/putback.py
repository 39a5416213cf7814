"""How workers of cgihandler are put back after a request: by their memory where that can be had, else by the
guards. What was chosen, and what follows from how it goes."""

from __future__ import annotations

import sys
import time

from cgicompat import python
from cgicompat.modules import LIBRARY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cgicompat.config import Settings
    from cgicompat.pool.log import Log
    from cgicompat.rewind import Memory

_MOST_CRASHES = 3
_MOST_SPENT = 3  # times in a row that a script may make its process spent
_MOST_SCRIPTS = 1000
_RATE = 10  # an image may take one part in so many of the master's time


class PutBack:
    """That of one pool. `memory` is None where the guards do it.

    `under_fork` are scripts of the runner auto that have left something behind each time, `suspects` those
    that may come to be. `outdated` says that workers which are there go by something else.
    """

    def __init__(self, settings: Settings, log: Log):
        self.memory: Memory | None = None
        self.suspects: dict[str, int] = {}
        self.under_fork: set[str] = set()
        self.outdated = False
        self.due = 0.0  # of the next image
        self._log = log
        self._crashes = 0
        self._runners = settings.runners
        if not self._runners & {"auto", "cgihandler"}:
            return
        if settings.put_back != "guards":
            from cgicompat.rewind.trial import working  # which fork alone has no use for

            try:
                self.memory = working(lambda name: not LIBRARY.is_standard(name))
            except OSError as error:
                self._log.write(f"memory cannot be put back: {error}. {self._instead()}")
        if not self.memory or settings.audit:
            self._prepare_guards()

    @property
    def chosen(self) -> str:
        """What the runner auto is here, for the log; why it is not another is there already."""
        if "auto" not in self._runners:
            return ""
        return "auto is cgihandler: memory is put back" if self.memory else "auto is fork"

    def _instead(self) -> str:
        if "cgihandler" in self._runners:
            return "Guards put back what they know of (see put-back in docs/configuration.md)"
        return "Scripts run under fork (see runner in docs/configuration.md)"

    def _prepare_guards(self) -> None:
        if "cgihandler" not in self._runners:
            return
        if python.is_known():
            from cgicompat.guards import prepare

            prepare()
        else:
            self._log.write(
                f"cgicompat knows {python.RANGE}, and this is {sys.version.partition(' (')[0]}: scripts of "
                'the runner cgihandler run under fork. Look for a newer cgicompat, or choose runner = "fork"'
            )

    def image(self) -> None:
        """Make what is in memory now the beginning of workers to come."""
        if not self.memory:
            return
        begun = time.monotonic()
        try:
            self.memory.image()
        except OSError as error:
            self.give_up(str(error))
            return
        self.outdated = True
        now = time.monotonic()
        self.due = now + _RATE * (now - begun)

    def give_up(self, reason: str) -> None:
        """From now on do without."""
        if self.memory:
            self.memory = None
            self.outdated = True
            self._log.write(f"memory is not put back any more: {reason}. {self._instead()}")
            self._prepare_guards()

    def crashed(self) -> None:
        """A process has died on its way back."""
        self._crashes += 1
        if self._crashes >= _MOST_CRASHES:
            self.give_up(f"{self._crashes} processes have died of it. Please report this")

    def spent(self, script: str) -> bool:
        """A script has left behind what cannot be put back; whether it runs under fork from now on."""
        if script in self.under_fork or len(self.suspects) >= _MOST_SCRIPTS:
            return False
        self.suspects[script] = self.suspects.get(script, 0) + 1
        if self.suspects[script] < _MOST_SPENT:
            return False
        del self.suspects[script]
        self.under_fork.add(script)
        self.outdated = True
        return True

    def fine(self, script: str) -> None:
        """A suspect has left nothing behind."""
        self.suspects.pop(script, None)
