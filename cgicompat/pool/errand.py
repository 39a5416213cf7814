"""Errands: what the master has done by a child, since it may take long, or end the process that does it.

    errands.send(lambda: work(path), done, seconds=10)

`work` runs in a child of the master, with its modules, without its descriptors, and with fds 0 to 2 on
/dev/null; it returns bytes. When the child has ended, `done` is called in the master with these, or with None
if it failed, was too slow or had too much to say. What it has started ends with it. One errand is under way
at a time, in the order in which they were sent; a master that becomes another drops them.
"""

from __future__ import annotations

import os
import signal
import time

from cgicompat.descriptors import close_others, keep, release
from cgicompat.processes import kill_group
from cgicompat.runners.warm import prepare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from cgicompat.pool.loop import Loop

_MOST = 64 << 20  # bytes of a result
_CHUNK = 256 * 1024
_NEVER = float("inf")


class Errand:
    """One of them: `pid` and `fd` are of its child, `due` is when that must have ended (time.monotonic)."""

    def __init__(self, work: Callable[[], bytes], done: Callable[[bytes | None], None], seconds: float):
        self._work = work
        self._seconds = seconds
        self.done = done
        self.pid = 0
        self.fd = -1
        self.due = _NEVER
        self._result = bytearray()

    def start(self) -> None:
        """Fork the child. Raises OSError."""
        reader, writer = os.pipe()
        try:
            self.pid = os.fork()
        except OSError:
            os.close(reader)
            os.close(writer)
            raise
        if self.pid == 0:
            self._become_child(reader, writer)
        os.close(writer)
        self.fd = keep(reader, private=True)
        os.set_blocking(self.fd, False)
        self.due = time.monotonic() + self._seconds

    def _become_child(self, reader: int, writer: int) -> NoReturn:
        status = 70
        try:
            prepare()
            signal.alarm(int(self._seconds) + 1)  # should the master be gone by then
            os.close(reader)
            close_others(())
            null = os.open(os.devnull, os.O_RDWR)
            for fd in (0, 1, 2):
                os.dup2(null, fd)
            result = memoryview(self._work())
            while result:
                result = result[os.write(writer, result) :]
            status = 0
        finally:
            os._exit(status)

    def read(self) -> bool:
        """Take what the child has sent; whether more may come."""
        try:
            while len(self._result) <= _MOST:
                data = os.read(self.fd, _CHUNK)
                if not data:
                    return False
                self._result += data
        except BlockingIOError:
            return True
        self.kill()
        return False

    def kill(self) -> None:
        """End the child, and what it has started."""
        kill_group(self.pid, signal.SIGKILL)
        self.due = _NEVER

    def end(self, well: bool) -> bytes | None:
        """The child has ended, and nobody has its pid yet: the result."""
        self.read()
        self.kill()
        release(self.fd)
        return bytes(self._result) if well and len(self._result) <= _MOST else None


class Errands:
    """The line of errands of one master. `others` is its crew's: whom to tell that a child has ended."""

    def __init__(self, loop: Loop, others: dict[int, Callable[[os.waitid_result], None]]):
        self._loop = loop
        self._others = others
        self._waiting: list[Errand] = []
        self._current: Errand | None = None

    def __len__(self) -> int:
        return len(self._waiting) + (self._current is not None)

    @property
    def next_due(self) -> float:
        """When keep_time() has something to do (time.monotonic)."""
        return self._current.due if self._current else _NEVER

    def send(
        self, work: Callable[[], bytes], done: Callable[[bytes | None], None], seconds: float = 10.0
    ) -> None:
        """Have `work` done, in at most so many seconds, and `done` called with the result."""
        self._waiting.append(Errand(work, done, seconds))
        self._next()

    def _next(self) -> None:
        while self._waiting and not self._current:
            errand = self._waiting.pop(0)
            try:
                errand.start()
            except OSError:  # no process or descriptor is to be had
                errand.done(None)
                continue
            self._current = errand
            self._loop.watch(errand.fd, self._on_result)
            self._others[errand.pid] = self._on_end

    def _on_result(self) -> None:
        if self._current and not self._current.read():
            self._loop.forget(self._current.fd)

    def _on_end(self, found: os.waitid_result) -> None:
        errand, self._current = self._current, None
        if errand:
            self._loop.forget(errand.fd)
            errand.done(errand.end(found.si_code == os.CLD_EXITED and found.si_status == 0))
        self._next()

    def keep_time(self, now: float) -> None:
        """End one that takes too long."""
        if self._current and now >= self._current.due:
            self._current.kill()

    def close(self) -> None:
        """End the one that is under way; the others have failed."""
        if self._current:
            self._current.kill()
        while self._waiting:
            self._waiting.pop().done(None)
