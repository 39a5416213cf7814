"""The process in which scripts are compared: a pool's master in small, which forks one process at a time.

It is started bare, as a master is, and what runs in its children are the runners and guards of production.
The engine of the comparison, another process, talks to each child directly: it hands over the request and
gets the runner's Outcome. The lab forks, reaps and kills, and imports what scripts have imported, so that the
next child is born with it. Memory is put back as in a pool, whose image the lab makes, too.
"""

from __future__ import annotations

import ctypes
import gc
import marshal
import os
import resource
import select
import signal
import socket
import sys

from cgicompat import dependencies, guards, runners
from cgicompat.descriptors import close_private, keep, note_inherited
from cgicompat.modules import CODE, LIBRARY
from cgicompat.processes import ended, kill, kill_group
from cgicompat.request import Request, host_environ
from cgicompat.rewind.trial import working
from cgicompat.runners import here, shell
from cgicompat.runners.warm import preloadable, prepare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

    from cgicompat.config import Settings
    from cgicompat.rewind import Memory
    from cgicompat.runners.outcome import Outcome

# Messages: of the engine, of the lab, of its children. Each is a marshalled tuple that begins with one.
FORK = "fork"  # runner; and two fds: the new child's channel, its stderr
KILL = "kill"  # pid, signal; the group
FORKED = "forked"  # pid
ENDED = "ended"  # pid, exit code, CPU seconds
LEARN = "learn"  # names of modules, paths of scripts' files
GROUP = "group"  # pid, group of a program that it has spawned
# What a child says at last, where its memory is put back; in bytes, as it comes from C.
BACK = b"back"
SPENT = b"spent: "  # and why

SIZE = 256 * 1024  # bytes of a message
_MOST_CHANGES = 500


def main(settings: Settings, state: dict[str, Any], bare: frozenset[str]) -> NoReturn:
    """Be the lab of a comparison."""
    Lab(settings, state, bare).run()


class Lab:
    """Forks when the engine asks for it, and ends, with all its children, when the engine does."""

    def __init__(self, settings: Settings, state: dict[str, Any], bare: frozenset[str]):
        self._settings = settings
        self._home = os.path.dirname(state["temporary"])  # with the copies
        self._host = host_environ(dict(os.environ))
        note_inherited((state["lab"],))
        self._engine = socket.socket(fileno=keep(state["lab"], private=True))
        self._children: dict[int, set[int]] = {}  # pid: process groups that it has spawned
        inbox, notify = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._inbox = socket.socket(fileno=keep(inbox.detach(), private=True))
        self._notify = socket.socket(fileno=keep(notify.detach()))
        self._wake, wake = (keep(fd, private=True) for fd in os.pipe())
        for fd in (self._wake, wake):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        _adopt_orphans()
        here.handle_signals(os.getpid())
        shell.install()
        dependencies.obey(settings)
        dependencies.hidden()  # for all children
        LIBRARY.configure(bare, sys.path, [settings.directory])
        CODE.keep()
        guards.prepare()
        self._memory: Memory | None = None
        self._imaged = False  # is the image of what is in memory now?
        reason = ""
        if settings.put_back != "guards":
            try:
                self._memory = working(lambda name: not LIBRARY.is_standard(name))
            except OSError as error:
                reason = str(error)
        self._learn(list(settings.preload))
        about = os.stat(settings.directory)
        self._send((about.st_dev, about.st_ino, reason))

    def run(self) -> NoReturn:
        """Work until the engine has gone."""
        poll = select.poll()
        for channel in (self._engine, self._inbox, self._wake):
            poll.register(channel, select.POLLIN)
        while True:
            for fd, _ in poll.poll():
                if fd == self._wake:
                    os.read(self._wake, 4096)
                    self._reap()
                elif fd == self._inbox.fileno():
                    self._hear(self._inbox.recv(SIZE))
                else:
                    message, fds, _, _ = socket.recv_fds(self._engine, SIZE, 2)
                    if not message:
                        self._finish()
                    self._obey(marshal.loads(message), list(fds))

    def _obey(self, message: tuple[Any, ...], fds: list[int]) -> None:
        if message[0] == KILL and message[1] in self._children:
            kill_group(message[1], message[2])
        elif message[0] == FORK:
            while select.select([self._inbox], [], [], 0)[0]:  # what the last child has learned
                self._hear(self._inbox.recv(SIZE))
            memory = self._memory if message[1] == "cgihandler" else None
            if memory and not self._imaged:
                memory.image()
                self._imaged = True
            pid = os.fork()
            if pid == 0:
                self._become_subject(memory, *fds)
            for fd in fds:
                os.close(fd)
            self._children[pid] = set()
            self._send((FORKED, pid))

    def _hear(self, data: bytes) -> None:
        kind, *rest = marshal.loads(data)
        if kind == LEARN:
            self._learn(*rest)
        elif rest[0] in self._children:
            self._children[rest[0]].add(rest[1])

    def _learn(self, names: list[str], files: Sequence[str] = ()) -> None:
        for name in names:
            try:
                __import__(name)
            except BaseException:
                pass  # the script imports it itself
        for path in files:
            try:
                CODE.put(path, CODE.compile(path))
            except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
                pass  # the script compiles it itself
        gc.collect()
        gc.freeze()
        self._imaged = False

    def _become_subject(self, memory: Memory | None, channel: int, errors: int) -> NoReturn:
        try:
            os.dup2(errors, 2)
            os.close(errors)
            channel = keep(channel)
            prepare()
            close_private()
            end = socket.socket(fileno=channel)
            Subject(self._settings, self._host, end, self._notify, memory).run()
        except BaseException as error:
            sys.excepthook(type(error), error, error.__traceback__)
        finally:
            os._exit(70)

    def _reap(self) -> None:
        for found in ended():
            groups = self._children.pop(found.si_pid, None)
            if groups is not None and found.si_code != os.CLD_EXITED:
                for group in (found.si_pid, *groups):
                    kill_group(group, signal.SIGKILL)
            _, status, usage = os.wait4(found.si_pid, 0)
            if groups is not None:
                code = os.waitstatus_to_exitcode(status)
                self._send((ENDED, found.si_pid, code, usage.ru_utime + usage.ru_stime))

    def _send(self, message: tuple[Any, ...]) -> None:
        try:
            self._engine.send(marshal.dumps(message))
        except OSError:
            self._finish()

    def _finish(self) -> NoReturn:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        while children := _children():  # with those that scripts have left: see _adopt_orphans
            for pid in children:
                kill(pid, signal.SIGKILL)
            for pid in children:
                os.waitpid(pid, 0)
        from shutil import rmtree

        # The engine does it too, unless it was killed.
        rmtree(self._home, ignore_errors=True)
        os._exit(0)


class Subject:
    """A child of the lab: runs requests, one after another, as long as its runner lets it."""

    def __init__(
        self,
        settings: Settings,
        host: dict[str, str],
        channel: socket.socket,
        lab: socket.socket,
        memory: Memory | None,
    ):
        self._settings = settings
        self._host = host
        self._channel = channel
        self._lab = lab
        self._memory = memory
        self._known = set(sys.modules)

    def run(self) -> NoReturn:
        """Serve until the engine closes the channel, or the process is spent."""
        if self._memory:
            self._memory.snapshot(self._channel)  # whence it goes on after each request
        while True:
            message, fds, _, _ = socket.recv_fds(self._channel, SIZE, 2)
            if not message:
                os._exit(0)
            for fd in fds:
                os.set_inheritable(fd, False)
            name, script, environ, audit, interpreter = marshal.loads(message)
            settings = self._settings.for_script(script).but(audit=audit)
            if interpreter:
                settings = settings.but(interpreter=interpreter)
            whole = {**self._host, **settings.env, **environ}
            request = Request(settings, script, whole, gateway=True)
            outcome = self._execute(name, request, *fds)
            if self._memory:
                self._memory.back(SPENT, BACK, True)
            if outcome.spent is not None or name != "cgihandler":
                _exit(outcome.status)

    def _execute(self, name: str, request: Request, connection: int, body: int) -> Outcome:
        _forget_peak()
        before = _cpu()
        end = socket.socket(fileno=connection)
        if name == "cgi":
            from cgicompat.runners import cgi

            outcome = cgi.run(request, end, body, lambda pid: self._tell((GROUP, os.getpid(), pid)))
        else:
            by_memory = self._memory and not request.settings.audit
            outcome = runners.find("fork" if by_memory else name)(request, end, body)
        if self._memory:
            outcome.spent = None  # so guards say
            for change in outcome.changes:
                change.comes_back()
        try:
            self._report(outcome, _cpu() - before, _peak(name == "cgi"))
        except BaseException:
            # Under `fork` the world is as the script left it, with this very channel closed perhaps. The
            # exit status then says what there is to say.
            _exit(outcome.status)
        return outcome

    def _report(self, outcome: Outcome, cpu: float, peak: int) -> None:
        new = sys.modules.keys() - self._known
        self._known |= new
        names = preloadable(new)
        if names or CODE.missed:
            self._tell((LEARN, names, CODE.missed))
            CODE.missed.clear()
        changes = [(change.what, change.fate, change.where) for change in outcome.changes[:_MOST_CHANGES]]
        report = outcome.status, outcome.spent, changes, cpu, peak, self._memory is not None
        self._channel.send(marshal.dumps(report))

    def _tell(self, message: tuple[Any, ...]) -> None:
        self._lab.send(marshal.dumps(message))


_exit = os._exit
_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss


def _cpu() -> float:
    """CPU seconds of this process and of those that it has waited for."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _forget_peak() -> None:
    """Let the peak of the memory begin at what it is now (proc(5), clear_refs)."""
    try:
        with open("/proc/self/clear_refs", "wb") as file:
            file.write(b"5")
    except OSError:
        pass  # the peak is then that of all runs so far


def _peak(of_children: bool) -> int:
    """Largest resident memory of this process, or of a program that it has run, in bytes."""
    who = resource.RUSAGE_CHILDREN if of_children else resource.RUSAGE_SELF
    return resource.getrusage(who).ru_maxrss * _UNIT


def _adopt_orphans() -> None:
    """Have processes that scripts leave in the background become children of this one (prctl(2))."""
    try:
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    except AttributeError:
        pass


def _children() -> list[int]:
    """Processes whose parent is this one (proc(5), stat; its second field may hold anything)."""
    found = []
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        try:
            with open(f"/proc/{int(name)}/stat", "rb") as file:
                if int(file.read().rpartition(b")")[2].split()[1]) == os.getpid():
                    found.append(int(name))
        except (ValueError, OSError):
            pass
    return found
