"""os.system for scripts that run in a worker.

The C library's system() goes on waiting whatever signal arrives, so that a worker in it would neither notice
its client's leaving nor the time limit. This one waits in Python.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _typeshed import StrOrBytesPath

# None passes on what putenv() has set too, as system() does.
_ENVIRON = None if sys.version_info >= (3, 13) else os.environ


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
        return os.waitpid(pid, 0)[1]
    finally:
        for number, handler in ignored:
            signal.signal(number, handler)


def install() -> None:
    """Put it in the place of os.system in this process."""
    os.system = system
