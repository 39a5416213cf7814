"""What the kernel keeps for a process, and takes some time to ask for."""

from __future__ import annotations

import ctypes
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Lines of /proc/self/status (proc_pid_status(5)) that only the process or one with power over it changes.
_STATUS = ("Name", "NoNewPrivs", "Seccomp", "Cap", "Speculation", "THP_enabled", "VmLck", "Mems_allowed_list")
_FILES = ("oom_score_adj", "coredump_filter", "personality", "timerslack_ns", "autogroup", "cgroup", "limits")
# Requests of prctl(2): those that return a value, and those that store one.
_RETURNED = {"dumpable": 3, "keepcaps": 7, "securebits": 27, "timer slack": 30, "MCE policy": 34}
_STORED = {"death signal": 2, "subreaper": 37}
# Numbers of ioprio_get(2), which the C library has no function for.
_IOPRIO_GET = {"x86_64": 252, "aarch64": 31, "riscv64": 31, "ppc64le": 274, "s390x": 283}
_WHO_PROCESS = 1


def state() -> dict[str, Any]:
    """By name: groups, session, root directory, processors, scheduling, name spaces, what prctl(2) sets and
    /proc tells. What the system does not have or does not tell is left out or None."""
    root = os.stat("/")
    found: dict[str, Any] = {
        "groups": os.getgroups(),
        "session": (os.getpgrp(), os.getsid(0)),
        "root directory": (root.st_dev, root.st_ino),
    }
    if hasattr(os, "sched_getscheduler"):
        found["scheduling"] = os.sched_getscheduler(0), os.sched_getparam(0).sched_priority
        found["processors"] = os.sched_getaffinity(0)
    for line in (_read("status") or "").splitlines():
        if line.startswith(_STATUS):
            found[line.partition(":")[0]] = line
    for name in _FILES:
        found[name] = _read(name)
    try:
        for name in os.listdir("/proc/self/ns"):
            found[f"name space {name}"] = os.readlink(f"/proc/self/ns/{name}")
    except OSError:
        pass  # the names are missing then
    if os.uname().sysname == "Linux":
        _ask(ctypes.CDLL(None), found)
    return found


def _ask(library: Any, found: dict[str, Any]) -> None:
    for name, number in _RETURNED.items():
        found[name] = library.prctl(number, 0, 0, 0, 0)
    for name, number in _STORED.items():
        value = ctypes.c_int()
        library.prctl(number, ctypes.byref(value), 0, 0, 0)
        found[name] = value.value
    number = _IOPRIO_GET.get(os.uname().machine, 0)
    if number:
        found["I/O priority"] = library.syscall(number, _WHO_PROCESS, 0)


def _read(name: str) -> str | None:
    try:
        with open(f"/proc/self/{name}") as file:
            return file.read()
    except OSError:
        return None
