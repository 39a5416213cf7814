"""The master's heap, made cheap to copy.

A child that has been forked shares the master's memory and copies each page that it writes to. CPython writes
to every object that it uses: it counts references. So objects that all children have in common are made
immortal, as None is since Python 3.12 (PEP 683): their references are not counted, and they stay shared.
What is free between them is taken, so that a child's new objects lie side by side, on few pages. And the heap
is moved into huge pages, where a fork has one entry to copy in place of 512.

None of this changes what a script sees. Where Python or the system lacks it, forking is slower.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from _io import _IOBase

from cgicompat.python import is_known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    T = TypeVar("T")

_STEP, _LARGEST = 16, 512  # bytes: the sizes for which Python has pools (obmalloc.c)
_LARGEST_TAKEN = 1024  # by malloc
_HEAD = sys.getsizeof(b"")
_RUN = 8  # so many new pieces side by side: there are no more gaps
_MOST_TAKEN = 2000  # of one size
_HUGE = 2 << 20  # bytes of a huge page
_COLLAPSE = 25  # MADV_COLLAPSE, since Linux 6.1: madvise(2)
_CODE = type((lambda: None).__code__)
_COUNT = (1 << 32) - 1
_IMMORTAL = 1 << 31  # so many references make an object immortal (refcount.h)


def settle(collapse: bool = True) -> None:
    """Make what is loaded now a lasting part of the heap, for children to share."""
    _GAPS.release()
    gc.collect()
    _immortalize()
    _GAPS.take()
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


class _Gaps:
    """Memory that is free between what is in use, taken until new pieces lie side by side."""

    def __init__(self) -> None:
        self._objects: list[object] = []
        self._pieces: list[int] = []

    def take(self) -> None:
        """Take it, of each size that is often asked for."""
        for size in range(_STEP, _LARGEST + 1, _STEP):
            if not _take(size, _object, id, self._objects):
                self._objects.clear()  # Python has another allocator here
                return
        if sys.platform == "linux":
            malloc = ctypes.CDLL(None).malloc
            malloc.restype, malloc.argtypes = ctypes.c_size_t, [ctypes.c_size_t]
            # The large ones first, which small ones would cut.
            for size in range(_LARGEST_TAKEN, _STEP, -_STEP):
                if not _take(size, lambda size: int(malloc(size - 8)), int, self._pieces):
                    return

    def release(self) -> None:
        """Give it back."""
        self._objects.clear()
        if self._pieces:
            free = ctypes.CDLL(None).free
            free.argtypes = [ctypes.c_void_p]
            for piece in self._pieces:
                free(piece)
            self._pieces.clear()


_GAPS = _Gaps()


def _object(size: int) -> object:
    """A new one of so many bytes."""
    if size <= 2 * _STEP:
        return object() if size == _STEP else float(size)
    return bytes(size - _HEAD)


def _take(size: int, make: Callable[[int], T], address: Callable[[T], int], taken: list[T]) -> bool:
    """Add to `taken` until the pieces lie side by side; whether they do in the end."""
    last = run = 0
    for _ in range(_MOST_TAKEN):
        piece = make(size)
        taken.append(piece)
        run = run + 1 if address(piece) == last + size else 0
        last = address(piece)
        if run == _RUN:
            return True
    return False


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
