"""Run a request's script in this process: wire the fds, set the environment, tell the peer when it is over.

While the script runs, two signals may interrupt it. SIGXCPU comes from the master when the time is over.
SIGIO comes from the kernel when a peer closes: the client has gone, or the master is dead.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import time

from cgicompat import pages
from cgicompat.request import take_further_byte
from cgicompat.runners.program import Program, write
from cgicompat.runners.script import is_unbuffered
from cgicompat.stdio import STREAMS, discard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import NoReturn

    from cgicompat.request import Request


_exit_at_once = os._exit
_LAST_WORDS = 3.0  # seconds between SIGTERM and the end of a script that does not heed it


class _Running:
    """The run that signals may interrupt: `program` in `process`. What the script forks has a copy of it.

    An object, since while a script runs, changes of global variables are watched.
    """

    program: Program | None = None
    process = 0
    gateway = False
    left = False  # whether its client has gone, and it has been told to end


_running = _Running()
_environ: dict[str, str] = {}  # what os.environ was set to
_parent = 0
_lifeline = -1
_orphaned: Callable[[], None] | None = None
_left: Callable[[], None] | None = None


def run(
    request: Request,
    connection: socket.socket,
    body: int,
    begin: Callable[[], None] = lambda: None,
) -> Program:
    """Run the script with `body` as fd 0 and `connection` as fd 1; both are closed.

    `begin` is called when all is ready for the script.
    """
    # From here on only fd 1 holds the connection, so that a script can end its response by closing it.
    os.dup2(body, 0)
    os.dup2(connection.fileno(), 1)
    os.close(body)
    family = connection.family
    connection.close()
    if family == socket.AF_UNIX and hasattr(os, "O_ASYNC"):
        fcntl.fcntl(1, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(1, fcntl.F_SETFL, os.O_RDWR | os.O_ASYNC)
    STREAMS.outlive_reader = request.outlives_client
    set_environ(request.environ)
    os.chdir(request.directory)
    begin()
    program = Program(
        request.script,
        request.arguments,
        answer=not request.gateway,
        debug=request.settings.debug,
        unbuffered=is_unbuffered(request.script),
    )
    _running.program, _running.process, _running.gateway = program, os.getpid(), request.gateway
    _running.left = False
    try:
        program.run()
    finally:
        _running.program = None
    program.respond()
    _end_response(family, request.gateway)
    return program


def set_environ(wanted: dict[str, str]) -> None:
    """Make os.environ equal to `wanted`, touching only what differs.

    What a run has changed there, its guard has undone by emptying it all.
    """
    global _environ
    environ = os.environ
    current = _environ if len(_environ) == len(environ) else dict(environ)
    for name in current.keys() - wanted.keys():
        del environ[name]
    for name, value in wanted.items():
        if current.get(name) != value:
            environ[name] = value
    _environ = wanted


def _end_response(family: int, gateway: bool) -> None:
    """End the response even where a child of the script still holds fd 1."""
    try:
        # With its family and type, since to ask for these takes longer.
        end = socket.socket(family, socket.SOCK_STREAM, 0, 1)
        fcntl.fcntl(1, fcntl.F_SETOWN, 0)  # no SIGIO for what we do ourselves
    except OSError:
        return  # the script closed it
    try:
        if gateway:
            take_further_byte(end)
        end.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the client is gone, or the script put a file there
    finally:
        end.detach()


def _exit(status: int) -> NoReturn:
    """Exit to the system with specified status, without normal exit processing."""
    # Who goes so has not been killed, as the gateway would think.
    if _program_here() and _running.gateway:
        try:
            with socket.socket(fileno=os.dup(1)) as end:
                take_further_byte(end)
        except OSError:
            pass  # the script has closed it, or put something else there
    _exit_at_once(status)


def handle_signals(parent: int) -> None:
    """Install the handlers, and an os._exit that says that it was called, in the master: its children inherit
    them. `parent` is the master's pid."""
    global _parent
    _parent = parent
    os._exit = _exit
    signal.signal(signal.SIGXCPU, _time_is_over)
    signal.signal(signal.SIGIO, _somebody_is_gone)


def on_orphaned(lifeline: int, action: Callable[[], None]) -> None:
    """What this process does when its parent, which holds the other end of `lifeline`, is dead."""
    global _lifeline, _orphaned
    _lifeline, _orphaned = lifeline, action


def on_client_gone(action: Callable[[], None]) -> None:
    """What else this process does before it ends a script whose client has gone."""
    global _left
    _left = action


def _is_orphan() -> bool:
    if os.getppid() == _parent and _lifeline >= 0 and _hung_up(_lifeline):
        time.sleep(0.05)  # a process that dies closes its files before it leaves its children
    return os.getppid() != _parent


def _hung_up(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, 0)
    return any(event & select.POLLHUP for _, event in poll.poll(0))


def _program_here() -> Program | None:
    return _running.program if _running.process == os.getpid() else None


def _time_is_over(_signal: int, _frame: FrameType | None) -> None:
    program = _program_here()
    if os.getpid() == _parent:
        return
    if program and program.answer and not STREAMS.output.sent:
        write(pages.error(504, "The script took too long."))
    os.killpg(0, signal.SIGTERM)


def _somebody_is_gone(_signal: int, _frame: FrameType | None) -> None:
    if os.getpid() == _parent:
        return
    if _is_orphan():
        if _orphaned:
            _orphaned()
        os.killpg(0, signal.SIGTERM)
    elif _program_here() and _hung_up(1):
        if STREAMS.outlive_reader:
            discard()
            return
        if _running.left:
            return
        _running.left = True
        if _left:
            _left()
        # First, since a script may not heed what follows. SIGALRM ends this process then.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
        signal.setitimer(signal.ITIMER_REAL, _LAST_WORDS)
        os.killpg(0, signal.SIGTERM)
