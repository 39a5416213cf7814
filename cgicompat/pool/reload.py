"""What a master hands to its next self at a reload, and whether there can be one."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NotRequired, TypedDict

    class State(TypedDict):
        """What a master begins with. Numbers of open files are inherited."""

        listener: int
        temporary: str  # directory of ours
        lock: int  # in it: others know by it that we live
        soft_limit: NotRequired[int]  # of open files, for scripts
        socket_file: tuple[str, int] | None  # path and inode
        parent: int | None  # a pipe that closes when the process that we belong to ends
        argv: list[str] | None  # the command that replaces us at a reload
        environ: NotRequired[dict[str, str]]  # of that command
        # Of our former self:
        board: NotRequired[int]
        messages: NotRequired[list[int]]  # both ends of the socket for messages to the master
        workers: NotRequired[list[tuple[int, int, int]]]  # pid, slot on the board, pipe that is their stderr
        queue: NotRequired[list[tuple[float, int]]]  # since when a connection waits (time.monotonic)
        verdicts: NotRequired[tuple[bytes, list[bytes]]]  # see Verdicts.dump()


def descriptors(state: State) -> list[int]:
    """All that is handed on."""
    fds = [state["listener"], state["lock"], state["parent"], state.get("board"), *state.get("messages", ())]
    fds += [errors for _, _, errors in state.get("workers", ())]
    fds += [connection for _, connection in state.get("queue", ())]
    return [fd for fd in fds if fd is not None and fd >= 0]


def is_sound(state: State) -> bool:
    """Whether the command that is to replace this master can be run, and accepts its configuration."""
    argv = state["argv"]
    return not argv or os.spawnve(os.P_WAIT, argv[0], [*argv, "--check"], state["environ"]) == 0
