"""Plain CGI, the reference: Python is started with the script as its program, as by web servers."""

from __future__ import annotations

import functools
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys

from cgicompat import stdlib
from cgicompat.runners.script import INTERPRETER, kind

_OURS = os.path.dirname(os.path.abspath(stdlib.__file__))
_PATIENCE = 10.0  # seconds
_MISSING = re.compile(rb"^ModuleNotFoundError: No module named '(?:cgi|cgitb)'\s*\Z", re.MULTILINE)
# What 3.11 and 3.12 say to whoever imports these; ours do not.
_DEPRECATED = re.compile(
    rb"^[^\n]*: DeprecationWarning: '(?:cgi|cgitb)' is deprecated and slated for removal in Python 3\.13\n"
    rb"(?:  [^\n]*\n)?",
    re.MULTILINE,
)


def program(script: str) -> tuple[str, str]:
    """The command that starts a Python script, as a shell would split it: by its `#!` line where that names a
    Python 2, or a Python of our very version (runners are compared here, not Pythons), else ours. And the
    Python that the line names where it is another."""
    is_a = kind(script)
    if is_a.another and not is_a.another.runs_us:  # no runner of ours takes another
        return shlex.join([is_a.another.program, *is_a.another.options]), ""
    named = os.path.basename(is_a.program).startswith("python")
    found = (shutil.which(is_a.program) if named else None) or INTERPRETER
    version = _version(found) if named else sys.version
    if version == sys.version:
        return shlex.join([found, *is_a.options]), ""
    other = f"{found} ({version.partition(' ')[0]})" if version else ""
    return shlex.join([INTERPRETER, *is_a.options]), other


def python(script: str) -> str:
    """What that command is, in words: `Python 2.7.18`."""
    another = kind(script).another
    if another is None or another.runs_us:
        return f"Python {platform.python_version()}"
    version = _version(another.program).partition(" ")[0]
    return f"Python {version}" if version[:1].isdecimal() else another.program


def lacks_cgi(errors: bytes) -> bool:
    """Whether a run has ended since its Python, 3.13 or later, has no cgi or cgitb."""
    return bool(_MISSING.search(errors))


def with_cgi(environ: dict[str, str]) -> dict[str, str]:
    """The variables with ours on PYTHONPATH."""
    return {**environ, "PYTHONPATH": os.pathsep.join(filter(None, [_OURS, environ.get("PYTHONPATH", "")]))}


def without_path(output: bytes) -> bytes:
    """Output without the lines that show that variable, which the others do not have."""
    lines = output.splitlines(keepends=True)
    return b"".join(line for line in lines if not (b"PYTHONPATH" in line and os.fsencode(_OURS) in line))


def without_warnings(errors: bytes) -> bytes:
    """stderr without the warnings that cgi and cgitb are to be removed."""
    return _DEPRECATED.sub(b"", errors)


@functools.cache
def _version(python: str) -> str:
    """Its sys.version in one line; what does not start has none."""
    try:
        ask = [python, "-c", "import sys; sys.stdout.write(sys.version)"]
        return subprocess.run(ask, capture_output=True, text=True, timeout=_PATIENCE).stdout
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return ""
