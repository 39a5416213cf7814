"""Run a request's script as a process of its own, as mod_cgi does: the reference, and for any language.

The script's output goes through a pipe, so that this process knows exactly whether a response has begun
when the script fails, takes too long or is killed.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time

from cgicompat import pages
from cgicompat.dependencies import known
from cgicompat.errorlog import log
from cgicompat.request import take_further_byte
from cgicompat.runners.header import fault
from cgicompat.runners.outcome import CLIENT_GONE, Outcome
from cgicompat.runners.script import MAIN, command, kind
from cgicompat.stdio import BEGINNING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cgicompat.request import Request

_CHUNK = 64 * 1024
# Seconds from SIGTERM to SIGKILL: at a time limit, which is kept to the second, and for a client that left
# (Apache waits as long: apr_pool_note_subprocess, APR_KILL_AFTER_TIMEOUT).
_PATIENCE = 0.5
_PATIENCE_CLIENT_GONE = 3.0


def run(
    request: Request,
    connection: socket.socket,
    body: int,
    started: Callable[[int], None] = lambda pid: None,
) -> Outcome:
    """Run the script in a process group of its own; `started` is told its pid. Closes both fds."""
    with connection:
        try:
            process = _Process(request, body)
        except OSError as error:
            log(f"cannot run: {error.strerror or error}{_advice(error, request.script)}")
            if not request.gateway or isinstance(error, PermissionError):
                _send(connection, pages.error(403 if isinstance(error, PermissionError) else 500))
            if request.gateway:
                take_further_byte(connection)
            return Outcome(126, told=True)
        finally:
            os.close(body)
        started(process.pid)
        relay = _Relay(process, connection, request.settings.timeout, request.outlives_client)
        relay.run()
        status = process.wait()
        os.set_blocking(2, True)  # the error log is shared with the script, which may have changed its mode
        if relay.timed_out:
            log(f"time limit of {request.settings.timeout:g} s is over")
        elif relay.ended:
            log(CLIENT_GONE)
        failed = relay.timed_out or (process.killed and not relay.sent)
        if request.gateway:
            if not failed:
                take_further_byte(connection)  # left unread, it shows the gateway that this is no normal end
        elif not relay.client_gone:
            if relay.sent or not (relay.timed_out or status):
                whole = relay.sent == len(relay.begun)
                if wrong := fault(request.script, relay.begun, whole):
                    log(f"its output is no CGI response: {wrong}")
            if not relay.sent:
                _send(connection, _page_for_nothing(relay.timed_out, process.killed))
        return Outcome(status, told=relay.ended)


class _Process:
    """A running script and the pipe with its output."""

    def __init__(self, request: Request, body: int):
        program = command(request)
        environ = dict(request.environ)
        if MAIN in program:
            if request.settings.debug:
                environ["CGICOMPAT_DEBUG"] = "1"
            if (hidden := known()) is not None:
                environ["CGICOMPAT_HIDDEN"] = os.pathsep.join(hidden)
        self.output, write_end = os.pipe()
        here = os.getcwd()
        try:
            os.chdir(request.directory)  # posix_spawn has no working directory; nothing else runs here
            self.pid = os.posix_spawn(
                program[0],
                program,
                environ,
                file_actions=[(os.POSIX_SPAWN_DUP2, body, 0), (os.POSIX_SPAWN_DUP2, write_end, 1)],
                setpgroup=0,
                setsigmask=[],
                setsigdef=[signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT],
            )
        except OSError:
            os.close(self.output)
            raise
        finally:
            os.chdir(here)
            os.close(write_end)
        self._status: int | None = None
        self.killed = False

    def wait(self) -> int:
        if self._status is None:
            _, status = os.waitpid(self.pid, 0)
            code = os.waitstatus_to_exitcode(status)
            self.killed = code < 0
            self._status = code if code >= 0 else 128 - code
        return self._status

    def kill(self, number: int) -> None:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            pass


class _Relay:
    """Carries output to the connection until the script has exited, and ends it when it may not go on: when
    the time is over, or the client has gone which it may not `outlive`."""

    def __init__(self, process: _Process, connection: socket.socket, timeout: float, outlive: bool):
        self.sent = 0
        self.begun = b""  # the first of it
        self.timed_out = self.client_gone = False
        self._process = process
        self._connection = connection
        self._outlive = outlive
        self._deadline = time.monotonic() + timeout
        self._ended = False
        self._kill_at: float | None = None
        self._output = process.output

    @property
    def ended(self) -> bool:
        """Whether it was."""
        return self._kill_at is not None

    def run(self) -> None:
        exited = os.pidfd_open(self._process.pid) if sys.platform == "linux" else -1
        poll = self._poll = select.poll()
        poll.register(self._output, select.POLLIN)
        poll.register(self._connection, 0)
        if exited >= 0:
            poll.register(exited, select.POLLIN)
        done = False
        while not done:
            for fd, _ in poll.poll(self._milliseconds(exited)):
                if fd == self._output:
                    if not self._forward():
                        poll.unregister(fd)
                        if not done and self._kill_at is None:
                            self._shut()
                elif fd == exited:
                    done = True
                elif not self._ended:  # else it left in the moment in which we ended the response
                    poll.unregister(fd)
                    self._leave()
            done = done or (exited < 0 and self._has_exited())
            now = time.monotonic()
            if self._kill_at is not None:
                if now >= self._kill_at:
                    self._process.kill(signal.SIGKILL)
            elif now >= self._deadline:
                self.timed_out = True
                self._terminate(_PATIENCE)
        if exited >= 0:
            os.close(exited)
        if self._kill_at is not None:
            self._process.kill(signal.SIGKILL)  # what is left of the group
        os.set_blocking(self._output, False)
        while self._forward():
            pass
        os.close(self._output)

    def _milliseconds(self, exited: int) -> float:
        until = self._deadline if self._kill_at is None else self._kill_at
        wait = max(0.0, until - time.monotonic())
        return min(wait if exited >= 0 else 0.02, 3600) * 1000 + 1

    def _has_exited(self) -> bool:
        return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _leave(self) -> None:
        self.client_gone = True
        if not self._outlive:
            self._terminate(_PATIENCE_CLIENT_GONE)

    def _terminate(self, patience: float) -> None:
        if self._kill_at is None:
            self._process.kill(signal.SIGTERM)
            self._kill_at = time.monotonic() + patience

    def _forward(self) -> bool:
        """Pass on one chunk; False at the end of the output, or where there is none yet."""
        try:
            data = os.read(self._output, _CHUNK)
        except BlockingIOError:
            return False
        if data and not self.client_gone:
            self.begun = self.begun if self.sent else data[:BEGINNING]
            self.sent += len(data)
            if not _send(self._connection, data):
                self._leave()
        return bool(data)

    def _shut(self) -> None:
        """The script closed its stdout: the response is over, and the script may work on without a client."""
        if self.sent and not self.client_gone:
            self._ended = True
            self._poll.unregister(self._connection)
            try:
                self._connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass


def _page_for_nothing(timed_out: bool, killed: bool) -> bytes:
    if timed_out:
        return pages.error(504, "The script took too long.")
    if killed:
        return pages.error(500, "The script was killed.")
    return pages.error(500, "The script printed nothing; its error log may say why.")


def _send(connection: socket.socket, data: bytes) -> bool:
    try:
        connection.sendall(data)
    except OSError:
        return False
    return True


def _advice(error: OSError, script: str) -> str:
    if isinstance(error, FileNotFoundError):
        if os.path.exists(script) and kind(script).ends_with_cr:
            return rf"; its #! line ends with CR LF, as on Windows: sed -i 's/\r$//' {script}"
        return "; the interpreter of its #! line may be missing"
    if error.errno == 8:  # ENOEXEC
        return "; it has no #! line"
    return ""
