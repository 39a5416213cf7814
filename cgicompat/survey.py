"""Which scripts a directory holds, and why some of them cannot run.

The tree is searched breadth first, for a limited time: somebody may serve a home directory. Whether a file is
a script is for routing to say; but the data files that scripts keep beside them, which could not be run
either, are left out here. Whether a script can run is judged as the runners would, without running it.
"""

from __future__ import annotations

import os
import re
import shutil
import time
import warnings
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote_from_bytes

from cgicompat.config import Settings
from cgicompat.routing import Refusal, Router, Script, hidden
from cgicompat.runners.script import kind

_ENDINGS = (".py", ".cgi", ".pl", ".sh", ".rb", ".php", ".tcl", ".lua")


@dataclass(frozen=True)
class Found:
    """A script: `path` in the URL (decoded), absolute `filename`; `problem` says in one line why it cannot
    run and what to do about it, or is empty."""

    path: str
    filename: str
    problem: str = ""


@dataclass
class Survey:
    """All that was found, by path; `complete` unless the time was up first. `programs` are no scripts where
    they are, though they look as if they should be."""

    scripts: list[Found] = field(default_factory=list)
    programs: list[Found] = field(default_factory=list)
    complete: bool = True


def survey(settings: Settings, seconds: float = 2.0) -> Survey:
    """The scripts below settings.directory, searched and judged for at most `seconds`."""
    deadline = time.monotonic() + seconds
    result = Survey()
    for script in _search(settings):
        if time.monotonic() > deadline:
            result.complete = False
            break
        if isinstance(script, Found):
            result.programs.append(script)
        elif script is not None and not is_data(script.filename):
            problem = diagnose(script.filename, settings)
            result.scripts.append(Found(script.script_name, script.filename, problem))
    for found in (result.scripts, result.programs):
        found.sort(key=lambda one: one.path)
    return result


def _search(settings: Settings) -> Iterator[Script | Found | None]:
    """The scripts, what should be one, and a None for everything else, so that the caller can look at the
    clock."""
    router = Router(settings)
    seen = set()
    folders = deque([settings.directory])
    while folders:
        folder = folders.popleft()
        try:
            stat = os.stat(folder)
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            continue
        if (stat.st_dev, stat.st_ino) in seen:  # a symbolic link has led back
            continue
        seen.add((stat.st_dev, stat.st_ino))
        for entry in entries:
            if hidden(entry.name, top=folder == settings.directory):
                continue
            if _is_folder(entry):
                folders.append(entry.path)
                yield None
                continue
            path = entry.path.removeprefix(settings.directory.rstrip("/"))
            route = router.route(quote_from_bytes(os.fsencode(path)))
            if isinstance(route, Refusal) and route.hint:
                yield Found(path, entry.path, route.hint)
            else:
                yield route if isinstance(route, Script) else None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a symbolic link to itself, say
        return False


def is_data(filename: str) -> bool:
    """Is it neither meant to be run, by its permission, its ending or a #! line, nor a secret to us?"""
    if filename.endswith(_ENDINGS) or os.access(filename, os.X_OK):
        return False
    try:
        with open(filename, "rb") as file:
            return file.read(2) != b"#!"
    except OSError:
        return False


def diagnose(filename: str, settings: Settings) -> str:
    """Why a script cannot run and what to do about it, or nothing."""
    interpreter = settings.for_script(filename).interpreter
    try:
        with open(filename, "rb") as file:
            first = file.readline(256)
        if interpreter:
            return _missing(interpreter, "its setting `interpreter` names", "correct the setting")
        its = kind(filename)
        if its.environment:  # its Python may know another language than ours
            there = os.access(its.environment.program, os.X_OK)
            missing = f"runs without the packages of its virtualenv: {its.environment.program} is not there"
            return "" if there else missing
        if its.python:
            return _python(filename)
    except OSError as error:
        return f"cannot be read ({error.strerror}): chmod a+r {filename}"
    if not os.access(filename, os.X_OK):
        return f"not executable and not Python: chmod +x {filename}"
    return _program(first, filename)


def _program(first: bytes, filename: str) -> str:
    """What stops the system from executing a file that begins with `first`."""
    if not first.startswith(b"#!"):
        binary = b"\0" in first
        return (
            "" if binary else "no #! line, so nothing says what runs it: begin it with #!/bin/sh, or the like"
        )
    if first.rstrip(b"\n").endswith(b"\r"):
        return rf"its #! line ends with CR LF, as on Windows: sed -i 's/\r$//' {filename}"
    words = os.fsdecode(first[2:]).split()
    if not words:
        return "its #! line names no program: begin it with #!/bin/sh, or the like"
    if os.path.basename(words[0]) == "env" and os.path.exists(words[0]):
        words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    return _missing(words[0], "its #! line names", "correct the line") if words else ""


def _missing(program: str, named: str, remedy: str) -> str:
    if shutil.which(program):
        return ""
    return f"{named} {program}, which is not there: install it, or {remedy}"


# What Python 2 allowed, each with a pattern for a line that has it.
_PYTHON_2 = [
    ("a print statement", r"^\s*(.*[;:]\s*)?print(\s+[^\s=(,.\[]|\s*>>|\s*$)"),
    ("`except X, e`", r"^\s*except\b[^:'\"]+,\s*\w+\s*:"),
    ("`raise X, text`", r"^\s*raise\s+[\w.]+\s*,"),
    ("an exec statement", r"^\s*exec\s+[^\s=(.]"),
    ("the operator <>", r"<>"),
    ("backquotes", r"`[^`]+`"),
    ("an octal number without 0o", r"(?<![\w.])0\d+(?![\w.])"),
    ("a long number", r"(?<![\w.])(0[xX][\da-fA-F]+|\d+)[lL]\b"),
    ("a ur'' string", r"\b[uU][rR]['\"]"),
    ("a tuple among parameters", r"^\s*def\s+\w+\s*\([^)]*\("),
]


def _python(filename: str) -> str:
    with open(filename, "rb") as file:
        source = file.read()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, filename, "exec", dont_inherit=True)
    except SyntaxError as error:
        return _syntax_error(error, source)
    except (ValueError, OverflowError, RecursionError, MemoryError) as error:
        return f"Python cannot compile it: {error}"
    return ""


def _syntax_error(error: SyntaxError, source: bytes) -> str:
    line, message = error.lineno or 1, error.msg
    if "codec can't decode" in message or message.startswith("Non-UTF-8 code"):
        return (
            "not UTF-8, and no line says what it is: begin it with # -*- coding: latin-1 -*-, or convert it"
        )
    lines = source.decode("latin-1").splitlines()
    old = _python_2(lines, line)
    if isinstance(error, TabError):
        old = old or "tabs mixed with spaces"
    if old or re.match(r"#!.*python2", lines[0] if lines else ""):
        remedy = 'convert it, or set runner = "cgi" and interpreter = "python2" for it'
        return f"line {line} is Python 2 ({old or message}): {remedy}"
    return f"line {line}: {message}: correct it; the next request takes the new text"


def _python_2(lines: list[str], number: int) -> str:
    """What is Python 2 in the line that Python 3 stopped at, else anywhere in the file."""
    for text in [*lines[number - 1 : number], *lines]:
        for name, pattern in _PYTHON_2:
            if re.search(pattern, text):
                return name
    return ""
