"""The crew: forks workers, carries what they write to the log, keeps their time, ends and buries them."""

from __future__ import annotations

import os
import signal
import sys
import time

from cgicompat.descriptors import close_private, keep, release, set_private
from cgicompat.pool.board import BUSY, FREE, STARTING
from cgicompat.pool.filelimit import for_scripts
from cgicompat.pool.worker import Worker
from cgicompat.processes import catches, ended, kill, kill_group
from cgicompat.runners.outcome import CLIENT_GONE
from cgicompat.runners.warm import prepare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import NoReturn

    from cgicompat.pool.log import Log
    from cgicompat.pool.loop import Loop
    from cgicompat.pool.worker import Context, Job

# Seconds.
_WARN_THEN_TERM = 0.3  # SIGXCPU to SIGTERM, SIGTERM to SIGKILL: together well below 1 s
_MAX_BACKOFF = 5.0
_NEVER = float("inf")
_REMINDER = 1.0  # seconds after which a worker is reminded for the first time
_CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT)


class Child:
    """The master's view of one worker process."""

    __slots__ = (
        "begun",
        "enforced",
        "errors",
        "killing",
        "label",
        "next_kill",
        "next_reminder",
        "pid",
        "retired",
        "slot",
    )

    def __init__(self, pid: int, slot: int, errors: int):
        self.pid = pid
        self.slot = slot
        self.errors = errors
        self.label: str | None = None  # the last, once the slot is another's
        self.retired = False  # of a former master: it ends when it is idle
        self.killing = 0
        self.next_kill = 0.0
        self.begun = 0.0  # what it is at (time.monotonic)
        self.next_reminder = 0.0
        self.enforced = 0.0  # when what was over its time limit had begun


class Crew:
    """All workers. `lifeline` is the end of a pipe that retires them when it is closed.

    `others` are children of the master that are no workers, each with what to do when it has ended, while its
    pid is not free yet. `told` is called to hear what workers have sent, before the end of one is acted upon.
    """

    def __init__(self, context: Context, log: Log, loop: Loop, lifeline: int, told: Callable[[], None]):
        self.others: dict[int, Callable[[os.waitid_result], None]] = {}
        self.next_due = _NEVER  # when a process is to be ended, as far as known
        # A worker has ended that may have been woken for a connection, which wakes nobody else (epoll_ctl(2),
        # EPOLLEXCLUSIVE).
        self.has_lost = False
        self.fork_after = 0.0  # nothing is forked before, where it has just failed
        self._context = context
        self._board = context.board
        self._log = log
        self._loop = loop
        self._lifeline = lifeline
        self._told = told
        self._children: dict[int, Child] = {}
        self._failures = 0  # of workers, to become ready
        self._outages = 0  # of the system, to give us another process
        self._ending = False

    def __len__(self) -> int:
        return len(self._children)

    @property
    def size(self) -> int:
        """Workers that take requests."""
        return sum(not child.retired for child in self._children.values())

    def dump(self) -> list[tuple[int, int, int]]:
        """For `adopt` of our next self."""
        return [(child.pid, child.slot, child.errors) for child in self._children.values()]

    def adopt(self, workers: Iterable[tuple[int, int, int]]) -> None:
        """Look after workers of our former self, which end when they are idle."""
        for pid, slot, errors in workers:
            child = Child(pid, slot, errors)
            child.retired = True
            self._children[pid] = child
            if errors >= 0:
                child.errors = keep(errors, private=True)
                self._listen(child)
        self.reap()  # those that ended in between

    # Birth

    def fill(self, size: int) -> None:
        """Have so many that take requests, if that is possible now."""
        if time.monotonic() >= self.fork_after:
            self.fork_after = 0.0
            while self.size < size and self.fork():
                pass

    def fork(self, job: Job | None = None) -> bool:
        """A worker more, for a `job` alone if there is one; whether there is."""
        slot = self._board.free_slot()
        if slot < 0:
            return False
        fds: list[int] = []
        self._board.start(slot, 0)
        try:
            fds += os.pipe()
            fds[0] = keep(fds[0], private=True)
            pid = os.fork()
        except OSError as error:
            self._outages += 1
            if self._outages == 1:
                self._log.write(f"cannot fork: {error.strerror}; trying again until it is possible")
            for fd in fds:
                release(fd)
            self._board.set_state(slot, FREE)
            self._back_off(self._outages)
            return False
        errors, writer = fds
        if pid == 0:
            self._become_worker(slot, writer, job)
        os.close(writer)
        os.set_blocking(errors, False)
        self._outages = 0
        child = self._children[pid] = Child(pid, slot, errors)
        self._listen(child)
        return True

    def _become_worker(self, slot: int, errors: int, job: Job | None) -> NoReturn:
        try:
            os.dup2(errors, 2)
            os.close(errors)
            prepare()
            close_private()
            for_scripts(self._context.soft_limit)
            if job:
                job.connection, job.body = keep(job.connection), keep(job.body)
            self._board.start(slot, os.getpid())
            Worker(self._context, slot).run(job)
        except BaseException as error:
            sys.excepthook(type(error), error, error.__traceback__)
        finally:
            os._exit(70)

    def _note_failure(self, child: Child, code: int) -> None:
        """A worker that died before it was ready, again and again, must not keep the machine busy."""
        if self._board.state(child.slot) != STARTING or code == 0:
            self._failures = 0
            return
        self._failures += 1
        if self._failures >= 3:
            self._back_off(self._failures)
            self._log.write(
                f"workers end at once (exit status {code}), {self._failures} times now; next try in "
                f"{self.fork_after - time.monotonic():.1f} s. Look for the cause above; a preload may be it"
            )

    def _back_off(self, times: int) -> None:
        self.fork_after = time.monotonic() + min(_MAX_BACKOFF, 0.1 * 2 ** min(times, 10))

    # Life

    def _listen(self, child: Child) -> None:
        self._loop.watch(child.errors, lambda: self._on_errors(child))

    def _on_errors(self, child: Child) -> None:
        # Before the read: see worker._wait_for_log.
        label = child.label or self._board.label(child.slot)
        recorder = self._context.recorder if child.label is None else None
        key = child.pid, self._board.read(child.slot)[4] if recorder else 0
        while True:
            try:
                data = os.read(child.errors, 64 * 1024)
            except BlockingIOError:
                return
            if not data:
                break
            self._log.stderr(child.pid, label, data)
            if recorder:
                recorder.errors(key, data)
        # Nobody has the pipe open any more.
        self._log.end(child.pid)
        self._loop.forget(child.errors)
        release(child.errors)
        child.errors = -1

    def keep_time(self, now: float) -> None:
        """End what is over its time limit."""
        self.next_due = _NEVER
        for child in self._children.values():
            busy = self._board.state(child.slot) == BUSY
            if busy or child.killing:
                _, _, deadline, start, _ = record = self._board.read(child.slot)
                if child.enforced and not (busy and child.enforced == start):
                    # What was over its limit has ended, and its process has not: no other shall pay for it.
                    child.killing, child.enforced = 0, 0.0
                    if not busy:
                        continue
                due = child.next_kill if child.killing else deadline
                # The worker may be writing it just now: a record that is whole reads the same twice.
                if deadline and now >= due and self._board.read(child.slot) == record:
                    if not child.killing:
                        child.enforced = start
                    self._enforce(child, now, deadline - start)
                    due = child.next_kill
                elif not child.killing:
                    self._remind(child, now, start)
                if due > now:
                    self.next_due = min(self.next_due, due)

    def _remind(self, child: Child, now: float, begun: float) -> None:
        """Have it look now and then whether its client is still there. The kernel says so once; if that is
        between a script's last look at signals and the call in which it waits, the script waits on."""
        if child.begun != begun:
            child.begun, child.next_reminder = begun, begun + _REMINDER
        elif now >= child.next_reminder:
            child.next_reminder = now + (now - begun)
            if catches(child.pid, signal.SIGIO):  # a program in its place does not
                kill(child.pid, signal.SIGIO)

    def _enforce(self, child: Child, now: float, limit: float) -> None:
        if child.killing == 0:
            label = self._board.label(child.slot)
            self._log.write(f"{label}: time limit of {limit:g} s is over")
            kill(child.pid, signal.SIGXCPU)
        else:
            kill_group(child.pid, signal.SIGTERM if child.killing == 1 else signal.SIGKILL)
        child.killing += 1
        child.next_kill = now + _WARN_THEN_TERM

    # Death

    def renew(self) -> bool:
        """All workers end when they are idle, and others take their place; whether that is possible now."""
        before = self._lifeline, self._context.lifeline
        try:
            reader, writer = os.pipe()
        except OSError:
            return False
        set_private(self._context.lifeline)
        self._context.lifeline, self._lifeline = keep(reader), keep(writer, private=True)
        size = self.size
        for child in self._children.values():
            child.retired = True
        self.fill(size)
        for end in before:
            release(end)
        return True

    def retire(self) -> None:
        """All end when they are idle, and their ends are no news."""
        self._ending = True
        release(self._lifeline)

    def kill(self, number: int) -> None:
        """Send a signal to all, and to what they have started."""
        for child in self._children.values():
            child.killing = child.killing or 1
            kill_group(child.pid, number)
            self._kill_spawned(child, number)

    def reap(self) -> None:
        """See to children that have ended."""
        for found in ended():
            child = self._children.pop(found.si_pid, None)
            other = self.others.pop(found.si_pid, None)
            if child is not None:
                self._bury(child)
            elif other is not None:
                other(found)
            _, status = os.waitpid(found.si_pid, 0)
            if child is not None:
                self._mourn(child, status)

    def _bury(self, child: Child) -> None:
        """Clean up after a worker while its pid, and so its process group, is not free yet."""
        if child.killing:
            kill_group(child.pid, signal.SIGKILL)
        self._kill_spawned(child, signal.SIGKILL)
        if child.errors >= 0:
            self._on_errors(child)
        child.label = self._board.label(child.slot)

    def _kill_spawned(self, child: Child, number: int) -> None:
        """A program that a worker has started has a group of its own."""
        _, group, *_ = self._board.read(child.slot)
        if group:
            kill_group(group, number)

    def _mourn(self, child: Child, status: int) -> None:
        """Tell how it ended, and let another have its place."""
        self.has_lost |= child.retired or os.WIFSIGNALED(status)
        state = self._board.state(child.slot)
        if os.WIFSIGNALED(status) and not child.killing and not self._ending:
            number = os.WTERMSIG(status)
            ended = f"{child.label}: the process was ended by signal {number} ({_signal_name(number)})"
            ready = state != STARTING
            if number in _CRASHES and (self._board.has_answered(child.slot) or not ready):
                self._log.write(f"{ended} {'after it had answered' if ready else 'before its first request'}")
                self._context.put_back.crashed()
            elif state == BUSY:
                gone = self._board.has_left(child.slot)
                self._log.write(f"{child.label}: {CLIENT_GONE}" if gone else ended)
        code = os.waitstatus_to_exitcode(status)
        self._note_failure(child, code)
        if self._context.recorder:
            self._told()  # the runner's own word on how it ended comes first
            key = child.pid, self._board.read(child.slot)[4]
            self._context.recorder.end(key, code if code >= 0 else 128 - code)
        self._board.set_state(child.slot, FREE)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "?"
