"""What uvicorn can send beyond ASGI, for a server that is ours alone: the extension "cgicompat.verbatim".

Where an application finds it among its scope's extensions, an http.response.start may have two more keys:
"reason", the phrase of the status line, and "raw", bytes that are sent in place of status line and headers.
After "raw" the body is sent as it is, and the connection closed. So is a response without Content-Length to
an HTTP/1.0 client: uvicorn alone would send it chunks, which it does not know. One of HTTP/0.9 gets no head.

The head goes out together with the first piece of the body: a write costs more than all else that is done
about a small response.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from cgicompat.response import phrase

from .message import VERBATIM

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application


class VerbatimProtocol(HttpToolsProtocol):
    """uvicorn's protocol with the extension."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {VERBATIM: {}}

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        cycle.__class__ = _Cycle
        super()._start_asgi_task(cycle, app)


class _Cycle(RequestResponseCycle):
    """One request of uvicorn's, with a `send` of our own."""

    _head = b""  # that has not been sent yet
    _left: int | None = None  # bytes of body still to come, where that is known

    async def send(self, message: Any) -> None:
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        kind = message["type"]
        if kind == "http.response.start" and not self.response_started:
            self.response_started = True
            self.waiting_for_100_continue = False
            self._head = self._make_head(message)
        elif kind == "http.response.body" and self.response_started and not self.response_complete:
            self._send_body(message.get("body", b""), message.get("more_body", False))
        else:
            raise RuntimeError(f"{kind} does not belong here")

    def _make_head(self, message: Any) -> bytes:
        status, raw = message["status"], message.get("raw", b"")
        line = b"HTTP/1.1 %d %s" % (status, message.get("reason") or phrase(status).encode())
        lines = [line]
        for name, value in [*self.default_headers, *message["headers"]]:
            if name == b"content-length":
                self._left = int(value)
            elif name == b"connection":
                self.keep_alive = self.keep_alive and value != b"close"
                continue
            lines.append(b"%s: %s" % (name, value))
        if self.scope["method"] == "HEAD" or status in (204, 304):
            self._left = 0
        elif raw:
            self._left = None
        elif self._left is None and self.scope["http_version"] not in ("0.9", "1.0"):
            self.chunked_encoding = True
            lines.append(b"transfer-encoding: chunked")
        if raw or (self._left is None and not self.chunked_encoding):
            self.keep_alive = False
        if not self.keep_alive:
            lines.append(b"connection: close")
        head = b"\r\n".join(lines)
        if head.count(b"\n") != len(lines) - 1 or head.count(b"\r") != len(lines) - 1:
            raise RuntimeError("a header of more than a line")
        if self.scope["http_version"] == "0.9":
            return b""
        return raw or head + b"\r\n\r\n"

    def _send_body(self, body: bytes, more: bool) -> None:
        if self.scope["method"] == "HEAD":
            body = b""
        if self._left is not None:
            self._left -= len(body)
            if self._left < 0 or (self._left and not more):
                raise RuntimeError("the body has not as many bytes as the head says")
        data = self._head + body  # without a head, no copy
        if self.chunked_encoding:
            chunk = (b"%x\r\n" % len(body), body, b"\r\n") if body else ()
            data = b"".join([self._head, *chunk, b"" if more else b"0\r\n\r\n"])
        self._head = b""
        self.transport.write(data)
        if not more:
            self.response_complete = True
            self.message_event.set()
            if not self.keep_alive:
                self.transport.close()
            self.on_response()
