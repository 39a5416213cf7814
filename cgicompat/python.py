"""Which Pythons we know: some of what makes scripts fast here is no public part of Python."""

from __future__ import annotations

import sys

OLDEST, NEWEST = (3, 11), (3, 15)
RANGE = "CPython {}.{} to {}.{} with a GIL".format(*OLDEST, *NEWEST)


def is_known() -> bool:
    """Whether the tests pass on this Python. On another one we do without its internals."""
    usual = sys.implementation.name == "cpython" and "t" not in sys.abiflags  # t: free-threaded (PEP 703)
    return usual and OLDEST <= sys.version_info[:2] <= NEWEST
