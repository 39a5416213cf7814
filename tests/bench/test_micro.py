"""The micro-benchmarks still fit what they measure: each runs once, without being timed."""

from __future__ import annotations

import subprocess
import sys

from tests.bench.micro.command import PYTEST
from tests.harness.processes import REPOSITORY


def test_each_benchmark_runs():
    command = [sys.executable, *PYTEST, "--benchmark-disable"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
