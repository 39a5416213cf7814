"""What the operating system keeps for a process."""

from __future__ import annotations

import os
import resource

_LIMITS = tuple(sorted({getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}))


class Directory:
    """The working directory, held open since it may be gone or unreadable by its path afterwards."""

    def save(self) -> None:
        from cgicompat.guards.descriptors import keep

        self._directory = keep(os.open(".", os.O_RDONLY))

    def restore(self) -> str | None:
        os.fchdir(self._directory)
        return None


class Environ:
    """os.environ as an object; its variables are set anew for each run by difference."""

    def save(self) -> None:
        self._environ, self._environb = os.environ, os.environb

    def restore(self) -> str | None:
        os.environ, os.environb = self._environ, self._environb
        return None


class Umask:
    def save(self) -> None:
        self._umask = os.umask(0o22)
        os.umask(self._umask)

    def restore(self) -> str | None:
        os.umask(self._umask)
        return None


class Limits:
    """Ids, priority and resource limits cannot be raised again by an unprivileged process."""

    def _now(self) -> tuple[object, ...]:
        return (
            os.getresuid(),
            os.getresgid(),
            os.getpriority(os.PRIO_PROCESS, 0),
            os.getpgrp(),
            [resource.getrlimit(limit) for limit in _LIMITS],
        )

    def save(self) -> None:
        self._saved = self._now()

    def restore(self) -> str | None:
        if self._now() != self._saved:
            return "it changed its user, priority, process group or resource limits"
        return None


class Children:
    """Children that still run share our process group, which a later time limit would kill."""

    def save(self) -> None:
        pass

    def restore(self) -> str | None:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return None
        return "a child process is still running"
