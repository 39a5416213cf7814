"""What kind of program a script is, and the command that runs it as a process of its own."""

from __future__ import annotations

import os
import sys

from cgicompat.errorlog import log
from cgicompat.modules import signature
from cgicompat.python import OLDEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cgicompat.request import Request


class Kind:
    """What the first line of a file makes of it.

    `python` says that it is a Python script, by the `program` of its `#!` line; `options` are Python's that
    the line has and that matter, of which `unbuffered` is -u; `environment` is the virtualenv that it names.
    It runs `here`, in a worker, unless it has other options than that, or a virtualenv.
    """

    def __init__(self, filename: str, first: bytes, then: bytes):
        line = first.startswith(b"#!")
        python = (b"python" in first or b"cgicompat-cgi" in first) if line else filename.endswith(".py")
        # A zero byte says binary, whatever the name; a zip file may have a `#!` line.
        self.python = python and b"\0" not in first and then != b"PK\3\4"
        self.program, options = _words(first) if line and self.python else ("", [])
        self.options = _own_options(options)
        self.unbuffered = "-u" in self.options
        self.environment = Environment.of(self.program)
        self.here = self.python and not self.environment and self.options in ([], ["-u"])


class Environment:
    """A virtualenv: the `program` in it that runs Python, and the `version` of that."""

    def __init__(self, program: str, version: tuple[int, ...]):
        self.program = program
        self.version = version

    @classmethod
    def of(cls, program: str) -> Environment | None:
        """That of a `#!` line's program, if it is in one, and not in the one that we run in."""
        home = os.path.dirname(os.path.dirname(program))
        if not os.path.isabs(program) or os.path.realpath(home) == os.path.realpath(sys.prefix):
            return None
        try:
            with open(os.path.join(home, "pyvenv.cfg"), encoding="utf-8", errors="replace") as file:
                pairs = [line.partition("=") for line in file.read(10_000).splitlines()]
        except OSError:
            return None
        values = {name.strip(): value.strip() for name, _, value in pairs}
        version = values.get("version") or values.get("version_info") or ""
        return cls(program, tuple(int(part) for part in version.split(".")[:2] if part.isdigit()))


def _words(line: bytes) -> tuple[str, list[str]]:
    """The program that a `#!` line names, be it by way of env, and its arguments."""
    words = os.fsdecode(line[2:]).split()
    if words and os.path.basename(words[0]) == "env":
        del words[0]
        while words and (words[0].startswith("-") or "=" in words[0]):
            rest = words.pop(0).removeprefix("-S").removeprefix("--split-string=")
            if rest and not rest.startswith("-") and "=" not in rest:
                words.insert(0, rest)
    return (words[0], words[1:]) if words else ("", [])


def _own_options(words: list[str]) -> list[str]:
    """Those of Python's options in a `#!` line that make a difference to a script: -u, and what else can be
    said only when a process starts."""
    found = []
    while words and words[0].startswith("-"):
        letters, words = words[0][1:], words[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter in "WXQ":  # the last is Python 2's
                if not letters and words:
                    letters, words = words[0], words[1:]
                found += [f"-{letter}{letters}"] if letter != "Q" else []
                letters = ""
            elif letter in "EIOPSbsuv":
                found.append(f"-{letter}")
            elif letter not in "BRdiqtx3":  # which are of no use, or for a file that is run directly
                return found
    return found


_LINE = 256  # bytes of a `#!` line that the system looks at

_kinds: dict[str, tuple[tuple[int, ...], Kind]] = {}


def _interpreter() -> str:
    """This Python as a program: where another program has embedded it (uWSGI), sys.executable is that one."""
    if os.path.basename(sys.executable or "").startswith("python"):
        return sys.executable
    return os.path.join(sys.exec_prefix, "bin", f"python{sys.version_info[0]}.{sys.version_info[1]}")


INTERPRETER = _interpreter()
MAIN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "__main__.py")


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
    return request.settings.interpreter is None and kind(request.script).here


def command(request: Request) -> list[str]:
    """Program and arguments for a process of its own.

    A Python script gets this interpreter whatever its `#!` line says, unless that is one of a virtualenv.
    Raises PermissionError for a file that is neither Python nor executable.
    """
    if request.settings.interpreter:
        return [request.settings.interpreter, request.script, *request.arguments]
    return command_of(request.script, request.arguments)


def command_of(script: str, arguments: list[str]) -> list[str]:
    """The same for a script that no setting `interpreter` is for."""
    tail = [script, *arguments]
    is_a = kind(script)
    if is_a.python:
        environment = is_a.environment
        if environment and os.access(environment.program, os.X_OK):
            ours = environment.version >= OLDEST  # older ones do not run us, but have a cgi module
            return [environment.program, *is_a.options, *([MAIN] if ours else []), *tail]
        if environment:
            log(f"{environment.program} is not there: {script} runs without the packages of its virtualenv")
        return [INTERPRETER, *is_a.options, MAIN, *tail]
    if not os.access(script, os.X_OK):
        raise PermissionError(f"not executable; chmod +x {script}")
    return tail
