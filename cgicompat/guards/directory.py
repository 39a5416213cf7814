from __future__ import annotations

import os

from cgicompat.descriptors import keep
from cgicompat.guards.change import Change
from cgicompat.guards.guard import NOTHING, Guard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Directory(Guard):
    """The working directory. Ours is held open, since it may be gone or unreadable by its path later."""

    names = ("chdir", "fchdir")

    def save(self) -> None:
        self._directory = keep(os.open(".", os.O_RDONLY))

    def begin(self) -> None:
        if self.audit:
            self._of_the_script = _identity()

    def restore(self) -> Sequence[Change]:
        changes: Sequence[Change] = NOTHING
        if self.audit and _identity() != self._of_the_script:
            changes = [Change("the working directory was changed")]
        os.fchdir(self._directory)
        return changes


def _identity() -> tuple[int, int] | None:
    try:
        stat = os.stat(".")
    except OSError:
        return None
    return stat.st_dev, stat.st_ino
