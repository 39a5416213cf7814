"""The ASGI application: HTTP messages on one side, a connection to the pool on the other.

A request's body is taken in whole; then `_relay` holds one conversation with the pool. What is said in it is
decided in `exchange`, here are only the waits. The connection buffers a part of the response, so that no slow
client holds a worker for a page of usual size; and when the client has its response while the script is still
busy, the connection reads on into the void.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.datastructures import Headers as ReceivedHeaders
from starlette.responses import FileResponse, Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles

from .body import Body
from .exchange import Aborted, End, Run
from .message import Reply, Request, page
from .pools import RETRY_AFTER, Pools
from .site import File, Site, split_mount
from .static import media_type

if TYPE_CHECKING:
    from cgicompat.config import Settings
    from cgicompat.pool import Pool

    from .site import Answer

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

BUFFER = 1024 * 1024  # bytes of a response that wait for a slow client
LINGER = 2.0  # seconds that a client has to read that its body is refused


class ClientGone(Exception):
    """There is nobody left to answer."""


class CGI:
    """Serves the directory of `settings`, or only `script` (absolute) in it.

    The pool is `pool`, which its owner closes, or the one at `settings.socket`, or else a private one:
    started by the server's lifespan or the first request, closed by the lifespan or at exit. With `listing`
    a directory without index.html shows what it holds.
    """

    def __init__(
        self,
        settings: Settings,
        pool: Pool | None = None,
        *,
        script: str | None = None,
        listing: bool = True,
    ) -> None:
        self._script = script
        self.site = Site(settings, script, listing)
        self.pools = Pools(settings, pool)
        self._files = _Files(directory=settings.directory, check_dir=False)

    def use(self, settings: Settings) -> None:
        """Serve by other settings, in the same directory, with a pool of their own. Returns when the former
        pool has ended; what it was at had the grace of its settings. Raises OSError."""
        pools = Pools(settings)
        pools.address()
        former, self.pools = self.pools, pools
        self.site = Site(settings, self._script, self.site.listing)
        former.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        else:
            with contextlib.suppress(ClientGone):
                await self._http(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await asyncio.to_thread(self.pools.address)
        except OSError as error:
            await send({"type": "lifespan.startup.failed", "message": f"cannot start the pool: {error}"})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.to_thread(self.pools.close)
        await send({"type": "lifespan.shutdown.complete"})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer: Answer | None = self.site.answer(request_of(scope))
        if isinstance(answer, Run):
            with contextlib.closing(Body()) as body:
                answer = await _take_in(body, answer, receive)
                while isinstance(answer, Run):
                    answer = await self._relay(answer, body, scope, receive, send)
                    body.close()
        if isinstance(answer, File):
            response = self._files.response(answer, scope)
            await response({**scope, "method": answer.request.method}, receive, send)
        elif answer:
            await _send_reply(answer, scope, receive, send)

    async def _relay(self, run: Run, body: Body, scope: Scope, receive: Receive, send: Send) -> Answer | None:
        """One run of a script. Returns what the client is to be sent, if it has not been sent anything."""
        try:
            pool = await self._connect(run, body)
        except (BrokenPipeError, ConnectionResetError):
            run.fail(502, "the worker was killed")
            return run.next
        except OSError as error:
            run.fail(503, f"cannot reach the pool: {error}", RETRY_AFTER)
            return run.next
        watch = asyncio.create_task(_disconnect(receive))
        watch.add_done_callback(pool.wake)
        upload = None
        started = False
        try:
            if body.on_disk:
                upload = asyncio.create_task(pool.upload(body, run))
            while not run.finished:
                data, end = await pool.read()
                if watch.done():
                    raise ClientGone
                data = run.feed(data, end)
                if run.reply and not started:
                    started = True
                    await send(_start(run.reply, scope))
                if started and (data or run.finished):
                    more = not run.finished or bool(run.broken)
                    await send({"type": "http.response.body", "body": data, "more_body": more})
            if run.broken:
                raise Aborted(run.broken)
            return run.next
        finally:
            watch.cancel()
            if upload:
                upload.cancel()
            if run.finished:
                pool.leave()
            else:
                pool.abort()

    async def _connect(self, run: Run, body: Body) -> _Connection:
        """A new connection to the pool, with the request sent but for a body on disk.

        Raises OSError, also where the backlog is full for as long as a request may wait.
        """
        address = self.pools.address() if self.pools.ready else await asyncio.to_thread(self.pools.address)
        loop = asyncio.get_running_loop()
        private = isinstance(address, str)
        opening = run.opening(body.size, private)
        if not body.on_disk:
            opening += body.read() + run.closing(private)
        if not isinstance(address, str):
            pool = (await loop.create_connection(lambda: _Connection(private=False), *address))[1]
            pool.write(opening)
            return pool
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.setblocking(False)
            late = loop.time() + run.settings.queue_timeout
            while True:
                try:
                    connection.connect(address)
                    break
                except BlockingIOError:  # not under way, as with TCP: the backlog is full
                    if loop.time() > late:
                        raise
                    await asyncio.sleep(0.02)
            # At once: a worker that is killed with nothing to leave unread looks like one that ended.
            try:
                sent = connection.send(opening)
            except BlockingIOError:
                sent = 0
            pool = (await loop.create_unix_connection(lambda: _Connection(private=True), sock=connection))[1]
            if sent < len(opening):
                pool.write(opening[sent:])
            return pool
        except BaseException:
            connection.close()
            raise


class _Connection(asyncio.Protocol):
    """A connection to the pool. Unlike a StreamReader it keeps what came before a reset."""

    def __init__(self, private: bool) -> None:
        self.private = private
        self._received: list[bytes] = []
        self._size = 0
        self._end: End | None = None
        self._left = False
        self._reader: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if not self._left:
            self._received.append(data)
            self._size += len(data)
            if self._size > BUFFER:
                self._transport.pause_reading()
            self.wake()

    def eof_received(self) -> bool:
        self._ended(End.EOF)
        return True  # closed by abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._writable.set()
        self._ended(End.RESET if exc else End.EOF)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def wake(self, _: object = None) -> None:
        """Makes read() return, though nothing may have come."""
        if self._reader and not self._reader.done():
            self._reader.set_result(None)

    async def read(self) -> tuple[bytes, End | None]:
        """What has come since, waiting for something to come; and how the connection ended, if it has."""
        if not self._received and not self._end:
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        data = b"".join(self._received)
        self._received.clear()
        if self._size > BUFFER:
            self._transport.resume_reading()
        self._size = 0
        return data, self._end

    def write(self, data: bytes) -> None:
        """Sends without waiting."""
        self._transport.write(data)

    async def upload(self, body: Body, run: Run) -> None:
        """Sends a body that is on disk."""
        try:
            while data := await asyncio.to_thread(body.read):
                self.write(data)
                await self._writable.wait()
            self.write(run.closing(self.private))
        except OSError as error:
            run.error(f"cannot read the body again: {error}")
            self.abort()

    def leave(self) -> None:
        """Lets the script go on to its end, with nobody listening."""
        self._left = True
        if self._end:
            self.abort()
        elif self._size > BUFFER:
            self._transport.resume_reading()

    def abort(self) -> None:
        """Closes at once, which ends the script."""
        self._transport.abort()

    def _ended(self, end: End) -> None:
        self._end = self._end or end
        self.wake()
        if self._left:
            self.abort()


class _Files(StaticFiles):
    def response(self, file: File, scope: Scope) -> Response:
        """The response that sends `file`, or says that the client has it already."""
        try:
            status = os.stat(file.path)
        except OSError:  # gone since a moment ago
            return Response("404 Not Found\n", 404, media_type="text/plain")
        response: Response = FileResponse(
            file.path, headers={"Content-Type": media_type(file.path)}, stat_result=status
        )
        if self.is_not_modified(response.headers, ReceivedHeaders(raw=list(scope["headers"]))):
            response = NotModifiedResponse(response.headers)
        for name, value in file.headers:
            response.headers.append(name, value)
        return response


def request_of(scope: Scope) -> Request:
    """The request that an HTTP connection scope stands for (ASGI specification, HTTP 2.0 to 2.5)."""
    raw = scope.get("raw_path")
    path = _text(raw.partition(b"?")[0]) if raw else quote(scope["path"], errors="surrogateescape")
    mount = scope.get("root_path", "").rstrip("/")
    # Servers and frameworks disagree on whether the path has the mount's in front.
    prefix, rest = split_mount(path, mount) or (quote(mount), path)
    query = _text(scope.get("query_string", b""))
    version = scope["http_version"]
    server, client = scope.get("server"), scope.get("client")
    return Request(
        method=scope["method"],
        mount=mount,
        prefix=prefix,
        path=rest,
        query=query,
        uri=f"{prefix}{rest}?{query}" if query else prefix + rest,
        headers=[(name.decode("latin-1"), _text(value)) for name, value in scope["headers"]],
        protocol=f"HTTP/{version}" if "." in version else f"HTTP/{version}.0",
        scheme=scope.get("scheme", "http"),
        server=(server[0], server[1]) if server and server[1] is not None else None,
        client=(client[0], client[1]) if client else None,
    )


async def _take_in(body: Body, run: Run, receive: Receive) -> Answer:
    """Receives the request's body for `run`. Returns it, or what is to be answered in its place."""
    try:
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            data = message.get("body", b"")
            if body.size + len(data) > run.settings.max_body:
                return page(413)
            if body.add(data):
                await asyncio.to_thread(body.flush)
            more = message.get("more_body", False)
        if body.on_disk:
            await asyncio.to_thread(body.rewind)
    except OSError as error:
        run.fail(500, f"cannot store the body: {error}")
        assert run.next
        return run.next
    return run


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_reply(reply: Reply, scope: Scope, receive: Receive, send: Send) -> None:
    """Sends a complete reply."""
    await send(_start(reply, scope))
    body = b"" if scope["method"] == "HEAD" else reply.body
    if reply.status == 413:
        # Closing while the client still sends would reset the connection before it has read why.
        await send({"type": "http.response.body", "body": body, "more_body": True})
        body = b""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER):
                while (await receive()).get("more_body"):
                    pass
    await send({"type": "http.response.body", "body": body})


def _start(reply: Reply, scope: Scope) -> Message:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
    if (reply.raw or reply.status == 413) and scope["http_version"].startswith("1"):
        headers.append((b"connection", b"close"))
    message = {"type": "http.response.start", "status": reply.status, "headers": headers}
    if "cgicompat.verbatim" in scope.get("extensions", {}):
        message["reason"] = reply.reason.encode("latin-1")
        message["raw"] = reply.raw
    return message


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
