"""The micro-benchmarks still fit what they measure, and their figures the document."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.bench.micro.command import PYTEST, run
from tests.bench.race import document
from tests.harness.processes import REPOSITORY


def test_each_benchmark_runs():
    command = [sys.executable, *PYTEST, "--benchmark-disable"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_figures_are_shown_in_microseconds(tmp_path, monkeypatch):
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)  # pytest-benchmark would time nothing
    assert run("headers", tmp_path / "micro.json") == 0
    data = json.loads((tmp_path / "micro.json").read_text())
    [figures] = data["benchmarks"]
    text = document.pieces(data)
    assert f"| 20 headers      | {document.number(document.microseconds(figures)):>4} |" in text
    assert "| response parser |" in text
