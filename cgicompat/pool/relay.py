"""The recorder: a process that stands between scripts and connections and writes down what passes.

It carries a script's output on, byte by byte as it comes and no faster than the client takes it, and ends the
connection in the way in which the script's side was ended, so that nobody sees a difference. A thread writes
the files, so that neither disk nor hash holds up a response.
"""

from __future__ import annotations

import errno
import hashlib
import marshal
import os
import queue
import resource
import select
import signal
import socket
import sys
import threading
import time

from cgicompat.descriptors import close_others
from cgicompat.pool.log import Log
from cgicompat.pool.messages import BEGIN, ERRORS, FACTS
from cgicompat.recordings.recording import KEPT, Blob, Recording, make_directory, prune

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from cgicompat.config import Settings
    from cgicompat.pool.messages import Key

_CHUNK = 64 * 1024
_KEPT_ERRORS = 64 * 1024  # bytes of stderr
_PRUNE_EVERY = 16  # recordings
_WAITING = 256  # recordings, to be written
_SWITCH = 0.0005  # seconds for which the writer may keep the relay waiting


def _prepare(used: set[int]) -> None:
    """Make a process that the master has forked the recorder's: own group, own signals, no others' files."""
    os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGXCPU, signal.SIGIO):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1):
        os.dup2(null, fd)
    os.close(null)
    close_others(used)


class _Kept:
    """The first `limit` bytes of a stream, its size, and a hash of the rest."""

    def __init__(self, limit: int):
        self._limit = limit
        self._data = bytearray()
        self._size = 0
        self._rest = hashlib.sha256()

    def add(self, data: bytes) -> None:
        first = data[: self._limit - len(self._data)]
        self._data += first
        self._rest.update(data[len(first) :])
        self._size += len(data)

    def blob(self) -> Blob:
        rest = self._rest.hexdigest() if self._size > len(self._data) else ""
        return Blob(bytes(self._data), self._size, rest)


def _read(file: int) -> Blob:
    """A body in a file."""
    kept, offset = _Kept(KEPT), 0
    while piece := os.pread(file, 1 << 20, offset):
        kept.add(piece)
        offset += len(piece)
    return kept.blob()


class _Exchange:
    """One request under way: `client` is the connection, `script` our end of what the script has for it,
    `body` a file with a body too long for a pipe."""

    def __init__(self, key: Key, facts: dict[str, Any], client: int, script: int, body: int | None):
        self.key = key
        self.facts = facts
        self.gateway: bool = facts.pop("gateway")
        self.sent: bytes = facts.pop("sent")
        self.client = socket.socket(fileno=client)
        self.script = socket.socket(fileno=script)
        self.client.setblocking(False)
        self.script.setblocking(False)
        self.body = body
        self.begun = time.monotonic()
        self.pending = memoryview(b"")
        self.output = _Kept(KEPT)
        self.errors = _Kept(_KEPT_ERRORS)
        self.over = False  # whether the response is
        self.reset = False  # whether the script's side ended as it does when its process dies
        self.waiting = False  # for the gateway's byte
        self.client_gone = False
        self.status: int | None = None
        self.seconds = 0.0

    def close(self) -> None:
        self.client.close()
        self.script.close()


class Relay:
    """The recorder's own process."""

    def __init__(self, settings: Settings, inbox: socket.socket, lifeline: int):
        _prepare({inbox.fileno(), lifeline})
        sys.setswitchinterval(_SWITCH)
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self._inbox = inbox
        self._lifeline = lifeline
        self._exchanges: dict[Key, _Exchange] = {}
        self._by_fd: dict[int, _Exchange] = {}
        self._writer = _Writer(settings)
        self._poll = select.poll()
        inbox.setblocking(False)
        self._poll.register(inbox, select.POLLIN)
        self._poll.register(lifeline, 0)

    def run(self) -> NoReturn:
        """Serve until all others of the pool are gone and all that is under way is written."""
        self._writer.start()
        alone = False
        while not alone or self._by_fd:
            for fd, event in self._poll.poll():
                if fd == self._lifeline:
                    alone = True
                    self._poll.unregister(fd)
                elif fd in self._by_fd:
                    self._on_event(self._by_fd[fd], fd, event)
            self._take_messages()  # last: new requests may get fds that events were about
        for exchange in list(self._exchanges.values()):
            self._finish(exchange)
        self._writer.end()
        os._exit(0)

    def _take_messages(self) -> None:
        while True:
            try:
                message, fds, _, _ = socket.recv_fds(self._inbox, 256 * 1024, 4)
            except BlockingIOError:
                return
            try:
                self._take(message, fds)
            except (ValueError, TypeError, EOFError, KeyError):
                pass  # no worker has sent this, but a script in it

    def _take(self, message: bytes, fds: list[int]) -> None:
        if message[:1] != BEGIN or len(fds) < 3:  # this process may have too many files open to take them all
            for fd in fds:
                os.close(fd)
        key, *rest = marshal.loads(message[1:])
        if message[:1] == BEGIN:
            if len(fds) >= 3:
                self._begin(key, fds)
        elif exchange := self._exchanges.get(key):
            if message[:1] == ERRORS:
                exchange.errors.add(*rest)
            elif exchange.status is None:  # the runner's own word comes before that of its process
                exchange.status, seconds = rest
                exchange.seconds = seconds or time.monotonic() - exchange.begun
                self._settle(exchange)

    # Relaying

    def _begin(self, key: Key, fds: list[int]) -> None:
        note, client, script, *files = fds
        body = files[0] if files else None
        try:
            with open(note, "rb") as file:
                facts = marshal.load(file)
            if facts.keys() != FACTS:
                raise ValueError("these are not the facts of a request")
        except (ValueError, TypeError, EOFError, AttributeError):
            for fd in fds[1:]:
                os.close(fd)
            return
        if key in self._exchanges:  # the same pid again, whose last end nobody has told
            self._finish(self._exchanges[key])
        exchange = self._exchanges[key] = _Exchange(key, facts, client, script, body)
        self._watch(exchange, exchange.script, select.POLLIN)
        self._watch(exchange, exchange.client, 0)

    def _watch(self, exchange: _Exchange, end: socket.socket, events: int | None) -> None:
        fd = end.fileno()
        if events is not None:
            self._by_fd[fd] = exchange
            self._poll.register(fd, events)
        elif self._by_fd.pop(fd, None):
            self._poll.unregister(fd)

    def _on_event(self, exchange: _Exchange, fd: int, event: int) -> None:
        try:
            if fd == exchange.script.fileno():
                self._on_script(exchange, event)
            elif exchange.waiting:
                self._on_byte(exchange)
            elif event & select.POLLOUT and not event & (select.POLLHUP | select.POLLERR):
                self._pass_on(exchange)
            else:
                self._leave(exchange)
        except OSError:
            self._leave(exchange)

    def _on_script(self, exchange: _Exchange, event: int) -> None:
        if exchange.over:  # it has let go of a connection that it had ended
            exchange.reset = (
                exchange.script.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET
            )
            self._end_connection(exchange)
            return
        try:
            data = exchange.script.recv(_CHUNK)
        except BlockingIOError:
            return
        except ConnectionResetError:
            exchange.reset = True
            self._end_connection(exchange)
            return
        if data:
            exchange.output.add(data)
            exchange.pending = memoryview(data)
            self._pass_on(exchange)
        else:  # ended, though perhaps not let go of yet
            exchange.over = True
            self._watch(exchange, exchange.script, 0)
            exchange.client.shutdown(socket.SHUT_WR)
            self._settle(exchange)

    def _pass_on(self, exchange: _Exchange) -> None:
        """Send what the client takes; the script waits while the client does not."""
        stopped = not self._by_fd.get(exchange.script.fileno())
        try:
            while exchange.pending:
                exchange.pending = exchange.pending[exchange.client.send(exchange.pending) :]
        except BlockingIOError:
            if not stopped:
                self._watch(exchange, exchange.script, None)
                self._watch(exchange, exchange.client, select.POLLOUT)
        else:
            if stopped:
                self._watch(exchange, exchange.client, 0)
                self._watch(exchange, exchange.script, select.POLLIN)

    def _end_connection(self, exchange: _Exchange) -> None:
        """End it as the worker would have: with the gateway's byte taken, or, where the process has died,
        left unread, which resets the connection."""
        exchange.over = True
        if exchange.gateway:
            exchange.waiting = True
            self._watch(exchange, exchange.script, None)
            self._watch(exchange, exchange.client, select.POLLIN)
            self._on_byte(exchange)
        else:
            self._close(exchange)

    def _on_byte(self, exchange: _Exchange) -> None:
        try:
            exchange.client.recv(1, socket.MSG_PEEK if exchange.reset else 0)
        except BlockingIOError:
            return
        self._close(exchange)

    def _leave(self, exchange: _Exchange) -> None:
        """The client has gone: let the script's side see that."""
        exchange.client_gone = not exchange.over
        self._close(exchange)

    def _close(self, exchange: _Exchange) -> None:
        self._watch(exchange, exchange.script, None)
        self._watch(exchange, exchange.client, None)
        exchange.close()
        exchange.over = True
        self._settle(exchange)

    def _settle(self, exchange: _Exchange) -> None:
        """Write it down when all is known."""
        if exchange.over and exchange.status is not None:
            self._finish(exchange)

    def _finish(self, exchange: _Exchange) -> None:
        if self._exchanges.get(exchange.key) is exchange:
            del self._exchanges[exchange.key]
            self._writer.put(exchange)


class _Writer(threading.Thread):
    """Writes recordings, while the relay goes on."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        self._directory: str = settings.record or ""
        self._queue: queue.Queue[_Exchange | None] = queue.Queue(_WAITING)
        self._log = Log()
        self._problem = ""
        self._count = 0

    def put(self, exchange: _Exchange) -> None:
        """Have it written, unless too many wait."""
        try:
            self._queue.put_nowait(exchange)
        except queue.Full:
            self._complain("recordings are made faster than they can be written, some are lost")
            _let_go(exchange)

    def end(self) -> None:
        """Write what is left."""
        self._queue.put(None)
        self.join()

    def run(self) -> None:
        try:
            make_directory(self._directory)
        except OSError as error:
            self._complain(f"cannot record into {self._directory}: {error.strerror}")
        while exchange := self._queue.get():
            try:
                self._write(exchange)
                self._complain("")
            except OSError as error:
                self._complain(f"cannot record into {self._directory}: {error.strerror}")
            except Exception as error:  # the next one may be another matter
                self._complain(f"cannot record a request: {type(error).__name__}: {error}")
            except (ValueError, TypeError, AttributeError) as error:  # facts that a script has made up
                self._complain(f"what was to be recorded is no request: {error}")
            finally:
                _let_go(exchange)

    def _write(self, exchange: _Exchange) -> None:
        recording = Recording(
            **exchange.facts,
            sent=Blob(exchange.sent) if exchange.body is None else _read(exchange.body),
            output=exchange.output.blob(),
            errors=exchange.errors.blob(),
            status=exchange.status,
            seconds=exchange.seconds,
            client_gone=exchange.client_gone,
        )
        if self._settings.record_errors and not recording.failed:
            return
        if not self._settings.record_secrets:
            recording.mask()
        recording.save(self._directory)
        if self._count % _PRUNE_EVERY == 0:
            prune(self._directory, self._settings.record_limit)
        self._count += 1

    def _complain(self, problem: str) -> None:
        """Once for each change of what is wrong: a full disk makes many failures."""
        if problem and problem != self._problem:
            self._log.write(problem)
        self._problem = problem


def _let_go(exchange: _Exchange) -> None:
    if exchange.body is not None:
        os.close(exchange.body)
