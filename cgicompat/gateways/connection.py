"""A connection to the pool, for asyncio.

Sockets are used as they are: a transport would take several times as long to make. All of them are watched
by one epoll, and only this by the event loop, which would do much more about each. What comes waits for a
moment, so that it goes to the client in one piece with what comes right after it. Mostly that is the end,
since a script's output is flushed when it has nothing more to say, and so the response gets a length.
"""

from __future__ import annotations

import asyncio
import select
import socket
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from .exchange import End

if TYPE_CHECKING:
    from .body import Body
    from .exchange import Run

BUFFER = 1024 * 1024  # bytes of a response that wait for a slow client
PIECE = 64 * 1024  # bytes that do not wait for more
MOMENT = 0.001  # seconds


async def connect(address: str | tuple[str, int], run: Run, body: Body) -> Connection:
    """A new connection to the pool at a path, or host and port, with the request sent or on its way.

    Raises OSError, also where the backlog is full for as long as a request may wait.
    """
    private = isinstance(address, str)
    opening = run.opening(body.size, private)
    if not body.on_disk:
        opening += body.read() + run.closing(private)
    if isinstance(address, str):
        peer = await _connect_unix(address, run.settings.queue_timeout)
    else:
        peer = await asyncio.to_thread(socket.create_connection, address)
        peer.setblocking(False)
    try:
        # At once: a worker that is killed with nothing to leave unread looks like one that ended.
        try:
            sent = peer.send(opening)
        except BlockingIOError:
            sent = 0
        connection = Connection(peer)
    except BaseException:
        peer.close()
        raise
    if sent < len(opening) or body.on_disk:
        connection.upload(opening[sent:], body, run, private)
    return connection


async def _connect_unix(path: str, patience: float) -> socket.socket:
    peer = socket.socket(socket.AF_UNIX)
    try:
        peer.setblocking(False)
        waited = 0.0
        while True:
            try:
                peer.connect(path)
                return peer
            except BlockingIOError:  # not under way, as with TCP: the backlog is full
                if waited > patience:
                    raise
                waited += 0.02
                await asyncio.sleep(0.02)
    except BaseException:
        peer.close()
        raise


class _Epoll:
    """Watches sockets for the event loop `loop`, and has the methods that itself has for that."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._epoll = select.epoll()
        self._functions: dict[int, Callable[[], None]] = {}
        loop.add_reader(self._epoll.fileno(), self._look)

    def _look(self) -> None:
        for fd, _ in self._epoll.poll(0):
            if function := self._functions.get(fd):
                function()

    def add_reader(self, fd: int, function: Callable[[], None]) -> None:
        self._functions[fd] = function
        self._epoll.register(fd, select.EPOLLIN)

    def remove_reader(self, fd: int) -> None:
        del self._functions[fd]
        self._epoll.unregister(fd)


_epolls: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Epoll] = weakref.WeakKeyDictionary()


def _readers_of(loop: asyncio.AbstractEventLoop) -> _Epoll | asyncio.AbstractEventLoop:
    """What watches the sockets of connections: the loop itself where there is no epoll."""
    if not hasattr(select, "epoll"):
        return loop
    return _epolls.get(loop) or _epolls.setdefault(loop, _Epoll(loop))


class Connection:
    """An open connection to the pool, `peer`, which is not to be used elsewhere any more."""

    def __init__(self, peer: socket.socket) -> None:
        self._peer = peer
        self._loop = asyncio.get_running_loop()
        self._readers = _readers_of(self._loop)
        self._received: list[bytes] = []
        self._size = 0
        self._end: End | None = None
        self._cut_off = False
        self._left = False
        self._due = False  # is there something to be read that has waited?
        self._moment: asyncio.TimerHandle | None = None
        self._reader: asyncio.Future[None] | None = None
        self._upload: asyncio.Task[None] | None = None
        self._listening = False
        self._listen(True)

    def _listen(self, listening: bool) -> None:
        if listening and not self._listening:
            self._readers.add_reader(self._peer.fileno(), self._receive)
        elif self._listening and not listening:
            self._readers.remove_reader(self._peer.fileno())
        self._listening = listening

    def _receive(self) -> None:
        try:
            while self._size <= BUFFER:  # all that is there: after an error uvloop itself calls only once
                data = self._peer.recv(PIECE)
                if not data:
                    self._ended(End.RESET if self._cut_off else End.EOF)
                    return
                self._size += len(data)
                self._received.append(data)
        except BlockingIOError:
            pass
        except OSError:
            self._ended(End.RESET)
            return
        if self._left:
            self._received.clear()
            self._size = 0
        elif self._size >= PIECE:
            if self._size > BUFFER:
                self._listen(False)
            self.wake()
        elif not self._moment:
            self._moment = self._loop.call_later(MOMENT, self.wake)

    def _ended(self, end: End) -> None:
        self._listen(False)
        self._end = end
        self.wake()
        if self._left:
            self.close()

    def wake(self) -> None:
        """Makes read() return, though nothing may have come."""
        self._due = True
        if self._reader and not self._reader.done():
            self._reader.set_result(None)

    async def read(self, within: float | None = None) -> tuple[bytes, End | None]:
        """What has come since, waiting for something to come, for so many seconds if it is said; and how the
        connection ended, if it has. What came before a reset is not lost."""
        if not self._due:
            self._reader = self._loop.create_future()
            timer = None if within is None else self._loop.call_later(within, self.wake)
            await self._reader
            if timer:
                timer.cancel()
        self._due = False
        if self._moment:
            self._moment.cancel()
            self._moment = None
        return self._take(), self._end

    def _take(self) -> bytes:
        data = b"".join(self._received)
        self._received.clear()
        if self._size > BUFFER and not self._end:
            self._listen(True)
        self._size = 0
        return data

    def upload(self, data: bytes, body: Body, run: Run, private: bool) -> None:
        """Starts to send `data`, then a body that is on disk."""
        self._upload = self._loop.create_task(self._send(data, body, run, private))

    async def _send(self, data: bytes, body: Body, run: Run, private: bool) -> None:
        try:
            await self._loop.sock_sendall(self._peer, data)
            if body.on_disk:
                while data := await asyncio.to_thread(body.read):
                    await self._loop.sock_sendall(self._peer, data)
                await self._loop.sock_sendall(self._peer, run.closing(private))
        except ConnectionError:
            self._cut_off = True  # the kernel says so only once
        except OSError as error:
            run.error(f"cannot read the body again: {error}")
            self._ended(End.RESET)

    def leave(self) -> None:
        """Lets the script go on to its end, with nobody listening."""
        self._left = True
        if self._upload:
            self._upload.cancel()
        if self._end:
            self.close()
        else:
            self._take()

    def close(self) -> None:
        """Closes at once, which ends the script."""
        if self._moment:
            self._moment.cancel()
        self._listen(False)
        if self._upload and not self._upload.done():
            self._upload.cancel()  # which takes back its waiting for the socket, a moment later
            self._upload.add_done_callback(lambda _: self._peer.close())
        else:
            self._peer.close()
