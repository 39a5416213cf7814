"""uvicorn, with what a server that stands alone in the net needs beyond it.

Limits on how long a client may take to send a request. Listening sockets whose failures say what to do.
Signals: the first ends the service when running requests are done, or their time of grace is over; the second
ends it at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import resource
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Coroutine, Iterator
from types import FrameType
from typing import Any

import uvicorn

from cgicompat.cli.options import Failure, Mistake
from cgicompat.gateways.exchange import HALF_CLOSE, Aborted
from cgicompat.gateways.framing import FramedProtocol

HEAD_SECONDS = 30.0  # for request line and headers
BODY_SECONDS = 60.0  # between two pieces of a body
BACKLOG = 2048


class Protocol(FramedProtocol):
    """One connection, closed if its client dawdles."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._awaits = ""  # "head", "body" or nothing
        self._since = 0.0  # when the head began, or the last piece of the body came
        self._complete = 0.0  # when the last request was
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await("head")
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._await("")
        self._watch()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """A client that ends its side with its request (`nc -N`) waits for the answer. One that does it later
        has gone, as far as TCP tells. Returns whether the connection stays open."""
        cycle = self.cycle
        waits = cycle is not None and not cycle.response_complete and not self._awaits
        if not waits or self.scheme == "https" or self.loop.time() - self._complete > HALF_CLOSE:
            return False
        cycle.keep_alive = False
        if cycle.response_started:  # so quickly that it may have been read
            self.loop.call_later(20 * HALF_CLOSE, self.transport.close)
        return True

    def data_received(self, data: bytes) -> None:
        if self._awaits == "body":
            self._since = self.loop.time()
        elif not self._awaits:
            self._await("head")
        super().data_received(data)
        self._watch()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._awaits != "head":
            self._await("head")

    def on_headers_complete(self) -> None:
        self._await("body")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._await("")
        self._complete = self.loop.time()
        super().on_message_complete()

    def _await(self, what: str) -> None:
        self._awaits = what
        if what:
            self._since = self.loop.time()

    def _watch(self) -> None:
        """Run a timer exactly while something is awaited; nearly all requests come whole and need none."""
        if not self._awaits and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        elif self._awaits and self._timer is None:
            self._timer = self.loop.call_later(HEAD_SECONDS, self._look)

    def _look(self) -> None:
        self._timer = None
        limit = HEAD_SECONDS if self._awaits == "head" else BODY_SECONDS
        late = self.loop.time() - self._since >= limit
        # Not the client's fault: we do not read, or the request before this one is still being answered.
        busy = self.cycle is not None and not self.cycle.response_complete and self._awaits == "head"
        if late and not busy and not self.flow.read_paused:
            self.transport.close()
        else:
            self._timer = self.loop.call_later(1 if late else limit, self._look)


class Server(uvicorn.Server):
    """uvicorn with our signals; calls `ready` when it serves and a signal would end it properly. `aside` runs
    beside it."""

    def __init__(
        self,
        config: uvicorn.Config,
        ready: Callable[[], None],
        aside: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        super().__init__(config)
        self._ready = ready
        self._aside = aside

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._task = asyncio.create_task(self._aside())
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._task.cancel()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Without uvicorn's raising them again at the end: our caller has to clean up first.
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            os._exit(128 + sig)  # the pool sees that we are gone, and ends what still runs
        self.should_exit = True
        cycles = [getattr(connection, "cycle", None) for connection in self.server_state.connections]
        running = sum(1 for cycle in cycles if cycle is not None and not cycle.response_complete)
        if running:
            what = "request is" if running == 1 else "requests are"
            grace = self.config.timeout_graceful_shutdown
            print(f"{running} {what} still running, for {grace} s at most.", file=sys.stderr, flush=True)


def listen(host: str, port: int) -> list[socket.socket]:
    """Listening sockets on all addresses of `host`. Raises Failure, which says what to do."""
    sockets: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in dict.fromkeys(found):
            listener = socket.socket(family, kind, protocol)
            sockets.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6 and host != "::":  # that one is for IPv4 as well
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            # With port 0, the further addresses take the port that the first one was given.
            listener.bind((address[0], port or sockets[0].getsockname()[1], *address[2:]))
            listener.listen(BACKLOG)
    except OSError as error:
        for listener in sockets:
            listener.close()
        raise Failure(_advice(error, host, port)) from None
    return sockets


def _advice(error: OSError, host: str, port: int) -> str:
    if isinstance(error, socket.gaierror):
        return f"--bind {host}: no such host: {error.strerror}"
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use: choose another by --port, or 0 for any that is free"
    if error.errno == errno.EACCES:
        return f"no permission to listen on port {port}: choose one above 1023 by --port"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"--bind {host}: this machine does not have that address"
    return f"cannot listen on {host} port {port}: {error.strerror}"


def check_certificate(certfile: str | None, keyfile: str | None) -> None:
    """Raises Mistake where the two cannot be what they should be."""
    try:
        for name in filter(None, (certfile, keyfile)):
            open(name).close()
        if certfile:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certfile, keyfile)
    except ssl.SSLError as error:
        reason = error.reason or "not in PEM form"
        raise Mistake(f"certfile {certfile}, keyfile {keyfile or 'the same'}: {reason}") from None
    except OSError as error:
        raise Mistake(f"{error.filename}: {error.strerror}") from None


def raise_file_limit() -> int:
    """Raises the limit of open files as far as it goes. Returns for how many connections that leaves room, as
    each may need a socket, a connection to the pool and a file for its body."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    except (OSError, ValueError):
        pass
    return 100_000 if soft == resource.RLIM_INFINITY else max(soft - 64, 3) // 3


def quiet(record: logging.LogRecord) -> bool:
    """A filter for uvicorn's log: a request that shutdown cuts off, or one whose script was killed (which is
    logged already), is no error of the application's."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, asyncio.CancelledError | Aborted)
