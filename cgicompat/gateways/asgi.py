"""The ASGI application: HTTP messages on one side, a connection to the pool on the other.

A request's body is taken in whole; then `_relay` holds one conversation with the pool. What is said in it is
decided in `exchange`, here are only the waits. The `connection` buffers a part of the response, so that no
slow client holds a worker for a page of usual size; and when the client has its response while the script is
still busy, it reads on into the void.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.datastructures import Headers as ReceivedHeaders
from starlette.responses import FileResponse, Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles

from cgicompat.apache.names import PATIENCE

from . import trailers
from .body import Body
from .connection import connect
from .exchange import Aborted, Run
from .message import VERBATIM, File, Reply, Request, page
from .names import Names, Unknown
from .pools import RETRY_AFTER, Pools
from .site import Site, split_mount
from .static import media_type, ranges

if TYPE_CHECKING:
    from cgicompat.config import Settings
    from cgicompat.pool import Pool

    from .exchange import Answer

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

QUICK = 0.1  # seconds in which most scripts have answered
_UTF8 = ("utf-8", "surrogateescape")
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
        trailers.ignore()
        self._script = script
        self._names = Names()
        self.site = Site(settings, script, listing, self._names.known)
        self.pools = Pools(settings, pool)
        self._files = _Files(directory=settings.directory, check_dir=False)

    def use(self, settings: Settings) -> None:
        """Serve by other settings, in the same directory, with a pool of their own. Returns when the former
        pool has ended; what it was at had the grace of its settings. Raises OSError."""
        pools = Pools(settings)
        pools.address()
        former, self.pools = self.pools, pools
        self.site = Site(settings, self._script, self.site.listing, self._names.known)
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
        request = request_of(scope)
        answer: Answer | None = await self._ask(lambda: self.site.answer(request))
        if isinstance(answer, Run):
            with contextlib.closing(Body()) as body:
                answer = await self._take_in(body, answer, receive)
                while isinstance(answer, Run):
                    answer = await self._relay(answer, body, scope, receive, send)
                    body.close()
        if isinstance(answer, File):
            asked = answer.request
            headers = [(k.lower().encode("latin-1"), v.encode(*_UTF8)) for k, v in asked.headers]
            # Of a malformed range starlette would say 400.
            if asked.status or not ranges(asked.get("range") or ""):
                headers = [pair for pair in headers if pair[0] != b"range"]
            scope = {**scope, "method": asked.method, "headers": headers}
            await self._files.response(answer, scope)(scope, receive, send)
        elif answer:
            await _send_reply(answer, scope, receive, send)

    async def _ask(self, answer: Callable[[], Answer]) -> Answer:
        """The answer, when the names that it depends on are known."""
        while True:
            try:
                return answer()
            except Unknown as unknown:
                question = unknown.question
            asked = asyncio.wrap_future(self._names.ask(question))
            if not (await asyncio.wait([asked], timeout=PATIENCE))[0]:
                self._names.give_up(question)

    async def _take_in(self, body: Body, run: Run, receive: Receive) -> Answer:
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
            return await self._ask(run.next)
        return run

    async def _relay(self, run: Run, body: Body, scope: Scope, receive: Receive, send: Send) -> Answer | None:
        """One run of a script. Returns what the client is to be sent, if it has not been sent anything."""
        try:
            address = self.pools.ready
            if address is None:
                address = await asyncio.to_thread(self.pools.address)
            pool = await connect(address, run, body)
        except (BrokenPipeError, ConnectionResetError):
            run.fail(502, "the worker was killed")
            return run.next and await self._ask(run.next)
        except OSError as error:
            run.fail(503, f"cannot reach the pool: {error}", RETRY_AFTER)
            return run.next and await self._ask(run.next)
        watch = _Watch(receive, pool.wake)
        started = False
        try:
            while not run.finished:
                data, end = await pool.read(run.patience)
                if watch.client_gone:
                    raise ClientGone
                data = run.feed(data, end)
                if run.reply and (data or run.finished or not started):
                    if not started:
                        started = True
                        await send(_start(run.reply, scope))
                    more = not run.finished or bool(run.broken)
                    await send({"type": "http.response.body", "body": data, "more_body": more})
            if run.broken:
                raise Aborted(run.broken)
        finally:
            watch.end()
            if run.finished:
                pool.leave()
            else:
                pool.close()
        return run.next and await self._ask(run.next)


class _Watch:
    """Calls `wake` when the client is gone. It begins when most responses are over."""

    def __init__(self, receive: Receive, wake: Callable[[], None]) -> None:
        self.client_gone = False
        self._receive = receive
        self._wake = wake
        self._task: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(QUICK, self._begin)

    def _begin(self) -> None:
        self._task = asyncio.create_task(self._wait())

    async def _wait(self) -> None:
        try:
            while (await self._receive())["type"] != "http.disconnect":
                pass
        finally:
            self.client_gone = True
            self._wake()

    def end(self) -> None:
        self._timer.cancel()
        if self._task:
            self._task.cancel()


class _Files(StaticFiles):
    def response(self, file: File, scope: Scope) -> Response:
        """The response that sends `file`, or says that the client has it already."""
        try:
            status = os.stat(file.path)
        except OSError:  # gone since a moment ago
            return Response("404 Not Found\n", 404, media_type="text/plain")
        response: Response = FileResponse(
            file.path,
            file.request.status or 200,
            {"Content-Type": file.kind or media_type(file.path)},
            stat_result=status,
        )
        asked = ReceivedHeaders(raw=list(scope["headers"]))
        if not file.request.status and self.is_not_modified(response.headers, asked):
            response = NotModifiedResponse(response.headers)
        for name, value in file.headers:
            response.headers.append(name, value)
        if file.change:
            headers = file.change(
                [(k.decode("latin-1"), v.decode("latin-1")) for k, v in response.raw_headers]
            )
            response.raw_headers = [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in headers]
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
    target = scope.get("extensions", {}).get(VERBATIM, {}).get("target")
    uri = _text(target) if target else f"{prefix}{rest}?{query}" if query else prefix + rest
    server, client = scope.get("server"), scope.get("client")
    return Request(
        method=scope["method"],
        mount=mount,
        prefix=prefix,
        path=rest,
        query=query,
        uri=uri,
        headers=[(name.decode("latin-1"), _text(value)) for name, value in scope["headers"]],
        protocol=f"HTTP/{version}" if "." in version else f"HTTP/{version}.0",
        scheme=scope.get("scheme", "http"),
        server=(server[0], server[1]) if server and server[1] is not None else None,
        client=(client[0], client[1]) if client else None,
    )


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
    if VERBATIM in scope.get("extensions", {}):
        message["reason"] = reply.reason.encode("latin-1")
        message["raw"] = reply.raw
    return message


def _text(raw: bytes) -> str:
    return raw.decode(*_UTF8)
