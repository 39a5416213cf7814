"""Why a script cannot run, judged as the runners would, without running it."""

from __future__ import annotations

import ast
import os
import re
import shutil
import warnings

from cgicompat.config import Settings
from cgicompat.runners.script import kind

from .imports import Lacks, lacks


def diagnose(filename: str, settings: Settings) -> str:
    """Why a script cannot run and what to do about it, or nothing."""
    return judge(filename, settings)[0]


def judge(filename: str, settings: Settings) -> tuple[str, list[str]]:
    """The same, and what may go wrong later."""
    interpreter = settings.for_script(filename).interpreter
    try:
        with open(filename, "rb") as file:
            first = file.readline(256)
        if interpreter:
            return _missing(interpreter, "its setting `interpreter` names", "correct the setting"), []
        its = kind(filename)
        if its.another:  # it may know another language than ours
            return its.missing, []
        if its.python:
            problem, later = _python(filename, settings)
            return problem, [its.missing, *later] if its.missing else later
    except OSError as error:
        return f"cannot be read ({error.strerror}): chmod a+r {filename}", []
    if not os.access(filename, os.X_OK):
        return f"not executable and not Python: chmod +x {filename}", []
    return _program(first, filename), []


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


def _python(filename: str, settings: Settings) -> tuple[str, list[str]]:
    tree, problem = parsed(filename)
    if tree is None:
        return problem, []
    found: Lacks = lacks(filename, tree, settings, parsed)
    return "; ".join(found.now), found.later


def parsed(filename: str) -> tuple[ast.Module | None, str]:
    """A file of Python as a tree, or what is wrong with it. Raises OSError."""
    with open(filename, "rb") as file:
        source = file.read()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, filename, "exec", dont_inherit=True)
            return ast.parse(source, filename), ""
    except SyntaxError as error:
        return None, _syntax_error(error, source)
    except (ValueError, OverflowError, RecursionError, MemoryError) as error:
        return None, f"Python cannot compile it: {error}"


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
