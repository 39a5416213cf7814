"""What starting a program for each request costs: a bare interpreter, and bin/cgicompat-cgi, which runs the
script itself where there is no pool."""

from __future__ import annotations

import resource
import subprocess
import sys
import time

import pytest

from tests.bench.micro.hello import HELLO
from tests.harness.processes import REPOSITORY


def cpu() -> float:
    """Of this process and of those that it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


@pytest.mark.benchmark(group="start of a program for one request", timer=cpu)
@pytest.mark.parametrize(
    "command",
    [
        pytest.param([], id="python -I hello.py"),
        pytest.param([str(REPOSITORY / "bin/cgicompat-cgi")], id="cgicompat-cgi hello.py"),
    ],
)
def test_start(command, benchmark, tmp_path):
    (tmp_path / "hello.py").write_text(HELLO)
    command = [sys.executable, "-I", *command, str(tmp_path / "hello.py")]
    page = benchmark.pedantic(subprocess.check_output, args=(command,), rounds=50)
    assert page.endswith(b"\n\nhello\n")
