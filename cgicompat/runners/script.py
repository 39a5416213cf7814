"""What kind of program a script is, and the command that runs it as a process of its own."""

from __future__ import annotations

import os
import sys

from cgicompat.modules import signature

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cgicompat.request import Request


class Kind:
    """A Python script or another program; `unbuffered` where the `#!` line says `-u`."""

    def __init__(self, filename: str, first: bytes, then: bytes):
        python = (
            (b"python" in first or b"cgicompat-cgi" in first)
            if first.startswith(b"#!")
            else filename.endswith(".py")
        )
        # A zero byte says binary, whatever the name; a zip file may have a `#!` line.
        self.python = python and b"\0" not in first and then != b"PK\3\4"
        self.unbuffered = self.python and b"-u" in first.split()


_LINE = 256  # bytes of a `#!` line that the system looks at

_kinds: dict[str, tuple[tuple[int, ...], Kind]] = {}


def _interpreter() -> str:
    """This Python as a program: where another program has embedded it (uWSGI), sys.executable is that one."""
    if os.path.basename(sys.executable or "").startswith("python"):
        return sys.executable
    return os.path.join(sys.exec_prefix, "bin", f"python{sys.version_info[0]}.{sys.version_info[1]}")


INTERPRETER = _interpreter()
_MAIN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "__main__.py")


def kind(filename: str) -> Kind:
    """What `filename` is, by its `#!` line, or for want of one by its ending. Raises OSError."""
    current = signature(os.stat(filename))
    known = _kinds.get(filename)
    if known is None or known[0] != current:
        file = os.open(filename, os.O_RDONLY | os.O_NONBLOCK)  # a pipe of that name must not block the master
        try:
            begin = os.read(file, _LINE + 4)
        finally:
            os.close(file)
        end = begin.find(b"\n", 0, _LINE) + 1 or _LINE
        known = _kinds[filename] = current, Kind(filename, begin[:end], begin[end : end + 4])
    return known[1]


def is_unbuffered(filename: str) -> bool:
    """Whether the `#!` line of a script that runs_here() has just looked at says `-u`."""
    known = _kinds.get(filename)
    return (known[1] if known else kind(filename)).unbuffered


def runs_here(request: Request) -> bool:
    """Whether our own interpreter can run the script within a worker."""
    return request.settings.interpreter is None and kind(request.script).python


def command(request: Request) -> list[str]:
    """Program and arguments for a process of its own.

    A Python script gets this interpreter whatever its `#!` line says. Raises PermissionError for a file that
    is neither Python nor executable.
    """
    tail = [request.script, *request.arguments]
    if request.settings.interpreter:
        return [request.settings.interpreter, *tail]
    if kind(request.script).python:
        return [INTERPRETER, _MAIN, *tail]
    if not os.access(request.script, os.X_OK):
        raise PermissionError(f"{request.script} is not executable; chmod +x {request.script}")
    return tail
