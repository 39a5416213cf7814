"""Child processes that end, or are to, and their process groups."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def ended() -> Iterator[os.waitid_result]:
    """Children that have ended. The caller waits for each before it asks for the next; until then nobody else
    can have its pid, nor its process group."""
    while True:
        try:
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if found is None:
            return
        yield found


def catches(pid: int, number: int) -> bool:
    """Whether a process has a handler for a signal; False where the system does not tell (proc(5))."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            caught = file.read().partition(b"\nSigCgt:")[2].split(b"\n", 1)[0]
        return bool(int(caught, 16) >> (number - 1) & 1)
    except (OSError, ValueError):
        return False


def kill(pid: int, number: int) -> None:
    """Send a signal to a process, if there still is one."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def kill_group(group: int, number: int) -> None:
    """Send a signal to a process group, if there still is one that is ours."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        pass
