"""What the processes of a pool tell one another: each message begins with one of these letters.

Scripts run in workers and can send whatever they like in their name, so the master believes none of it.
"""

from __future__ import annotations

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    Key = tuple[int, int]  # of a recording: the worker's pid and the number of the request on the board

# A worker to the master.
LOOK = b"!"
LEARNED = b"+"
LOADED = b"F"
COMPILED = b"C"
SPENT = b"-"
NOTE = b"N"
FINE = b"="
UNABLE = b"U"
JOB = b"J"
DONE = b"."

_ENDED = struct.Struct("=iIid")  # key, exit status, seconds

# The master to one idle worker.
CONNECTION = b"C"
QUIT = b"Q"

# To the recorder; marshalled (key, ...) follows.
BEGIN = b"B"  # a file comes with it, with a dict that has FACTS, marshalled
ERRORS = b"E"
END = b"X"
FACTS = frozenset(("script", "environ", "runner", "time", "gateway", "sent"))


def texts(data: bytes) -> list[str]:
    """Names or paths that a worker tells."""
    return data.decode("utf-8", "surrogateescape").split("\0")


def join(items: list[str]) -> bytes:
    """Names or paths, for texts()."""
    return "\0".join(items).encode("utf-8", "surrogateescape")


def dump_end(key: Key, status: int, seconds: float) -> bytes:
    """How a request ended that is recorded."""
    return _ENDED.pack(*key, status, seconds)


def read_end(data: bytes) -> tuple[Key, int, float] | None:
    """What dump_end() made, or None where somebody else did."""
    if len(data) != _ENDED.size:
        return None
    pid, number, status, seconds = _ENDED.unpack(data)
    return (pid, number), status, seconds
