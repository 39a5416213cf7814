"""What a runner says when a request is done."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cgicompat.guards.change import Change


class Outcome:
    """`status` is the script's exit status, 128 + N where signal N ended it.

    `spent` is None where the process can serve another request; else the reason why not, empty where there
    is nothing to tell. `changes` is what an audit found that the script had changed.
    """

    __slots__ = ("changes", "spent", "status")

    def __init__(self, status: int, spent: str | None = None, changes: Sequence[Change] = ()):
        self.status = status
        self.spent = spent
        self.changes = changes
