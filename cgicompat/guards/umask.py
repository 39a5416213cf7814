from __future__ import annotations

import os

from cgicompat.guards.change import Change
from cgicompat.guards.guard import NOTHING, Guard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Umask(Guard):
    """The mask of permissions of new files."""

    names = ("umask",)

    def save(self) -> None:
        self._umask = os.umask(0o22)
        os.umask(self._umask)

    def restore(self) -> Sequence[Change]:
        found = os.umask(self._umask)
        return NOTHING if found == self._umask else [Change(f"the umask was {found:03o}")]
