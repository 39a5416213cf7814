"""Random numbers of a process whose memory is put back: the same state would give the same numbers again.

What asks the system for each number (`secrets`, `uuid4`, `os.urandom`) needs nothing. A generator in memory
is seeded anew once it was used; OpenSSL's, whose state nobody can see, each time. Libraries that have asked
to be told of a fork (os.register_at_fork) are told of a return too: most do it for this reason.
"""

from __future__ import annotations

import ctypes
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import mmap
    from collections.abc import Callable
    from typing import Any

_register = os.register_at_fork
_hooks: list[Callable[[], object]] = []


def record(is_library: Callable[[str], bool]) -> None:
    """From now on know what libraries register to be called in forked children, of those whose module, by its
    name, `is_library`. Python has no way to ask for it."""

    def register_at_fork(**calls: Any) -> None:
        _register(**calls)
        call = calls.get("after_in_child")
        if call is not None and is_library(sys._getframe(1).f_globals.get("__name__", "")):
            _hooks.append(call)

    os.register_at_fork = register_at_fork


def stop_recording() -> None:
    """What is registered from now on will be forgotten."""
    os.register_at_fork = _register


def prime() -> None:
    """Have OpenSSL do now what it does at its first use, since each request would be the first. And have the
    C library make its own generator, if it has one: the image knows that its memory is never put back."""
    os.urandom(1)
    for feed in _feeders():
        feed(os.urandom(32), 32, 32.0)
    hashes: Any = sys.modules.get("_hashlib")
    if hashes is not None:
        for name in hashes.openssl_md_meth_names:
            try:
                hashes.new(name, usedforsecurity=False).update(b"")
            except ValueError:
                pass  # not in this OpenSSL


class Randomness:
    """That of this process, of what is imported now. Which generators were used is kept in `lasting`."""

    def __init__(self, lasting: mmap.mmap):
        self._lasting = lasting
        self._generators: list[tuple[int, int, bytes, Callable[[], object]]] = []
        self._peek = ctypes.string_at
        random: Any = sys.modules.get("random")
        if random is not None:
            self._watch(id(random._inst), random._inst.__sizeof__(), random._inst.seed)
        numpy: Any = sys.modules.get("numpy.random")
        if numpy is not None:
            bits = numpy.mtrand._rand._bit_generator
            self._watch(bits.ctypes.state_address, 625 * 4, numpy.seed)  # MT19937: 624 words and a position
        self._openssl = _feeders()
        self._tempfile: Any = sys.modules.get("tempfile")
        self._urandom = os.urandom

    def _watch(self, address: int, size: int, seed: Callable[[], object]) -> None:
        self._generators.append((address, size, self._peek(address, size), seed))

    def note(self) -> None:
        """Before memory is put back: remember which were used."""
        for number, (address, size, was, _) in enumerate(self._generators):
            if not self._lasting[number] and self._peek(address, size) != was:
                self._lasting[number] = 1

    def renew(self) -> None:
        """After it was put back."""
        for number, (_, _, _, seed) in enumerate(self._generators):
            if self._lasting[number]:
                seed()
        if self._openssl:
            entropy = self._urandom(32)
            for feed in self._openssl:
                feed(entropy, len(entropy), float(len(entropy)))
        if self._tempfile is not None:
            self._tempfile._name_sequence = None
        for hook in _hooks:
            try:
                hook()
            except Exception:
                pass  # as os.fork() does, but for the message


def _feeders() -> list[Any]:
    """RAND_add(3) of each OpenSSL that may have drawn a number already; any other will seed itself."""
    with open("/proc/self/maps") as maps:
        paths = {line.split(None, 5)[5].rstrip("\n") for line in maps if "libcrypto" in line}
    found = []
    for path in sorted(path for path in paths if os.path.basename(path).startswith("libcrypto")):
        try:
            feed = ctypes.CDLL(path).RAND_add
        except (OSError, AttributeError):
            continue  # replaced on disk, or another library of that name
        feed.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_double]
        feed.restype = None
        found.append(feed)
    if len(found) == 1 and "_hashlib" in sys.modules and "_ssl" not in sys.modules:
        return []  # it was loaded for its hashes
    return found
