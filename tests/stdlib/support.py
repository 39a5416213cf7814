"""What these tests share: our modules loaded apart from the interpreter's own, and other interpreters."""

from __future__ import annotations

import functools
import glob
import importlib.util
import os
import shutil
import subprocess
import sys
from types import ModuleType

import cgicompat.stdlib

FOLDER = os.path.dirname(cgicompat.stdlib.__file__)
EXAMPLES = int(os.environ.get("CGICOMPAT_TEST_EXAMPLES", "500"))  # of each generated test


def load(name: str) -> ModuleType:
    """Return a fresh copy of our `cgi` or `cgitb`, absent from sys.modules."""
    spec = importlib.util.spec_from_file_location(name, os.path.join(FOLDER, f"{name}.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache
def interpreter(version: str) -> str | None:
    """Return the path of a Python of that version ("3.12"): this one, or as PATH or pyenv have it."""
    candidates = []
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        candidates.append(sys.executable)
    candidates.append(shutil.which(f"python{version}") or "")
    pyenv = shutil.which("pyenv")
    if pyenv:
        root = subprocess.run([pyenv, "root"], capture_output=True, text=True).stdout.strip()
        candidates += sorted(glob.glob(os.path.join(root, "versions", f"{version}.*", "bin", "python")))
    for candidate in candidates:
        if candidate and not subprocess.run([candidate, "-c", ""], capture_output=True).returncode:
            return candidate
    return None


@functools.cache
def tests_of(version: str) -> str | None:
    """Return the folder of the test suite that comes with that version's interpreter and has test_cgi.py."""
    python = interpreter(version)
    if python is None:
        return None
    code = "import os, test; print(os.path.dirname(test.__file__))"
    folder = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True).stdout.strip()
    return folder if folder and os.path.exists(os.path.join(folder, "test_cgi.py")) else None
