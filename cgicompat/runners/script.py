"""What kind of program a script is, and the command that runs it as a process of its own."""

from __future__ import annotations

import os
import sys

from cgicompat.runners.modules import signature

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cgicompat.request import Request


class Kind:
    """A Python script or another program; `unbuffered` where the `#!` line says `-u`."""

    def __init__(self, filename: str, first: bytes):
        line = first.partition(b"\n")[0]
        python = (
            (b"python" in line or b"cgicompat-cgi" in line)
            if first.startswith(b"#!")
            else filename.endswith(".py")
        )
        # A zero byte says binary, or a zip file with a `#!` line, whatever the name.
        self.python = python and b"\0" not in first
        self.unbuffered = self.python and b"-u" in line.split()


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
        with open(filename, "rb") as file:
            first = file.readline(256) + file.read(32)
        known = _kinds[filename] = current, Kind(filename, first)
    return known[1]


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
