"""The clients of the ScriptAlias door: bin/cgicompat-cgi, and what `cgicompat client` makes, once for all.

The one in C is made so that it ends at whatever the compiler's sanitizers find, where there are any.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.harness.processes import REPOSITORY, host_environ

PYTHON = REPOSITORY / "bin" / "cgicompat-cgi"
STRICT = "-O1 -g -Wall -Wextra -Wpedantic -Werror"
SANITIZERS = " -fsanitize=address,undefined -fno-sanitize-recover=all"


def compiler() -> str:
    """The C compiler; skips the test where there is none."""
    return shutil.which(os.environ.get("CC") or "cc") or pytest.skip(
        "no C compiler: the client in C is not built"
    )


def make(path: Path, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run `cgicompat client`."""
    command = [sys.executable, "-m", "cgicompat", "client", str(path), *options]
    return subprocess.run(command, env=host_environ(**env), capture_output=True, text=True, timeout=60)


def _place() -> Path:
    home = tempfile.mkdtemp(prefix="client-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    return Path(home, "cgicompat-cgi")


@functools.cache
def in_c() -> Path:
    """The one in C."""
    path = _place()
    for flags in (STRICT + SANITIZERS, STRICT):
        run = make(path, CC=compiler(), CFLAGS=flags)
        usable = subprocess.run([path], capture_output=True).returncode == 2  # "which script?"
        if usable and "in C" in run.stdout:
            return path
    raise AssertionError(run.stderr)


@functools.cache
def alone() -> Path:
    """The one in Python."""
    path = _place()
    make(path, "--python").check_returncode()
    return path
