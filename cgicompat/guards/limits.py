from __future__ import annotations

import os
import sys

from cgicompat.guards import kernel
from cgicompat.guards.change import SPENT, Change
from cgicompat.guards.guard import NOTHING, Guard, uses
from cgicompat.modules import RARE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Limits(Guard):
    """User, groups, process group, priority, resource limits, scheduling, processors, I/O priority, name
    spaces, what prctl sets, oom_score_adj: what an unprivileged process cannot raise again, and what a child
    has changed in its parent. A change makes the process spent."""

    outside = True
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
        "sched_setscheduler",
        "sched_setparam",
        "unshare",
        "chroot",
        "prctl",
        "syscall",
    )

    def save(self) -> None:
        import resource

        self._resource = resource
        self._kinds = sorted({getattr(resource, name) for name in dir(resource) if name[:7] == "RLIMIT_"})
        self._limits = list(map(resource.getrlimit, self._kinds))
        self._saved = self._now()
        self._children = resource.getrusage(resource.RUSAGE_CHILDREN)
        self._rest = kernel.state()
        # Whether a script has it, and so may have set a limit, shows in sys.modules.
        del sys.modules["resource"]

    def restore(self) -> Sequence[Change]:
        if self._now() != self._saved:
            return [Change("user, group, process group or priority was changed", SPENT)]
        if "resource" in sys.modules and list(map(self._resource.getrlimit, self._kinds)) != self._limits:
            return [Change("a resource limit was changed", SPENT)]
        # A child may do it to its parent: prlimit(1), taskset(1), ionice(1).
        children = self._resource.getrusage(self._resource.RUSAGE_CHILDREN)
        if children == self._children and not uses(RARE):
            return NOTHING
        self._children = children
        now = kernel.state()
        if now == self._rest:
            return NOTHING
        names = [name for name in (self._rest | now) if now.get(name) != self._rest.get(name)]
        return [Change(f"{', '.join(names)} changed", SPENT)]

    def _now(self) -> tuple[object, ...]:
        return (os.getresuid(), os.getresgid(), os.getpriority(os.PRIO_PROCESS, 0), os.getpgrp())
