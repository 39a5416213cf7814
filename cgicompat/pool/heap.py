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

from cgicompat.python import is_known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_HUGE = 2 << 20  # bytes of a huge page
_COLLAPSE = 25  # MADV_COLLAPSE, since Linux 6.1: madvise(2)
_CODE = type((lambda: None).__code__)
_COUNT = (1 << 32) - 1
_IMMORTAL = 1 << 31  # so many references make an object immortal (refcount.h)


def settle(collapse: bool = True) -> None:
    """Make what is loaded now a lasting part of the heap, for children to share."""
    gc.collect()
    _immortalize()
    gc.freeze()
    if collapse:
        _collapse()


def _immortalize() -> None:
    """What the garbage collector knows, which after gc.freeze() is what is new, and what is within that;
    but not files, whose references guards.streams counts."""
    mark = _mark()
    if not mark:
        return
    count, header = sys.getrefcount, ctypes.c_uint64.from_address
    pending = gc.get_objects()
    while pending:
        thing = pending.pop()
        if count(thing) < _IMMORTAL and not issubclass(type(thing), _IOBase):
            word = header(id(thing))
            word.value = word.value & ~_COUNT | mark
            if type(thing) is _CODE:  # of which the garbage collector knows nothing
                pending += (thing.co_consts, thing.co_names)
            else:
                pending += gc.get_referents(thing)


def _mark() -> int:
    """What makes an object immortal in its first word, which has the count and flags (refcount.h); 0 where
    Python has no such thing, or has it in a way that we do not know (without a GIL, on other processors)."""
    count = sys.getrefcount(None)
    if count < _IMMORTAL or not is_known() or ctypes.c_uint64.from_address(id(None)).value & _COUNT != count:
        return 0
    if sys.version_info < (3, 14):
        return count
    # References that the interpreter's stack has already will be given back without a look at the flag.
    return count + (1 << 20) | 1 << 48


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
