"""Recording, as the master and its workers see it: messages to the recorder, a process of the pool.

A worker gives the script one end of a socketpair in place of the connection, and the recorder the connection
and the other end; what it does with them is in `relay`. From the master the recorder hears what the script
wrote to stderr and how it ended.
"""

from __future__ import annotations

import marshal
import os
import socket
import stat
import struct
import sys
import time

from cgicompat.descriptors import keep, release
from cgicompat.pool.intake import fd_with, unnamed_file
from cgicompat.pool.messages import BEGIN, END, ERRORS
from cgicompat.request import host_environ

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cgicompat.config import Settings
    from cgicompat.pool.messages import Key
    from cgicompat.request import Request

_CHUNK = 64 * 1024
_PATIENCE = struct.pack("@ll", 1, 0)  # seconds for which a message may wait to be taken
_LAST = 2.0  # seconds in which the recorder ends when the pool does


class Recorder:
    """The recorder of a pool, in the master and in its workers."""

    def __init__(self, settings: Settings, temporary: str):
        self._settings = settings
        self._temporary = temporary
        self.pid = 0
        inbox, outbox = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._inbox = socket.socket(fileno=keep(inbox.detach(), private=True))
        self._outbox = socket.socket(fileno=keep(outbox.detach()))
        self._outbox.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _PATIENCE)
        # Who may still send something holds the writing end: all of this pool's processes.
        reader, writer = os.pipe()
        self._lifeline, self._ours = keep(reader, private=True), keep(writer)

    def start(self) -> bool:
        """Fork the process `pid`, or say that it cannot be."""
        try:
            self.pid = os.fork()
        except OSError:
            return False
        if self.pid == 0:
            try:
                from cgicompat.pool.relay import Relay  # the master and its workers need nothing of it

                Relay(self._settings, self._inbox, self._lifeline).run()
            except BaseException as error:
                sys.excepthook(type(error), error, error.__traceback__)
            finally:
                os._exit(70)
        return True

    def ended(self, _: os.waitid_result) -> None:
        """The process has."""
        self.pid = 0

    def begin(
        self, key: Key, name: str, request: Request, connection: socket.socket, body: int
    ) -> tuple[socket.socket, int]:
        """Connection and body for the runner `name`, in place of those given; the same where the recorder
        cannot be reached."""
        environ, own = request.environ, request.settings.env
        host = host_environ(environ)
        facts = {
            "script": request.script,
            "environ": {n: v for n, v in environ.items() if n not in host and own.get(n) != v},
            "runner": name,
            "time": time.time(),
            "gateway": request.gateway,
            "sent": b"",
        }
        ours, theirs = socket.socketpair()
        fds = [connection.fileno(), ours.fileno()]
        try:
            if stat.S_ISFIFO(os.fstat(body).st_mode):  # all of it is there, and fits
                facts["sent"] = _copy(body, self._temporary)
            elif request.length:
                fds.append(body)
            if request.gateway:
                ours.send(b"\n")  # as the gateway does: see take_further_byte
            with open(unnamed_file(self._temporary), "r+b") as note:  # too long for a message, perhaps
                marshal.dump(facts, note)
                note.seek(0)
                message = BEGIN + marshal.dumps((key,))
                socket.send_fds(self._outbox, [message], [note.fileno(), *fds])
        except OSError:
            theirs.close()
            return connection, body
        finally:
            ours.close()
        connection.close()
        return theirs, body

    def errors(self, key: Key, data: bytes) -> None:
        """What the script wrote to stderr."""
        self._send(ERRORS + marshal.dumps((key, data)))

    def end(self, key: Key, status: int, seconds: float | None = None) -> None:
        """The script has ended, with this exit status (128 + N where signal N ended it)."""
        self._send(END + marshal.dumps((key, status, seconds)))

    def _send(self, message: bytes) -> None:
        try:
            self._outbox.send(message)
        except OSError:
            pass  # it is dead, or does not read: this recording is lost

    def close(self) -> None:
        """Let the recorder write what it has, for a short while."""
        release(self._ours)
        until = time.monotonic() + _LAST
        try:
            while self.pid and os.waitpid(self.pid, os.WNOHANG) == (0, 0) and time.monotonic() < until:
                time.sleep(0.01)
        except ChildProcessError:
            pass


def _copy(pipe: int, temporary: str) -> bytes:
    """What is in a pipe that nobody writes to any more; a reader finds it there again."""
    data = b""
    while piece := os.read(pipe, _CHUNK):
        data += piece
    reader = fd_with(data, temporary)
    os.dup2(reader, pipe, inheritable=False)
    os.close(reader)
    return data
