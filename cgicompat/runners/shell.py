"""os.system for scripts that run in a worker.

The C library's system() goes on waiting whatever signal arrives, so that a worker in it would neither notice
its client's leaving nor the time limit. This one waits in Python.
"""

from __future__ import annotations

import os
import select
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _typeshed import StrOrBytesPath

# None passes on what putenv() has set too, as system() does.
_ENVIRON = None if sys.version_info >= (3, 13) else os.environ

_LOOK_UP = 500  # milliseconds


def system(command: StrOrBytesPath) -> int:
    """Execute the command in a subshell (POSIX, system())."""
    sys.audit("os.system", command)
    ignored = [(number, signal.signal(number, signal.SIG_IGN)) for number in (signal.SIGINT, signal.SIGQUIT)]
    try:
        pid = os.posix_spawn(
            "/bin/sh",
            ["sh", "-c", os.fsdecode(command)],
            _ENVIRON if _ENVIRON is None else dict(os.environ),  # type: ignore[arg-type]
            setsigdef=[signal.SIGINT, signal.SIGQUIT],
        )
        _wait(pid)
        return os.waitpid(pid, 0)[1]
    finally:
        for number, handler in ignored:
            signal.signal(number, handler)


def _wait(pid: int) -> None:
    """Until the process has ended, where the system can tell. Now and then let Python look for signals: one
    that came just before os.waitpid() would not interrupt it."""
    try:
        ended = os.pidfd_open(pid)
    except (AttributeError, OSError):
        return
    try:
        poll = select.poll()
        poll.register(ended, select.POLLIN)
        while not poll.poll(_LOOK_UP):
            pass
    finally:
        os.close(ended)


def install() -> None:
    """Put it in the place of os.system in this process."""
    os.system = system
