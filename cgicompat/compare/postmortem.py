"""A script under the debugger: `python FILE SCRIPT [ARGUMENT...]`, as a process of the `cgi` runner.

The debugger talks to the terminal, whatever fds 0 and 1 are. It comes up at breakpoint(), and when the script
has ended with an exception, at the place where that was raised.
"""

import sys

bare = frozenset(sys.modules)
here = sys.path.pop(0)
sys.path.insert(0, here.rsplit("/", 2)[0])
import atexit  # noqa: E402
import pdb  # noqa: E402
from types import FrameType  # noqa: E402

import cgicompat.runners.process  # noqa: E402

del sys.path[0]


def debugger() -> pdb.Pdb:
    """One at the terminal."""
    return pdb.Pdb(stdin=open("/dev/tty"), stdout=open("/dev/tty", "w"))


def stop(*_: object, header: str | None = None, **__: object) -> None:
    """What breakpoint() and pdb.set_trace() do."""
    frame: FrameType = sys._getframe(1)
    debugger().set_trace(frame)


def look() -> None:
    """The last of the functions that run at exit: debug what has ended the script, if it is an exception."""
    error = getattr(sys, "last_value", None)
    if error is not None and error.__traceback__ is not None:
        sys.stdout.flush()
        session = debugger()
        session.reset()
        session.interaction(None, error.__traceback__)


if __name__ == "__main__":
    atexit.register(look)
    sys.breakpointhook = stop
    pdb.set_trace = stop
    cgicompat.runners.process.run(sys.argv[1], sys.argv[2:], bare)
