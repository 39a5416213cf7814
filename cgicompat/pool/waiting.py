"""The waiting line: connections for which no worker is free."""

from __future__ import annotations

import select
import socket
import time

from cgicompat import pages
from cgicompat.descriptors import PRIVATE, keep, release
from cgicompat.pool.board import BUSY
from cgicompat.pool.messages import CONNECTION, QUIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cgicompat.config import Settings
    from cgicompat.pool.board import Board
    from cgicompat.pool.log import Log

_LINGER = 2.0  # seconds
_MAX_LINGERING = 256


class WaitingLine:
    """Connections in the order in which they came, each with the time since when it waits (time.monotonic).

    The first is handed to an idle worker, by a socket of which all workers hold the end `workers_end`. Those
    that wait for too long, or are too many, are turned away.
    """

    def __init__(
        self, settings: Settings, board: Board, log: Log, waiting: Iterable[tuple[float, int]] = ()
    ) -> None:
        self._most = settings.queue
        self._patience = settings.queue_timeout
        self._board = board
        self._log = log
        self._line: list[tuple[float, socket.socket]] = []
        self._lingering: list[tuple[float, socket.socket]] = []
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._ours = socket.socket(fileno=keep(ours.detach(), private=True))
        self.workers_end = socket.socket(fileno=keep(theirs.detach()))
        for end in (self._ours, self.workers_end):
            end.setblocking(False)
        self._handed_over = select.poll()
        self._handed_over.register(self.workers_end, select.POLLIN)
        for since, fd in waiting:
            self._line.append((since, _keep(fd)))

    def __len__(self) -> int:
        return len(self._line)

    @property
    def active(self) -> bool:
        """Whether there is anybody to keep time for."""
        return bool(self._line or self._lingering)

    def dump(self) -> list[tuple[float, int]]:
        """For `waiting` of our next self."""
        return [(since, connection.fileno()) for since, connection in self._line]

    def add(self, connection: socket.socket) -> None:
        """It waits from now on, or is turned away."""
        connection = _keep(connection.detach())
        if len(self._line) >= self._most:
            self._turn_away(connection, "too many requests wait")
        else:
            self._line.append((time.monotonic(), connection))

    def hand_over(self) -> None:
        """Give the first to an idle worker. One at a time: whoever takes it says so, and until then it is
        still ours to turn away or keep."""
        if self._line and not self._handed_over.poll(0):
            try:
                socket.send_fds(self._ours, [CONNECTION], [self._line[0][1].fileno()])
            except OSError:
                return  # too much is under way in the system: the next time
            _close(self._line.pop(0)[1])

    def dismiss(self) -> None:
        """Have an idle worker end."""
        if not self._handed_over.poll(0):
            self._ours.send(QUIT)

    def take_back(self) -> None:
        """Put what no worker has taken into the line again."""
        try:
            message, fds, _, _ = socket.recv_fds(self.workers_end, 16, 1)
        except BlockingIOError:
            return
        if message != QUIT and fds:
            self._line.insert(0, (time.monotonic(), _keep(fds[0])))

    def keep_time(self, now: float) -> None:
        while self._line and now - self._line[0][0] > self._patience:
            self._turn_away(self._line.pop(0)[1], f"a request waited {self._patience:g} s")
        if self._lingering:
            self._close_lingering()

    def close(self) -> None:
        """Turn all away: nobody will serve them."""
        self.take_back()
        while self._line:
            self._turn_away(self._line.pop(0)[1], "the server is stopping")

    def _turn_away(self, connection: socket.socket, why: str) -> None:
        busy = self._board.count(BUSY)
        self._log.write(f"503: {why}; all {busy} workers are busy (see --workers, --queue)")
        connection.setblocking(False)
        try:
            connection.send(pages.error(503, "All workers are busy.", ("Retry-After: 5",)))
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            _close(connection)
            return
        # A connection closed while its peer is writing is reset, and the answer may be lost.
        self._lingering.append((time.monotonic() + _LINGER, connection))
        self._close_lingering()

    def _close_lingering(self) -> None:
        """Close connections whose peer has read the answer, or had the time to."""
        now = time.monotonic()
        waiting = []
        for until, connection in self._lingering[-_MAX_LINGERING:]:
            try:
                while connection.recv(64 * 1024):
                    pass
            except BlockingIOError:
                if now < until:
                    waiting.append((until, connection))
                    continue
            except OSError:
                pass
            _close(connection)
        for _, connection in self._lingering[:-_MAX_LINGERING]:
            _close(connection)
        self._lingering = waiting


def _keep(fd: int) -> socket.socket:
    try:
        fd = keep(fd, private=True)
    except OSError:  # too many are open: it stays where it is
        PRIVATE.add(fd)
    return socket.socket(fileno=fd)


def _close(connection: socket.socket) -> None:
    release(connection.detach())
