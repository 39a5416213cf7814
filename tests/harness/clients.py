"""The two clients of the ScriptAlias door: bin/cgicompat-cgi in Python, and the one in C, built once for all.

The one in C is built so that it ends at whatever the compiler's sanitizers find, where there are any.
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


def build(path: Path, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run `cgicompat client`."""
    command = [sys.executable, "-m", "cgicompat", "client", str(path), *options]
    return subprocess.run(command, env=host_environ(**env), capture_output=True, text=True, timeout=60)


@functools.cache
def in_c() -> Path:
    """The client in C."""
    home = tempfile.mkdtemp(prefix="client-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    path = Path(home, "cgicompat-cgi")
    for flags in (STRICT + SANITIZERS, STRICT):
        run = build(path, CC=compiler(), CFLAGS=flags)
        if path.exists() and subprocess.run([path], capture_output=True).returncode == 2:  # "which script?"
            return path
    raise AssertionError(run.stderr)
