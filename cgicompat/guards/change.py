"""What a guard found changed after a run."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# What became of a change.
PUT_BACK = "put back"
KEPT = "kept"  # by a library, in itself: a cache, say
SPENT = "cannot be put back"
WITH_MEMORY = "put back with the memory"
STAYS = "stays until the process is replaced"  # which is nothing to tell, but by an audit
FATES = (SPENT, STAYS, WITH_MEMORY, KEPT, PUT_BACK)  # gravest first


class Change:
    """`what` was changed, in words; `where`, as FILE:LINE of the script, or empty where that is not known;
    and its `fate`, as above. `names` are the words to look for in the script to tell where. It is `outside`
    where it is not in the process's memory."""

    __slots__ = ("fate", "names", "outside", "what", "where")

    def __init__(self, what: str, fate: str = PUT_BACK, where: str = "", names: Sequence[str] = ()):
        self.what = what
        self.fate = fate
        self.where = where
        self.names = names
        self.outside = False

    def comes_back(self) -> None:
        """The memory of the process is put back, and it with that."""
        if self.fate != PUT_BACK and not self.outside:
            self.fate = WITH_MEMORY

    def __str__(self) -> str:
        return f"{self.what}{' at ' if self.where else ''}{self.where}: {self.fate}"
