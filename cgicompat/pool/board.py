"""The scoreboard: memory that the master and its workers share, one slot for each worker.

The states of all slots stand side by side, so that "is anybody idle" is one search. A slot is written by its
worker alone, and freed by the master once the worker is dead.
"""

from __future__ import annotations

import mmap
import os
import struct
import sys

FREE, STARTING, IDLE, BUSY = b"\0", b"S", b"I", b"B"

_RECORD = struct.Struct("=iiddI")  # pid, group of a spawned script, deadline, start of the request, requests
_SLOT = 256
_LABEL = _SLOT - _RECORD.size


class Board:
    """A board in the file `fd`, which must have SIZE bytes."""

    SLOTS = 1024
    _ANSWERED = SLOTS + 3  # after the states: hungry, attentive, computing
    _LEFT = _ANSWERED + SLOTS
    _RECORDS = _LEFT + SLOTS
    SIZE = _RECORDS + SLOTS * _SLOT

    def __init__(self, fd: int):
        self.copy = -1  # of `fd`, which older Pythons make
        if sys.version_info >= (3, 13):
            self._map = mmap.mmap(fd, self.SIZE, trackfd=False)
        else:
            self.copy = os.dup(fd)
            os.close(self.copy)  # it is the next that is made
            self._map = mmap.mmap(fd, self.SIZE)

    def free_slot(self) -> int:
        """Index of a free slot, -1 if there is none."""
        return self._map.find(FREE, 0, self.SLOTS)

    def count(self, state: bytes) -> int:
        return self._map[: self.SLOTS].count(state)

    def any_idle(self) -> bool:
        return self._map.find(IDLE, 0, self.SLOTS) >= 0

    def begun_since(self, moment: float) -> int:
        """How many requests are at work that have begun after `moment` (time.monotonic, seconds)."""
        begun, slot = 0, self._map.find(BUSY, 0, self.SLOTS)
        while slot >= 0:
            begun += self.read(slot)[3] > moment
            slot = self._map.find(BUSY, slot + 1, self.SLOTS)
        return begun

    @property
    def hungry(self) -> bool:
        """Whether the master has requests in its queue and wants to hear of idle workers."""
        return self._map[self.SLOTS] != 0

    @hungry.setter
    def hungry(self, value: bool) -> None:
        self._map[self.SLOTS] = value

    @property
    def attentive(self) -> bool:
        """Whether the master looks every few milliseconds, so that nobody need call it."""
        return self._map[self.SLOTS + 1] != 0

    @attentive.setter
    def attentive(self, value: bool) -> None:
        self._map[self.SLOTS + 1] = value

    @property
    def computing(self) -> int:
        """How many requests in a row, of those looked at, have not waited for anything; at most 255."""
        return self._map[self.SLOTS + 2]

    def note(self, computed: bool) -> None:
        """A request has not waited for anything, or it has."""
        self._map[self.SLOTS + 2] = min(self.computing + 1, 255) if computed else 0

    def state(self, slot: int) -> bytes:
        return self._map[slot : slot + 1]

    def set_state(self, slot: int, state: bytes) -> None:
        self._map[slot : slot + 1] = state

    def has_answered(self, slot: int) -> bool:
        """Whether its request is over, as far as the script goes."""
        return self._map[self._ANSWERED + slot] != 0 or self.state(slot) == IDLE

    def set_answered(self, slot: int, value: bool) -> None:
        self._map[self._ANSWERED + slot] = value

    def has_left(self, slot: int) -> bool:
        """Whether the client of its request has gone, and the script is therefore being ended."""
        return self._map[self._LEFT + slot] != 0

    def set_left(self, slot: int, value: bool) -> None:
        self._map[self._LEFT + slot] = value

    def start(self, slot: int, pid: int) -> None:
        self._record(slot, pid, 0, 0.0, 0.0, 0)
        self.set_answered(slot, False)
        self.set_state(slot, STARTING)

    def busy(self, slot: int, now: float, deadline: float, label: str) -> None:
        """A request has begun; times are of time.monotonic, in seconds."""
        pid, _, _, _, requests = self.read(slot)
        self._record(slot, pid, 0, deadline, now, requests + 1)
        text = label.encode("utf-8", "replace")[: _LABEL - 1]
        offset = self._offset(slot) + _RECORD.size
        self._map[offset : offset + len(text) + 1] = text + b"\0"
        self.set_answered(slot, False)
        self.set_left(slot, False)
        self.set_state(slot, BUSY)

    def set_group(self, slot: int, group: int) -> None:
        """Note the process group of a program that the worker has spawned; 0 for none."""
        struct.pack_into("=i", self._map, self._offset(slot) + 4, group)

    def read(self, slot: int) -> tuple[int, int, float, float, int]:
        """pid, group, deadline, start of the request, requests served."""
        return _RECORD.unpack_from(self._map, self._offset(slot))

    def label(self, slot: int) -> str:
        offset = self._offset(slot) + _RECORD.size
        return self._map[offset : offset + _LABEL].partition(b"\0")[0].decode("utf-8", "replace")

    def _offset(self, slot: int) -> int:
        return self._RECORDS + slot * _SLOT

    def _record(self, slot: int, *values: float) -> None:
        _RECORD.pack_into(self._map, self._offset(slot), *values)
