"""What a guard found changed after a run."""

from __future__ import annotations

# What became of a change.
PUT_BACK = "put back"
KEPT = "kept"  # by a library, in itself: a cache, say
SPENT = "cannot be put back"


class Change:
    """`what` was changed, in words; `where`, as FILE:LINE of the script, or empty where that is not known;
    and its `fate`: PUT_BACK, KEPT or SPENT."""

    __slots__ = ("fate", "what", "where")

    def __init__(self, what: str, fate: str = PUT_BACK, where: str = ""):
        self.what = what
        self.fate = fate
        self.where = where

    def __str__(self) -> str:
        return f"{self.what}{' at ' if self.where else ''}{self.where}: {self.fate}"
