"""The two applications called without a server, so that every message between them can be seen."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from cgicompat.config import Settings
from cgicompat.gateways import asgi, wsgi
from cgicompat.gateways.exchange import Aborted
from tests.harness.processes import until as wait

Headers = Iterable[tuple[str, str]]


@dataclass
class Answer:
    status: int = 0
    reason: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)
    aborted: str = ""

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    def get(self, name: str) -> str | None:
        values = self.all(name)
        assert len(values) < 2
        return values[0] if values else None

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


class Asgi:
    name = "asgi"

    def __init__(self, settings: Settings, **options: Any) -> None:
        self.app = asgi.CGI(settings, **options)

    def ask(
        self,
        target: str,
        method: str = "GET",
        headers: Headers = (),
        body: Iterable[bytes] = (),
        mount: str = "",
        seen: Callable[[bytes], object] = lambda piece: None,
        leave: Callable[[], bool] = lambda: False,
        until: Callable[[], bool] = lambda: True,
        **scope: Any,
    ) -> Answer:
        """One request. `seen` gets each piece of the body as it comes; once `leave` is true the client is
        gone; the server goes on until `until` is true."""
        answer = Answer()
        path, _, query = target.partition("?")
        pieces = [*body] or [b""]
        scope = {
            "type": "http",
            "method": method,
            "http_version": "1.1",
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "root_path": mount,
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
            "server": ("127.0.0.1", 80),
            "client": ("127.0.0.2", 5000),
            **scope,
        }

        async def receive() -> dict[str, Any]:
            if pieces:
                piece = pieces.pop(0)
                return {"type": "http.request", "body": piece, "more_body": bool(pieces)}
            while not leave():
                await asyncio.sleep(0.01)
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = [
                    (name.decode(), value.decode("latin-1")) for name, value in message["headers"]
                ]
            elif message.get("body"):
                answer.pieces.append(message["body"])
                await asyncio.to_thread(seen, message["body"])

        async def run() -> None:
            await self.app(scope, receive, send)
            await asyncio.to_thread(wait, until)

        try:
            asyncio.run(run())
        except Aborted as error:
            answer.aborted = str(error)
        return answer


class Wsgi:
    name = "wsgi"

    def __init__(self, settings: Settings, **options: Any) -> None:
        self.app = wsgi.CGI(settings, **options)

    def ask(
        self,
        target: str,
        method: str = "GET",
        headers: Headers = (),
        body: Iterable[bytes] = (),
        mount: str = "",
        seen: Callable[[bytes], object] = lambda piece: None,
        leave: Callable[[], bool] = lambda: False,
        until: Callable[[], bool] = lambda: True,
        **environ: Any,
    ) -> Answer:
        """One request, as with ASGI; here the server notices when it writes that the client is gone."""
        answer = Answer()
        path, _, query = target.partition("?")
        environ = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": mount,
            "PATH_INFO": unquote(path, "latin-1").removeprefix(mount),
            "RAW_URI": target,
            "QUERY_STRING": query,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.2",
            "REMOTE_PORT": "5000",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(b"".join(body)),
            "wsgi.input_terminated": True,
            **environ,
        }
        for name, value in headers:
            key = name.upper().replace("-", "_")
            environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value

        def start_response(status: str, headers: list[tuple[str, str]]) -> None:
            code, answer.reason = status.split(" ", 1)
            answer.status, answer.headers = int(code), headers

        response = iter(self.app(environ, start_response))
        try:
            for piece in response:
                if piece:
                    answer.pieces.append(piece)
                    seen(piece)
                if leave():
                    response.close()  # type: ignore[attr-defined]
        except Aborted as error:
            answer.aborted = str(error)
        wait(until)
        return answer


App = Asgi | Wsgi
