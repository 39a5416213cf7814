"""A peer's processes: started together, measured together, ended by their ids.

A cgroup knows them all, those that have ended as well, whoever their parents are. Where none can be made
(without root, or not on Linux) the CPU time is that of the processes below those that were started, with what
they know of their dead children; some servers (mod_cgid) do not wait for their children, whose time is then
missing.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

# Where cgroups can be made, and in which file and unit they tell the CPU time: of version 1, then of 2.
CGROUPS = ((Path("/sys/fs/cgroup/cpuacct"), "cpuacct.usage", 1e9), (Path("/sys/fs/cgroup"), "cpu.stat", 1e6))


class Family:
    def __init__(self, name: str) -> None:
        self.started: list[subprocess.Popen[bytes]] = []
        self.group: Path | None = None
        for parent, file, unit in CGROUPS:
            group = parent / f"cgicompat-bench-{os.getpid()}-{name}"
            try:
                group.mkdir()
            except OSError:
                continue
            if (group / file).exists():
                self.group, self.file, self.unit = group, group / file, unit
                break
            group.rmdir()

    def start(self, command: list[str], env: Mapping[str, str], directory: Path, log: Path) -> None:
        if self.group:
            enter = 'echo $$ >"$0" && exec "$@"'
            command = ["sh", "-c", enter, str(self.group / "cgroup.procs"), *command]
        with log.open("ab") as output:
            self.started.append(
                subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=env,
                    cwd=directory,
                    start_new_session=True,
                )
            )

    def pids(self) -> set[int]:
        """Those that live."""
        if self.group:
            return {int(pid) for pid in (self.group / "cgroup.procs").read_text().split()}
        parents = {int(fields[0]): int(fields[2]) for fields in _stats()}
        family = {process.pid for process in self.started if process.poll() is None}
        while more := {pid for pid, parent in parents.items() if parent in family} - family:
            family |= more
        return family

    def cpu(self) -> float:
        """Seconds of CPU so far."""
        if self.group:
            return int(self.file.read_text().removeprefix("usage_usec").split()[0]) / self.unit
        family = self.pids()
        ticks = sum(sum(map(int, fields[12:16])) for fields in _stats() if int(fields[0]) in family)
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """MB, pages that processes share divided among them (PSS)."""
        total = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return total / 1024

    def stop(self) -> None:
        for process in reversed(self.started):
            process.terminate()
        for process in self.started:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
        rest = self.pids()
        for pid in rest:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in self.started:
            process.wait()
        end = time.monotonic() + 5
        while self.group and time.monotonic() < end:  # it is busy while its last process is going
            try:
                self.group.rmdir()
                break
            except OSError:
                time.sleep(0.01)


def _stats() -> Iterable[list[str]]:
    """The fields of /proc/PID/stat of all processes, but for the name."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                before, _, after = (entry / "stat").read_text().rpartition(")")
                yield [before.split()[0], *after.split()]
