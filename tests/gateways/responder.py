"""A pool for the tests: it takes SCGI requests as ours does, and answers as the test's function says."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable

from cgicompat import scgi


class Call:
    """One request, as the pool sees it."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        digits = b""
        while (byte := self._take(1)) != b":":
            digits += byte
        self.environ = scgi.decode(digits + b":" + self._take(int(digits) + 1))
        self.body = self._take(int(self.environ.get("CONTENT_LENGTH") or 0))

    def _take(self, size: int) -> bytes:
        """Exactly so many bytes: one more that lay in a buffer of ours would not be unread for the kernel."""
        data = b""
        while len(data) < size and (piece := self.connection.recv(size - len(data))):
            data += piece
        assert len(data) == size
        return data

    def say(self, data: bytes) -> None:
        self.connection.sendall(data)

    def end(self) -> None:
        """As a worker ends whose script has ended."""
        assert self._take(1) == b"\n"
        self.connection.shutdown(socket.SHUT_WR)

    def die(self) -> None:
        """As a worker that is killed: the byte after the body is never read, which resets the connection."""
        select.select([self.connection], [], [])
        self.connection.close()

    def left(self, timeout: float) -> bool:
        """Does the gateway close the connection within `timeout` seconds?"""
        poll = select.poll()
        poll.register(self.connection, select.POLLRDHUP)
        return bool(poll.poll(timeout * 1000))


class Responder:
    """Listens on a unix socket; `script` gets every call, in a thread of its own."""

    def __init__(self, path: str) -> None:
        self.address = f"unix:{path}"
        self.script: Callable[[Call], None] = lambda call: None
        self.calls: list[Call] = []
        self.failures: list[BaseException] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen()
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed
                return
            thread = threading.Thread(target=self._answer, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            try:
                call = Call(connection)
                self.calls.append(call)
                self.script(call)
            except BaseException as error:
                self.failures.append(error)

    def says(self, *pieces: bytes) -> None:
        """Have every call answered with these bytes."""

        def script(call: Call) -> None:
            for piece in pieces:
                call.say(piece)
            call.end()

        self.script = script

    def join(self) -> None:
        """Wait for the calls so far to end, and fail where one failed."""
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()
        if self.failures:
            raise self.failures[0]

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join(10)
        self._listener.close()
