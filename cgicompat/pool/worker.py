"""A worker: waits for a connection, reads the request, hands it to the runner of its script.

It is forked ahead and ends after one request (fork), after `max_requests`, when its runner says that the
process is spent, or when the lifeline is cut: the master holds the other end of that pipe, and closes it to
retire a generation of workers or by dying.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import sys
import termios
import time
from itertools import chain

from cgicompat import runners
from cgicompat.descriptors import KEPT, LOWEST, keep, release
from cgicompat.errorlog import log
from cgicompat.modules import CODE, INDIRECT, RARE
from cgicompat.pool.board import IDLE, Board
from cgicompat.pool.crowding import crowded, waits
from cgicompat.pool.intake import Intake, Refused
from cgicompat.pool.messages import (
    COMPILED,
    DONE,
    FINE,
    JOB,
    LEARNED,
    LOADED,
    LOOK,
    NOTE,
    QUIT,
    SPENT,
    UNABLE,
    dump_end,
    join,
    texts,
)
from cgicompat.pool.tidy import Traces
from cgicompat.processes import kill_group
from cgicompat.request import Request, take_further_byte
from cgicompat.runners import here
from cgicompat.runners.header import fault
from cgicompat.runners.outcome import CLIENT_GONE
from cgicompat.runners.script import missing, runs_here
from cgicompat.runners.warm import files, preloadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from cgicompat.config import Settings
    from cgicompat.pool.putback import PutBack
    from cgicompat.pool.record import Recorder
    from cgicompat.stdio import Output

# The master acts at a time limit; where the runner itself watches the clock, the master comes after it.
_LATER = 2.0
# Seconds that the reading of a request may take.
_READING = 120.0
_YIELD = 0.0005
_LONGEST_PAUSE = 0.016
_OUTAGE = 1.0  # until the system may have what it has not now
_TELLING = RARE | INDIRECT  # who names none of these has changed but what is always looked at
_SAMPLE = 8  # of so many requests, we look at one whether it waits


class Context:
    """What all workers of a pool share."""

    def __init__(
        self,
        settings: Settings,
        intake: Intake,
        board: Board,
        listener: socket.socket,
        handoff: socket.socket,
        notify: socket.socket,
        lifeline: int,
        traces: Traces,
        recorder: Recorder | None,
        soft_limit: int,
        put_back: PutBack,
    ):
        self.master = os.getpid()
        self.settings = settings
        self.intake = intake
        self.board = board
        self.listener = listener
        self.handoff = handoff
        self.notify = notify
        self.lifeline = lifeline
        self.refused: set[str] = set()  # modules that the master will not preload
        self.read: dict[str, str | None] = {}  # variables that preloaded libraries have read, and found
        self.traces = traces
        self.recorder = recorder
        self.soft_limit = soft_limit  # of open files
        self.put_back = put_back
        self.note_modules()

    def note_modules(self) -> None:
        """The `modules` that are loaded now are in all processes forked from now on, which share the set."""
        self.modules = frozenset(sys.modules)


class Job:
    """A request that has been read already, on its way to another process. The master in between does not
    read `data`."""

    def __init__(self, data: bytes, connection: int, body: int):
        self._data = data
        self.connection = connection
        self.body = body

    @staticmethod
    def dump(request: Request) -> bytes:
        return join([request.script, "1" * request.gateway, *chain.from_iterable(request.environ.items())])

    def request(self, settings: Settings) -> Request:
        """Raises ValueError where no worker of ours has made it."""
        script, gateway, *fields = texts(self._data)
        environ = dict(zip(fields[::2], fields[1::2], strict=True))
        return Request(settings.for_script(script), script, environ, gateway == "1")


class Worker:
    """One worker process, in `slot` of the board; stderr is fd 2."""

    def __init__(self, context: Context, slot: int):
        self._context = context
        self._slot = slot
        self._served = 0
        self._used = False  # a script has run here
        self._known = context.modules
        self._born = self._loaded = _modules()

    def run(self, job: Job | None = None) -> NoReturn:
        """Serve until there is a reason to end; `job` comes first."""
        here.on_client_gone(lambda: self._context.board.set_left(self._slot, True))
        try:
            if job:
                self._do(job)
                os._exit(0)
            here.on_orphaned(self._context.lifeline, self.orphaned)
            self._wake_at_death_of_master()
            wait = self._waiter()
            self._snapshot()
            while connection := self._next(wait):
                self._context.board.busy(
                    self._slot, time.monotonic(), time.monotonic() + _READING, "reading a request"
                )
                if not (self._context.board.any_idle() or self._context.board.attentive):
                    self._tell(LOOK)
                if not self.serve(connection):
                    break
        except KeyboardInterrupt:
            pass
        if os.getppid() != self._context.master:
            self._context.traces.remove()
        os._exit(0)

    def _snapshot(self) -> None:
        """Where memory is put back, that is to here: what follows may happen many times."""
        put_back = self._context.put_back
        if put_back.memory:
            try:
                self._served = put_back.memory.snapshot(self._context.notify)
                self._used = self._served > 0
            except OSError as error:
                self._tell(UNABLE + str(error).encode("utf-8", "replace"))
                os._exit(0)

    def _do(self, job: Job) -> None:
        try:
            request = job.request(self._context.settings)
            connection = socket.socket(fileno=job.connection)
        except (ValueError, OSError) as error:
            log(f"what was passed on is no request: {error}")
            return
        self.execute("fork", request, connection, job.body)

    def orphaned(self) -> None:
        """The master is dead: see to what it would have seen to."""
        _, group, *_ = self._context.board.read(self._slot)
        if group:
            kill_group(group, signal.SIGTERM)
        self._context.traces.remove()

    def _wake_at_death_of_master(self) -> None:
        """Have SIGIO sent when the master dies, so that not even a running script stays behind."""
        try:
            lifeline = os.open(f"/proc/self/fd/{self._context.lifeline}", os.O_RDONLY | os.O_NONBLOCK)
            fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
            fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC)
            keep(lifeline)
        except (OSError, AttributeError):
            pass  # no /proc: an idle worker sees the lifeline, a busy one after its request

    def _waiter(self) -> select.epoll | select.poll:
        context = self._context
        if hasattr(select, "epoll"):
            epoll = select.epoll()
            moved = fcntl.fcntl(epoll.fileno(), fcntl.F_DUPFD_CLOEXEC, LOWEST)
            epoll.close()
            KEPT.add(moved)
            epoll = select.epoll.fromfd(moved)
            # Exclusive: one connection wakes one worker.
            for listening in (context.listener, context.handoff):
                epoll.register(listening, select.EPOLLIN | select.EPOLLEXCLUSIVE)
            epoll.register(context.lifeline, select.EPOLLIN)
            return epoll
        poll = select.poll()
        for channel in (context.listener, context.handoff, context.lifeline):
            poll.register(channel, select.POLLIN)
        return poll

    def _next(self, waiter: select.epoll | select.poll) -> socket.socket | None:
        """The next connection, or None when this worker shall end."""
        context = self._context
        context.board.set_state(self._slot, IDLE)
        if context.board.hungry:
            self._tell(LOOK)
        pause = _YIELD
        while True:
            ready = [fd for fd, _ in waiter.poll()]
            retired = context.lifeline in ready
            for fd in ready:
                try:
                    if fd == context.listener.fileno():
                        if retired:
                            continue
                        if context.board.hungry:  # those in the master's queue came before
                            time.sleep(_YIELD)
                            continue
                        if self._used and crowded(context.board):  # one like us is soon free for it
                            time.sleep(pause)
                            pause = min(2 * pause, _LONGEST_PAUSE)
                            continue
                        connection, _ = context.listener.accept()
                    else:  # a connection may be under way to us even when the lifeline is cut
                        message, fds, _, _ = socket.recv_fds(context.handoff, 16, 1)
                        if message == QUIT:
                            return None
                        if not fds:
                            continue  # this process may have no more open: the peer sees the connection end
                        os.set_inheritable(fds[0], False)
                        if context.board.hungry:
                            self._tell(LOOK)
                        connection = socket.socket(fileno=fds[0])
                except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                    if fd == context.lifeline:
                        return None
                    continue
                except OSError as error:
                    log(f"cannot accept a request: {error.strerror}; next try in {_OUTAGE:g} s")
                    time.sleep(_OUTAGE)
                    continue
                connection.setblocking(True)
                return connection

    def serve(self, connection: socket.socket) -> bool:
        """Serve one connection; whether this process can serve another."""
        try:
            got = self._context.intake.read(connection)
        except Refused as refused:
            with connection:
                if refused.log:
                    log(refused.log)
                _answer(connection, refused.answer)
            return True
        except OSError as error:
            with connection:
                log(f"cannot read a request: {error}")
                _answer(connection, Refused(503, "The server is short of something; try again.").answer)
            return True
        if got is None:
            connection.close()
            return True
        request, body = got
        try:
            name = self._runner(request) if runs_here(request) else "cgi"
        except OSError as error:
            os.close(body)
            with connection:
                log(f"{request.label}: cannot read the script: {error.strerror}")
                _answer(connection, Refused(403, "The script is not readable.").answer)
            return True
        differing = self._differing(request) if self._context.read and name != "cgi" else ""
        if differing:
            self._tell(NOTE + f"{request.script} runs under cgi: {differing}".encode("utf-8", "replace"))
            name = "cgi"
        if name == "fork" and self._used:
            if self._pass_on(request, connection, body):
                connection.close()
                os.close(body)
                return True
            name = "cgi"
        return self.execute(name, request, connection, body)

    def _runner(self, request: Request) -> str:
        name = request.settings.runner
        if name == "auto":
            put_back = self._context.put_back
            return "cgihandler" if put_back.memory and request.script not in put_back.under_fork else "fork"
        return name

    def _differing(self, request: Request) -> str:
        """Why preloaded libraries are not what the script's own imports would make of them, or nothing."""
        environ = request.environ
        for name, value in self._context.read.items():
            if environ.get(name) != value:
                return f"preloaded libraries have read {name}, which is another in its environment"
        return ""

    def execute(self, name: str, request: Request, connection: socket.socket, body: int) -> bool:
        """Run the request's script with the runner `name`; whether this process can serve another."""
        context, settings = self._context, request.settings
        now = time.monotonic()
        deadline = now + settings.timeout + (_LATER if name == "cgi" else 0)
        context.board.busy(self._slot, now, deadline, request.label)
        recorder, key = context.recorder, (0, 0)
        if recorder:
            key = os.getpid(), context.board.read(self._slot)[4]
            connection, body = recorder.begin(key, name, request, connection, body)
        self._used = self._used or name != "cgi"
        memory = context.put_back.memory if name == "cgihandler" else None
        sampled = self._served % _SAMPLE == 0
        waited = waits() if sampled else 0
        if name == "fork" and os.getpid() != context.master:  # a rehearsal is there
            # The last request: even what the script forks past Python must not take those of others.
            for channel in (context.listener, context.handoff):
                release(channel.detach())
        by_guards = name == "cgihandler" and (not memory or settings.audit)
        if name == "cgi":
            from cgicompat.runners import cgi

            outcome = cgi.run(request, connection, body, lambda pid: context.board.set_group(self._slot, pid))
            context.board.set_group(self._slot, 0)
        else:
            outcome = runners.find(name if by_guards else "fork")(request, connection, body)
            if outcome.output and not (request.gateway or outcome.status):
                self._look_at_header(request, outcome.output)
        if sampled:
            context.board.note(computed=waits() == waited)
        if context.board.has_left(self._slot):
            log(CLIENT_GONE)
        elif outcome.status and not outcome.told:
            log(f"exit status {outcome.status}")
        for change in outcome.changes:
            if memory:
                change.comes_back()
            log(f"audit: {change}")
        if name == "cgi" or request.script in CODE.missed:
            self._note_missing(request)
        self._report_code(guarded=by_guards and not self._served)
        self._wait_for_log()
        if recorder:
            seconds = time.monotonic() - now
            self._tell(DONE + dump_end(key, outcome.status, seconds), insist=True)
        self._served += 1
        if memory and not 0 < settings.max_requests <= self._served:
            script = request.script.encode("utf-8", "surrogateescape")
            fine = FINE + script if request.script in context.put_back.suspects else b""
            context.board.set_answered(self._slot, True)
            memory.back(SPENT + script + b": ", fine, CODE.uses(_TELLING) or _modules() != self._born)
        if outcome.spent:
            reason = outcome.spent.replace(f" at {request.script}:", " in line ")
            self._tell(SPENT + f"{request.script}: {reason}".encode("utf-8", "replace"))
        return outcome.spent is None and not 0 < settings.max_requests <= self._served

    def _look_at_header(self, request: Request, output: Output) -> None:
        """Tell what a web server does not say of what the script printed, where that shows a fault.

        A program that the script has started may have printed before, unseen by us.
        """
        if wrong := fault(request.script, output.begun, output.sent == len(output.begun)):
            text = f"{request.script}: its output is no CGI response: {wrong}"
            self._tell(NOTE + text.encode("utf-8", "replace"))

    def _note_missing(self, request: Request) -> None:
        """The Python that the script's `#!` line names is not there."""
        try:
            why = missing(request)
        except OSError:
            return  # the script has gone
        if why:
            self._tell(NOTE + f"{request.script}: {why}".encode("utf-8", "replace"))

    def _pass_on(self, request: Request, connection: socket.socket, body: int) -> bool:
        """Have the master fork a process for a request that wants one in which no script has run."""
        try:
            socket.send_fds(self._context.notify, [JOB + Job.dump(request)], [connection.fileno(), body])
        except OSError:
            return False
        return True

    def _report_code(self, guarded: bool) -> None:
        """Tell the master what scripts are and import, for it to have that ready in the next children. Where
        this process was `guarded` just now, guards may have taken modules away."""
        memory = self._context.put_back.memory
        if memory and not memory.is_news((*_modules(), *CODE.missed)):
            return
        if CODE.missed:
            self._report(COMPILED, CODE.missed)
            CODE.missed.clear()
        if _modules() == self._loaded and not guarded:
            return
        self._loaded = _modules()
        new = sys.modules.keys() - self._known
        self._known = self._known | new
        names = preloadable(new - self._context.refused)
        self._report(LEARNED, names)
        self._report(LOADED, files(new.difference(names)))

    def _report(self, kind: bytes, items: list[str]) -> None:
        for start in range(0, len(items), 50):
            self._tell(kind + join(items[start : start + 50]))

    def _wait_for_log(self) -> None:
        """Until the master has read what the script wrote to stderr: it would take it for the next one's."""
        for _ in range(2000):
            if fcntl.ioctl(2, termios.FIONREAD, b"\0\0\0\0") == b"\0\0\0\0":
                return
            time.sleep(0.001)

    def _tell(self, message: bytes, insist: bool = False) -> None:
        if insist:
            poll = select.poll()
            poll.register(self._context.notify, select.POLLOUT)
            poll.poll(1000)
        try:
            self._context.notify.send(message)
        except OSError:
            pass  # the master has enough to read, or is gone


def _modules() -> tuple[int, str]:
    """What is another after an import, also where a module has gone: how many there are, and the newest."""
    return len(sys.modules), next(reversed(sys.modules))


def _answer(connection: socket.socket, data: bytes) -> None:
    connection.settimeout(1)
    try:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    take_further_byte(connection)  # or see the peer close
