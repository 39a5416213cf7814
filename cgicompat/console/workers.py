"""What a pool's workers are doing, read from the board that it shares with them (Linux: by way of /proc)."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from cgicompat.pool.board import BUSY, FREE, IDLE, Board

_WORDS = {IDLE: "idle", BUSY: "busy"}


@dataclass(frozen=True)
class State:
    """`seconds` is for how long it has been busy with `request`."""

    pid: int
    word: str
    request: str = ""
    seconds: float = 0.0


def states(master: int) -> list[State] | None:
    """The workers of the pool whose master has this pid; None where that cannot be seen."""
    board = _board(master)
    if board is None:
        return None
    found = []
    for slot in range(Board.SLOTS):
        state = board.state(slot)
        if state != FREE:
            pid, _, _, start, _ = board.read(slot)
            word = _WORDS.get(state, "starting")
            if state == BUSY:
                found.append(State(pid, word, board.label(slot), max(0.0, time.monotonic() - start)))
            else:
                found.append(State(pid, word))
    return sorted(found, key=lambda worker: worker.pid)


def _board(master: int) -> Board | None:
    """The board is the one file without a name among the master's that has its size."""
    folder = f"/proc/{master}/fd"
    try:
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            if os.readlink(path).endswith(" (deleted)") and os.stat(path).st_size == Board.SIZE:
                fd = os.open(path, os.O_RDWR)
                try:
                    return Board(fd)
                finally:
                    os.close(fd)
    except OSError:
        pass
    return None
