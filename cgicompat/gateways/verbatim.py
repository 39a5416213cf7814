"""What uvicorn can send beyond ASGI, for a server that is ours alone: the extension "cgicompat.verbatim".

Where an application finds it among its scope's extensions, an http.response.start may have two more keys:
"reason", the phrase of the status line, and "raw", bytes that are sent in place of status line and headers.
After "raw" the body is sent as it is, and the connection closed. So is a response without Content-Length to
an HTTP/1.0 client: uvicorn alone would send it chunks, which it does not know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

if TYPE_CHECKING:
    import asyncio

    from uvicorn._types import ASGI3Application

NAME = "cgicompat.verbatim"


class VerbatimProtocol(HttpToolsProtocol):
    """uvicorn's protocol with the extension."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {NAME: {}}

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        async def wrapped(scope: Any, receive: Any, send: Any) -> None:
            await app(scope, receive, _Sender(cycle))

        super()._start_asgi_task(cycle, wrapped)


class _Sender:
    """The `send` of one request."""

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._until_close = False

    async def __call__(self, message: Any) -> None:
        cycle = self._cycle
        if self._until_close:
            await self._send_plain(message)
        elif message["type"] == "http.response.start" and not cycle.response_started:
            await self._send_head(message)
        else:
            await cycle.send(message)

    async def _send_head(self, message: Any) -> None:
        cycle, transport = self._cycle, self._cycle.transport
        raw = message.get("raw", b"")
        old = cycle.scope["http_version"] == "1.0" and all(
            name.lower() != b"content-length" for name, _ in message.get("headers", ())
        )
        if raw or old:
            cycle.keep_alive = False
        # uvicorn writes the whole head at once: what it writes passes through our hands.
        cycle.transport = _Head(transport, message.get("reason", b""), raw, old)  # type: ignore[assignment]
        try:
            await cycle.send(message)
        finally:
            cycle.transport = transport
        self._until_close = bool(raw or old)

    async def _send_plain(self, message: Any) -> None:
        cycle = self._cycle
        if cycle.flow.write_paused and not cycle.disconnected:
            await cycle.flow.drain()
        if cycle.disconnected:
            return
        if cycle.scope["method"] != "HEAD":
            cycle.transport.write(message.get("body", b""))
        if not message.get("more_body"):
            cycle.response_complete = True
            cycle.message_event.set()
            cycle.transport.close()
            cycle.on_response()


class _Head:
    """Stands in for the transport while uvicorn writes the head of a response."""

    def __init__(self, transport: asyncio.Transport, reason: bytes, raw: bytes, old: bool) -> None:
        self._transport = transport
        self._reason = reason
        self._raw = raw
        self._old = old

    def write(self, data: bytes) -> None:
        line, _, rest = data.partition(b"\r\n")
        if self._reason:
            line = b" ".join([*line.split(b" ")[:2], self._reason])
        if self._old:
            rest = rest.replace(b"transfer-encoding: chunked\r\n", b"")
        self._transport.write(self._raw or line + b"\r\n" + rest)
