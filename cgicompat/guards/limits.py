from __future__ import annotations

import os
import sys

from cgicompat.guards.change import SPENT, Change
from cgicompat.guards.guard import NOTHING, Guard, uses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


# Who changes what takes longer to look at.
_RARE = frozenset(
    ("setgroups", "initgroups", "sched_setaffinity", "sched_setscheduler", "chroot", "unshare", "setns")
    + ("setsid", "ctypes", "CDLL")
)


class Limits(Guard):
    """User, groups, process group, priority, resource limits: what an unprivileged process cannot raise
    again. A change makes the process spent."""

    names = (
        "setrlimit",
        "prlimit",
        "nice",
        "setpriority",
        "setuid",
        "setgid",
        "setgroups",
        "seteuid",
        "setegid",
        "setreuid",
        "setregid",
        "setresuid",
        "setresgid",
        "setsid",
        "setpgid",
        "setpgrp",
        "initgroups",
        "sched_setaffinity",
        "chroot",
        "prctl",
    )

    def save(self) -> None:
        import resource

        self._resource = resource
        self._kinds = sorted({getattr(resource, name) for name in dir(resource) if name[:7] == "RLIMIT_"})
        self._limits = list(map(resource.getrlimit, self._kinds))
        self._saved = self._now()
        self._rest = self._more()
        # Whether a script has it, and so may have set a limit, shows in sys.modules.
        del sys.modules["resource"]

    def restore(self) -> Sequence[Change]:
        if self._now() != self._saved:
            return [Change("user, group, process group or priority was changed", SPENT)]
        if "resource" in sys.modules and list(map(self._resource.getrlimit, self._kinds)) != self._limits:
            return [Change("a resource limit was changed", SPENT)]
        if uses(_RARE) and self._more() != self._rest:
            return [Change("groups, processors, root directory or privileges were changed", SPENT)]
        return NOTHING

    def _more(self) -> tuple[object, ...]:
        root = os.stat("/")
        affinity = getattr(os, "sched_getaffinity", lambda process: None)(0)
        try:
            with open("/proc/self/status") as file:
                flags = [line for line in file if line.startswith(("NoNewPrivs", "Seccomp", "Cap"))]
        except OSError:
            flags = []
        return os.getgroups(), affinity, os.getpgrp(), os.getsid(0), root.st_dev, root.st_ino, flags

    def _now(self) -> tuple[object, ...]:
        return (os.getresuid(), os.getresgid(), os.getpriority(os.PRIO_PROCESS, 0), os.getpgrp())
