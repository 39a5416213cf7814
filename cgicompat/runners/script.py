"""What kind of program a script is, and the command that runs it as a process of its own."""

from __future__ import annotations

import os
import sys

from cgicompat.modules import signature
from cgicompat.python import OLDEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cgicompat.request import Request


class Kind:
    """What the first line of a file makes of it.

    `python` says that it is a Python script, by the `program` of its `#!` line; `options` are Python's that
    the line has and that matter, of which `unbuffered` is -u; `another` is the one that it names.
    It runs `here`, in a worker, unless it has other options than that, or another Python.
    """

    def __init__(self, filename: str, first: bytes, then: bytes):
        line = first.startswith(b"#!")
        python = (b"python" in first or b"cgicompat-cgi" in first) if line else filename.endswith(".py")
        # A zero byte says binary, whatever the name; a zip file may have a `#!` line.
        self.python = python and b"\0" not in first and then != b"PK\3\4"
        self.has_line = line
        self.ends_with_cr = line and first.rstrip(b"\n").endswith(b"\r")
        self.program, words = _words(first) if line and self.python else ("", [])
        self.options = _own_options(words)
        self.unbuffered = "-u" in self.options
        self.another = Another.in_virtualenv(self.program, self.options) or Another.old(self.program, words)
        self.here = self.python and not self.another and self.options in ([], ["-u"])

    @property
    def missing(self) -> str:
        """That the Python which the line names is not there, where ours stands in for it, or nothing."""
        ours = f"Python {sys.version_info[0]}.{sys.version_info[1]} runs it"
        if self.another and not self.another.is_there:
            return f"{self.another.program} is not there: {ours}, without the packages of its virtualenv"
        if not self.another and _is_python_2(self.program):
            return (
                f"its #! line names {self.program}, which is not there: {ours}, which divides integers "
                "otherwise (7 / 2), for one; install it, convert the script, or set `interpreter`"
            )
        return ""


class Another:
    """Another Python than ours, that a `#!` line names: the `program`, its `options`, and whether it
    `runs_us`."""

    def __init__(self, program: str, options: list[str], runs_us: bool = False):
        self.program = program
        self.options = options
        self.runs_us = runs_us

    @property
    def is_there(self) -> bool:
        return os.access(self.program, os.X_OK)

    @classmethod
    def in_virtualenv(cls, program: str, options: list[str]) -> Another | None:
        """That of a virtualenv, if `program` is in one, and not in the one that we run in."""
        home = os.path.dirname(os.path.dirname(program))
        if not os.path.isabs(program) or os.path.realpath(home) == os.path.realpath(sys.prefix):
            return None
        try:
            with open(os.path.join(home, "pyvenv.cfg"), encoding="utf-8", errors="replace") as file:
                pairs = [line.partition("=") for line in file.read(10_000).splitlines()]
        except OSError:
            return None
        values = {name.strip(): value.strip() for name, _, value in pairs}
        text = values.get("version") or values.get("version_info") or ""
        version = tuple(int(part) for part in text.split(".")[:2] if part.isdigit())
        return cls(program, options, runs_us=version >= OLDEST)  # older ones have a cgi module

    @classmethod
    def old(cls, program: str, options: list[str]) -> Another | None:
        """A Python 2 that is there, by the name of `program` or of the file that it stands for."""
        if "python" not in program:
            return None
        folders = [""] if "/" in program else os.get_exec_path()
        for found in (os.path.join(folder, program) for folder in folders):
            if os.access(found, os.X_OK) and os.path.isfile(found):
                old = _is_python_2(program) or _is_python_2(os.path.realpath(found))
                return cls(found, options) if old else None
        return None


def _is_python_2(program: str) -> bool:
    return os.path.basename(program).startswith("python2")


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


def missing(request: Request) -> str:
    """That the Python which a script's line names is not there, see Kind.missing. Raises OSError."""
    return kind(request.script).missing if request.settings.interpreter is None else ""


def runs_here(request: Request) -> bool:
    """Whether our own interpreter can run the script within a worker."""
    return request.settings.interpreter is None and kind(request.script).here


def command(request: Request) -> list[str]:
    """Program and arguments for a process of its own.

    A Python script gets this interpreter whatever its `#!` line says, unless that is one of a virtualenv, or
    a Python 2, and is there.
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
        another = is_a.another
        if another and another.is_there:
            return [another.program, *another.options, *([MAIN] if another.runs_us else []), *tail]
        return [INTERPRETER, *is_a.options, MAIN, *tail]
    if not os.access(script, os.X_OK):
        if not is_a.has_line:
            raise PermissionError(
                f"{script} is no script: not Python, not executable, and without a #! line. "
                "What is to be sent as it is belongs outside of the folders for scripts"
            )
        raise PermissionError(f"not executable; chmod +x {script}")
    return tail
