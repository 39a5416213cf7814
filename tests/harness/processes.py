"""Servers as child processes with their output in files, and what /proc says about processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
T = TypeVar("T")


def until(find: Callable[[], T], timeout: float = 20) -> T:
    """What `find` returns once it is true; asks again and again, and fails after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (found := find()):
        if time.monotonic() > deadline:
            pytest.fail(f"waited {timeout} s in vain")
        time.sleep(0.01)
    return found


def host_environ(**extra: str) -> dict[str, str]:
    """The environment of servers: our Python first in PATH, the package importable, a secret to keep."""
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"
    return {
        "PATH": path,
        "HOME": os.environ.get("HOME", "/"),
        "PYTHONPATH": str(REPOSITORY),
        "TZ": "Asia/Kolkata",
        "SECRET_OF_THE_HOST": "s3cret",
        **extra,
    }


class Server:
    """A server process; its standard output and error are `output` and `log`, both text so far.

    Its temporary files are in a directory of its own, which must be empty when it has ended.
    """

    def __init__(self, command: Sequence[str], directory: Path, env: Mapping[str, str] | None = None) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.temporary = Path(tempfile.mkdtemp(dir=directory, prefix="t"))
        self.files = directory / "stdout", directory / "stderr"
        with self.files[0].open("ab") as out, self.files[1].open("ab") as err:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env={**(host_environ() if env is None else env), "TMPDIR": str(self.temporary)},
                cwd=directory,
                process_group=0,  # Apache ends its whole process group
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> str:
        return self.files[1].read_text(errors="replace")

    @property
    def output(self) -> str:
        return self.files[0].read_text(errors="replace")

    def says(self, pattern: str, timeout: float = 40) -> re.Match[str]:
        """Wait until the output or the log matches `pattern`."""

        def find() -> re.Match[str] | None:
            if self.process.poll() is not None:
                pytest.fail(f"{self.process.args} ended with {self.process.returncode}:\n{self.log[-3000:]}")
            return re.search(pattern, self.output) or re.search(pattern, self.log)

        return until(find, timeout)

    def stop(self, how: signal.Signals = signal.SIGTERM, timeout: float = 30) -> int:
        """End it and wait; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            for pid in [self.pid, *descendants(self.pid)]:
                _kill(pid)
            self.process.wait()
            pytest.fail(f"{self.process.args} does not end within {timeout} s of {how.name}")
        until(lambda: not list(self.temporary.iterdir()))
        return status


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _stats() -> Iterator[tuple[int, str, int]]:
    """(pid, state, parent) of every process."""
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path("/proc", entry, "stat").read_text()
            except OSError:
                continue
            state, parent = stat.rpartition(")")[2].split()[:2]
            yield int(entry), state, int(parent)


def descendants(pid: int, states: str = "RSDTtI") -> set[int]:
    """Processes below `pid` that are in one of `states` (Z: dead, and nobody has asked how)."""
    table = list(_stats())
    family = {pid}
    while more := {child for child, _, parent in table if parent in family} - family:
        family |= more
    return {child for child, state, _ in table if child in family - {pid} and state in states}


def children(pid: int) -> list[int]:
    """The processes that `pid` has started, oldest first."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    """Is there a process `pid` that has not ended?"""
    return any(entry == pid and state not in "ZX" for entry, state, _ in _stats())


def status(pid: int, key: str) -> int:
    """A number of /proc/PID/status, VmRSS and VmHWM in KiB, for instance; 0 if the process has ended."""
    try:
        found = re.search(rf"^{key}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.M)
    except OSError:
        return 0
    return int(found[1]) if found else 0


def cpu(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
