"""A process's memory put back: after a request, a worker is what it was before its first, byte for byte.

The master takes an image of its memory (`Memory.image`), which all workers share. A worker, ready for its
first request, takes a snapshot (`Memory.snapshot`): the pages in which it differs from the image. After the
request, `Memory.back` writes those bytes back that have changed, puts back what the kernel keeps for the
process (files, signals, limits ...), and the worker is once more where `snapshot` returns. What cannot be put
back, a thread for example, makes it spent: it ends, and another has its place.

The work is done in C, since Python's own memory is what is put back. It needs Linux with glibc; memory.c says
how it goes, and which files do it. Where it cannot be had, scripts of cgihandler run under the guards.

Imports nothing of cgicompat but `descriptors`. Begin reading here, then memory.c.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import socket
import sys
from importlib.machinery import EXTENSION_SUFFIXES

from cgicompat.descriptors import KEPT, forget, keep
from cgicompat.rewind.randomness import Randomness, prime, stop_recording

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

_SPARE = 2 << 20  # bytes of small objects that a request can make before Python asks the system for memory
_CELL = 448  # bytes of one of them, below what Python's allocator takes for small


class Unavailable(OSError):
    """Memory cannot be put back here; the message says why."""


class Memory:
    """The memory of this process and of those that it forks. Raises Unavailable."""

    def __init__(self) -> None:
        self._library = _load()
        self._file = -1
        self._lasting = mmap.mmap(-1, mmap.PAGESIZE)
        self._spare: list[bytearray] = []

    def image(self) -> None:
        """Take what this process has in memory now for what its children begin with. Raises Unavailable."""
        prime()
        self._make_room()
        forget(self._file)  # the library closes it
        if self._library.rewind_image():
            raise Unavailable(self._error())
        self._file = self._library.rewind_file()
        KEPT.add(self._file)

    def snapshot(self, told: socket.socket) -> int:
        """Take one, in a forked process; how many times `back` has come back to it since. Raises Unavailable.

        `told` is a datagram socket for what `back` has to say.
        """
        self._lasting = mmap.mmap(-1, mmap.PAGESIZE)
        stop_recording()
        randomness = Randomness(self._lasting)
        self._randomness = randomness
        descriptors = [keep(os.open(path, flags)) for path, flags in _DESCRIPTORS]
        descriptors.insert(_ERRORS, keep(os.dup(2)))
        numbers = (ctypes.c_int * len(descriptors))(*descriptors)
        returns: int = self._library.rewind_snapshot(numbers, told.fileno())
        if returns < 0:
            raise Unavailable(self._error())
        if returns:
            randomness.renew()
        return returns

    def back(self, spent: bytes, fine: bytes, thoroughly: bool) -> NoReturn:
        """Go back to where `snapshot` returns. Where that cannot be, this process ends, and `spent` with the
        reason goes to the socket that was named there; else `fine`, if there is any. `thoroughly` looks at
        what scripts seldom change.
        """
        if faulthandler := sys.modules.get("faulthandler"):
            faulthandler.cancel_dump_traceback_later()  # a thread, but one that can be ended
        self._randomness.note()
        self._library.rewind_back(spent, len(spent), fine, len(fine), thoroughly)
        raise AssertionError

    def is_news(self, what: object) -> bool:
        """Whether it is another thing than that of the last call, which may lie before the last `back`."""
        number = hash(what).to_bytes(8, "little", signed=True)
        place = slice(mmap.PAGESIZE - 8, mmap.PAGESIZE)
        if self._lasting[place] == number:
            return False
        self._lasting[place] = number
        return True

    def _make_room(self) -> None:
        """Have free memory in the image: a request that must ask the system for more takes longer."""
        kept = 4096 // _CELL * 16  # one in so many stays, so that nothing is given back
        made = [bytearray(_CELL) for _ in range(_SPARE // (2 * _CELL))]
        self._spare = made[::kept]

    def _error(self) -> str:
        text: bytes = self._library.rewind_error()
        return text.decode("utf-8", "replace")


# In the order of rewind.h, which has fd 2 as it is now among them.
_DESCRIPTORS = (
    ("/proc/self/pagemap", os.O_RDONLY),
    ("/proc/self/maps", os.O_RDONLY),
    ("/proc/self/statm", os.O_RDONLY),
    ("/proc/self", os.O_RDONLY | os.O_DIRECTORY),
    ("/proc/self/fd", os.O_RDONLY | os.O_DIRECTORY),
    ("/proc/self/task", os.O_RDONLY | os.O_DIRECTORY),
    (os.devnull, os.O_RDWR),
    (".", os.O_RDONLY),
)
_ERRORS = 7


def _load() -> Any:
    """The library. Raises Unavailable."""
    if mmap.PAGESIZE != 4096:
        raise Unavailable(f"pages of memory have {mmap.PAGESIZE} bytes here, not 4096")
    for suffix in reversed(EXTENSION_SUFFIXES):  # that of one version last: it may be an old one
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"_memory{suffix}")
        if os.path.exists(path):
            break
    else:
        raise Unavailable(
            "its library is not there: it is compiled when cgicompat is installed on Linux with a C compiler"
        )
    try:
        library = ctypes.PyDLL(path)
    except OSError as error:
        raise Unavailable(str(error)) from None
    library.rewind_error.restype = ctypes.c_char_p
    library.rewind_snapshot.restype = ctypes.c_long
    library.rewind_back.restype = None
    text = (ctypes.c_char_p, ctypes.c_size_t)
    library.rewind_back.argtypes = [*text, *text, ctypes.c_int]
    return library
