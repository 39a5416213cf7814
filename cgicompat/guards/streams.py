from __future__ import annotations

import gc
import sys
from _io import _IOBase

from cgicompat.guards.change import SPENT, Change
from cgicompat.guards.guard import NOTHING, Guard
from cgicompat.stdio import STREAMS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Streams(Guard):
    """sys.stdin, sys.stdout and sys.stderr are the same objects in each run, since libraries keep them; they
    are initialized anew before it. A stream of the script's own upon one of them, as
    `TextIOWrapper(sys.stdout.buffer)`, goes with the script; where one lives on, it would one day close what
    is below it: the process is spent."""

    names = ("stdout", "stderr", "stdin", "buffer", "detach", "raw")

    def save(self) -> None:
        STREAMS.renew()
        self._references = _references()

    def restore(self) -> Sequence[Change]:
        if _references() == self._references:
            return NOTHING
        STREAMS.renew()  # one may be detached, or without its buffer
        gc.collect()
        references = _references()
        if references == self._references:
            return NOTHING
        self._references = references
        ours = set(map(id, STREAMS.lasting))
        if any(
            issubclass(type(each), _IOBase) and id(each) not in ours
            for each in gc.get_referrers(*STREAMS.lasting)
        ):
            return [Change("a stream upon sys.stdin, sys.stdout or sys.stderr outlives its script", SPENT)]
        return NOTHING  # a library has taken hold of it


def _references() -> list[int]:
    return list(map(sys.getrefcount, STREAMS.lasting))
