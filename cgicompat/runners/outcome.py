"""What a runner says when a request is done."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cgicompat.guards.change import Change
    from cgicompat.stdio import Output


CLIENT_GONE = "the client has gone: the script was ended (see client-gone in docs/configuration.md)"


class Outcome:
    """`status` is the script's exit status, 128 + N where signal N ended it.

    `spent` is None where the process can serve another request; else the reason why not, empty where there
    is nothing to tell. `changes` is what an audit found that the script had changed. `told` says that the log
    has already why it ended so. `output` is what was below its sys.stdout, where it ran in this process.
    """

    __slots__ = ("changes", "output", "spent", "status", "told")

    def __init__(
        self,
        status: int,
        spent: str | None = None,
        changes: Sequence[Change] = (),
        told: bool = False,
        output: Output | None = None,
    ):
        self.status = status
        self.spent = spent
        self.changes = changes
        self.told = told
        self.output = output
