"""CPython's own tests of cgi and cgitb, unchanged, run on our modules by each interpreter that is here.

They are taken from the test suite that comes with Python 3.11 or 3.12, and are no part of this repository.
"""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from tests.stdlib import support


@pytest.mark.parametrize("suite", ["3.11", "3.12"])
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_cpythons_own_tests(version, suite, tmp_path):
    python = support.interpreter(version)
    if python is None:
        pytest.skip(f"no python{version} on PATH or under pyenv")
    folder = support.tests_of(suite)
    if folder is None:
        pytest.skip(f"no python{suite} that has its test suite (test/test_cgi.py) on PATH or under pyenv")
    if subprocess.run([python, "-c", "import test.support"], capture_output=True).returncode:
        pytest.skip(f"python{version} has no test.support to run the tests with")
    for name in ("test_cgi.py", "test_cgitb.py"):
        os.symlink(os.path.join(folder, name), tmp_path / name)
    run = subprocess.run(
        [python, "-W", "error::DeprecationWarning", "-m", "unittest", "test_cgi", "test_cgitb"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": support.FOLDER},
        capture_output=True,
        text=True,
    )
    assert re.search(r"^Ran 29 tests.*\n\nOK$", run.stderr, re.MULTILINE), run.stderr
