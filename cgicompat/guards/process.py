"""What the operating system keeps for a process."""

from __future__ import annotations

import ctypes
import os
import resource

_LIMITS = tuple(sorted({getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}))


_POINTER = ctypes.sizeof(ctypes.c_void_p)


class Directory:
    """The working directory, held open since it may be gone or unreadable by its path afterwards."""

    def save(self) -> None:
        from cgicompat.guards.descriptors import keep

        self._directory = keep(os.open(".", os.O_RDONLY))

    def restore(self) -> str | None:
        os.fchdir(self._directory)
        return None


class Environ:
    """The environment of the C library. os.environ is set for each run, but putenv() goes past it.

    Any change there moves a pointer in the array `environ`; then all is emptied, for the next run to fill.
    """

    def save(self) -> None:
        self._library = ctypes.CDLL(None)
        self._environ = os.environ
        self.begin()

    def begin(self) -> None:
        """The environment is as the run shall find it."""
        self._pointers = self._read()

    def restore(self) -> str | None:
        if self._read() != self._pointers:
            self._library.clearenv()
            self._environ.clear()
        return None

    def _read(self) -> bytes:
        array = ctypes.c_void_p.in_dll(self._library, "environ").value
        return ctypes.string_at(array, (len(self._environ) + 1) * _POINTER) if array else b""


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
