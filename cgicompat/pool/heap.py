"""The master's heap, made cheap to copy.

A child that has been forked shares the master's memory and copies each page that it writes to. CPython writes
to every object that it uses: it counts references. So objects that all children have in common are made
immortal, as None is since Python 3.12 (PEP 683): their references are not counted, and they stay shared. And
the heap is moved into huge pages, where a fork has one entry to copy in place of 512.

Neither changes what a script sees. Where Python or the system lacks it, forking is slower.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from _io import _IOBase

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_HUGE = 2 << 20  # bytes of a huge page
_COLLAPSE = 25  # MADV_COLLAPSE, since Linux 6.1: madvise(2)
_CODE = type((lambda: None).__code__)


def settle() -> None:
    """Make what is loaded now a lasting part of the heap, for children to share."""
    gc.collect()
    _immortalize()
    gc.freeze()
    _collapse()


def _immortalize() -> None:
    """What the garbage collector knows, which after gc.freeze() is what is new, and what is within that;
    but not files, whose references guards.streams counts."""
    immortal = _immortal_count()
    if not immortal:
        return
    count, header = sys.getrefcount, ctypes.c_uint32.from_address
    pending = gc.get_objects()
    while pending:
        thing = pending.pop()
        if count(thing) != immortal and not issubclass(type(thing), _IOBase):
            header(id(thing)).value = immortal
            if type(thing) is _CODE:  # of which the garbage collector knows nothing
                pending += (thing.co_consts, thing.co_names)
            else:
                pending += gc.get_referents(thing)


def _immortal_count() -> int:
    """The reference count that makes an object immortal, or 0 where none does, or where it is not the first
    word of an object (Python without a GIL)."""
    count = sys.getrefcount(None)
    return count if count >> 30 and ctypes.c_uint32.from_address(id(None)).value == count else 0


def _collapse() -> None:
    try:
        madvise = ctypes.CDLL(None).madvise
    except (OSError, AttributeError):
        return
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    for first, last in _heap():
        # One by one: a page that cannot be collapsed does not stand for the next.
        for address in range(-(-first // _HUGE) * _HUGE, last // _HUGE * _HUGE, _HUGE):
            madvise(address, _HUGE, _COLLAPSE)


def _heap() -> Iterator[tuple[int, int]]:
    """Address ranges of private memory without a file (proc(5), /proc/pid/maps)."""
    try:
        with open("/proc/self/maps") as file:
            lines = file.readlines()
    except OSError:
        return
    for line in lines:
        addresses, rights, _, _, inode, *name = line.split()
        if rights == "rw-p" and inode == "0" and name in ([], ["[heap]"]):
            first, last = (int(address, 16) for address in addresses.split("-"))
            yield first, last
