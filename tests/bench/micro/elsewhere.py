"""Pieces that need a process of their own are timed there. pytest-benchmark then gets the times one by one:
its clock is ours, and each round moves it on by what the process has measured.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from pytest_benchmark.fixture import BenchmarkFixture

from tests.harness.processes import host_environ

HERE = Path(__file__).resolve().parent


class _Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


CLOCK = _Clock()


class Process:
    """A program of this directory that answers each line with a line of seconds."""

    def __init__(self, program: str, directory: Path, **env: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, HERE / program],
            cwd=directory,
            env=host_environ(PYTHONPATH="", **env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def measure(self, benchmark: BenchmarkFixture, rounds: int, *question: str) -> None:
        """So many rounds of what `question` names, as the benchmark's."""
        assert self._process.stdin
        assert self._process.stdout
        rounds = rounds if benchmark.enabled else 1
        self._process.stdin.write("\t".join((str(rounds), *question)) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().split()
        assert len(answer) == rounds, "the process has failed; its traceback is above"
        times = map(float, answer)
        benchmark.pedantic(lambda: CLOCK.advance(next(times)), rounds=rounds)

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()
