"""The console as an ASGI application in front of the one that it is about.

Pages are made here and are whole without JavaScript; a little of it brings them up to date. What a form asks
for is sent through the very application that clients ask, so it shows what they would get.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Mapping
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import jinja2
from starlette.requests import Request as Received
from starlette.responses import JSONResponse, RedirectResponse, Response

from cgicompat import __version__
from cgicompat.config import Settings
from cgicompat.gateways import asgi
from cgicompat.gateways.asgi import Message, Receive, Scope, Send
from cgicompat.gateways.body import Body
from cgicompat.gateways.exchange import Answer, Run
from cgicompat.response import is_length
from cgicompat.runners.script import kind
from cgicompat.survey import Found, Survey, survey

from .figures import BOUNDS, Book, Figures
from .gate import Gate
from .workers import states

PATH = "/_cgicompat"
METHODS = ("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS")
FORM = "application/x-www-form-urlencoded"
_SHOWN = 256 * 1024  # bytes of a response
_FORM_FIELDS = 100
_FORM_BYTES = 8 * 1024 * 1024
_LOG_BEHIND = 0.2  # seconds; longer than a traceback waits for its rest
_SURVEY_SECONDS = 0.5
_SURVEY_EVERY = 2.0


class Watched(asgi.CGI):
    """The application, with a book kept of its runs."""

    def __init__(self, settings: Settings, book: Book) -> None:
        super().__init__(settings)
        self.book = book

    async def _relay(self, run: Run, body: Body, scope: Scope, receive: Receive, send: Send) -> Answer | None:
        began = time.perf_counter()
        status = 0
        try:
            answer = await super()._relay(run, body, scope, receive, send)
            status = run.reply.status if run.reply else getattr(answer, "status", 200)
            return answer
        finally:
            if run.broken:
                status = 500
            self.book.add_run(run.filename, status, time.perf_counter() - began)


class Console:
    """Answers what is below PATH, and hands on the rest to `served`, the application with its access log.
    `app` is that application without it. The server listens on `port`."""

    def __init__(self, served: Any, app: Watched, port: int) -> None:
        settings = app.site.settings
        self._served = served
        self._app = app
        self._book = app.book
        self._scheme = "https" if settings.certfile else "http"
        self._gate = Gate(self._scheme, settings.bind, port)
        self._port = port
        self._comparing = asyncio.Lock()
        self._found = Survey()
        self._surveyed = 0.0
        environment = jinja2.Environment(
            loader=jinja2.FunctionLoader(_text),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
        )
        environment.filters.update(
            duration=_duration,
            ago=_ago,
            clock=_clock,
            urlpath=lambda text: quote(text, safe="", errors="surrogateescape"),
        )
        self._templates = environment

    @property
    def _settings(self) -> Settings:
        return self._app.site.settings  # others after a reload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or not (path == PATH or path.startswith(f"{PATH}/")):
            await self._served(scope, receive, send)
            return
        request = Received(scope, receive)
        response = await self._answer(request, path.removeprefix(PATH))
        for name, value in (
            ("Cache-Control", "no-store"),
            ("Content-Security-Policy", "default-src 'none'"),
            ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Referrer-Policy", "same-origin"),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
        ):
            response.headers.setdefault(name, value)
        await response(scope, receive, send)

    async def _answer(self, request: Received, path: str) -> Response:
        if refusal := self._gate.refusal(request.headers):
            return Response(refusal + "\n", 403, media_type="text/plain")
        pages = {"/": self._overview, "/script": self._script, "/log": self._log, "/log.json": self._lines}
        if path == "":
            return RedirectResponse(f"{PATH}/")
        if path in ("/style.css", "/console.js"):
            return _file(path)
        if path in pages:
            if request.method not in ("GET", "HEAD"):
                return Response("405\n", 405, {"Allow": "GET, HEAD"}, "text/plain")
            return await pages[path](request)
        if path == "/ask":
            if request.method != "POST":
                return Response("405\n", 405, {"Allow": "POST"}, "text/plain")
            return await self._ask(request)
        return self._page("missing.html.j2", 404)

    def _page(self, name: str, status: int = 200, **values: Any) -> Response:
        nonce = secrets.token_urlsafe(16)
        text = self._templates.get_template(name).render(
            console=PATH,
            nonce=nonce,
            directory=self._settings.directory,
            version=__version__,
            began=self._book.began,
            **values,
        )
        policy = (
            f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; "
            "img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        )
        return _html(text, policy, status)

    # Pages

    async def _overview(self, request: Received) -> Response:
        found = await self._survey()
        return self._page(
            "overview.html.j2",
            scripts=[self._row(script) for script in found],
            workers=self._workers(),
            complete=self._found.complete,
        )

    async def _script(self, request: Received) -> Response:
        script = await self._named(request.query_params.get("path", ""))
        if script is None:
            return self._page("missing.html.j2", 404)
        asked = {
            "method": "GET",
            "target": quote(script.path, errors="surrogateescape"),
            "headers": "",
            "body": "",
        }
        return self._page("script.html.j2", **self._about(script, asked))

    def _about(self, script: Found, asked: Mapping[str, str], **values: Any) -> dict[str, Any]:
        return {
            "script": self._row(script),
            "chart": _chart(self._book.of(script.filename)),
            "token": self._gate.token,
            "methods": METHODS,
            "asked": asked,
            "answer": None,
            "problem": "",
            **values,
        }

    async def _log(self, request: Received) -> Response:
        written, lines = self._book.log()
        return self._page("log.html.j2", lines=lines, written=written)

    async def _lines(self, request: Received) -> Response:
        after = request.query_params.get("after", "0")
        if not is_length(after):
            return Response("after=N: a number of lines.\n", 400, media_type="text/plain")
        written, lines = self._book.log(int(after))
        return JSONResponse({"written": written, "lines": lines})

    async def _survey(self) -> list[Found]:
        """The scripts on disk, and others that have run."""
        if time.monotonic() - self._surveyed > _SURVEY_EVERY:
            self._found = await asyncio.to_thread(survey, self._settings, _SURVEY_SECONDS)
            self._surveyed = time.monotonic()
        known = {script.filename for script in self._found.scripts}
        root = self._settings.directory.rstrip("/")
        more = [Found(name.removeprefix(root), name) for name in self._book.scripts() - known]
        return sorted([*self._found.scripts, *more], key=lambda script: script.path)

    async def _named(self, path: str) -> Found | None:
        return next((script for script in await self._survey() if script.path == path), None)

    def _row(self, script: Found) -> dict[str, Any]:
        figures = self._book.of(script.filename)
        settings = self._settings.for_script(script.filename)
        return {
            "path": script.path,
            "problem": script.problem,
            "runner": settings.runner if _runs_here(script.filename, settings) else "cgi",
            "figures": figures,
            "lines": list(figures.lines),
            "last_line": next((said.text for said in reversed(figures.lines) if not said.ours), ""),
            "bars": _bars(figures),
        }

    def _workers(self) -> list[Any] | None:
        pid = self._app.pools.pid
        return states(pid) if pid else None

    # Requests from the form

    async def _ask(self, request: Received) -> Response:
        data = b""
        async for piece in request.stream():
            data += piece
            if len(data) > _FORM_BYTES:
                return Response("The form is too large.\n", 413, media_type="text/plain")
        try:
            text = data.decode("utf-8", "replace")
            fields = parse_qs(text, keep_blank_values=True, max_num_fields=_FORM_FIELDS)
        except ValueError:
            return Response("The form has too many fields.\n", 400, media_type="text/plain")
        form = {name: values[-1] for name, values in fields.items()}
        if not self._gate.knows(form.get("token", "")):
            text = "The form is not of this server, or of a former run of it: reload the page.\n"
            return Response(text, 403, media_type="text/plain")
        script = await self._named(form.get("path", ""))
        if script is None:
            return self._page("missing.html.j2", 404)
        asked = {name: form.get(name, "") for name in ("method", "target", "headers", "body")}
        try:
            scope, body = self._scope(request.scope, asked, script)
            if form.get("do") == "compare":
                return await self._compare(scope, body)
            answer = await self._send(scope, body, script)
        except _Wrong as wrong:
            return self._page("script.html.j2", 400, **self._about(script, asked, problem=str(wrong)))
        return self._page("script.html.j2", **self._about(script, asked, answer=answer))

    def _scope(self, scope: Scope, asked: Mapping[str, str], script: Found) -> tuple[Scope, bytes]:
        """The request that the form describes. Raises _Wrong."""
        try:
            target = urlsplit(asked["target"].strip())
        except ValueError:  # half an IPv6 address
            target = urlsplit("")
        if target.scheme or target.netloc or not target.path.startswith("/"):
            raise _Wrong("The address is a path on this server, and a query: /cgi-bin/script.py?name=value")
        if asked["method"] not in METHODS:
            raise _Wrong(f"The method is one of {', '.join(METHODS)}.")
        headers = [("host", f"localhost:{self._port}"), ("user-agent", f"cgicompat-console/{__version__}")]
        for line in asked["headers"].splitlines():
            name, colon, value = line.partition(":")
            if not line.strip():
                continue
            if not colon or not re.fullmatch(r"[!#$%&'*+.^_`|~\w-]+", name.strip(), re.ASCII):
                raise _Wrong(f"A header is NAME: VALUE, and not {line!r}.")
            headers = [pair for pair in headers if pair[0] != name.strip().lower()]
            headers.append((name.strip().lower(), value.strip()))
        body = asked["body"].replace("\r\n", "\n").encode()
        if body or asked["method"] in ("POST", "PUT"):
            if not any(name == "content-type" for name, _ in headers):
                headers.append(("content-type", FORM))
            headers = [pair for pair in headers if pair[0] != "content-length"]
            headers.append(("content-length", str(len(body))))
        path = quote(target.path, safe="/%:@!$&'()*+,;=~")
        made = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": asked["method"],
            "scheme": self._scheme,
            "path": path,
            "raw_path": path.encode(),
            "query_string": quote(target.query, safe="/%:@!$&'()*+,;=?~[]|").encode(),
            "root_path": "",
            "headers": [(name.encode("latin-1", "replace"), value.encode()) for name, value in headers],
            "client": scope.get("client"),
            "server": scope.get("server"),
            "extensions": {},
        }
        run = self._app.site.answer(asgi.request_of(made))
        if not isinstance(run, Run) or run.filename != script.filename:
            raise _Wrong(f"This address does not lead to {script.path}.")
        return made, body

    async def _send(self, scope: Scope, body: bytes, script: Found) -> dict[str, Any]:
        """What the application answers."""
        head: dict[str, Any] = {"status": 0, "headers": []}
        received = bytearray()
        size = 0
        gone = asyncio.Event()
        messages = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> Message:
            for message in messages:
                return message
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            nonlocal size
            if message["type"] == "http.response.start":
                head.update(message)
            else:
                piece = message.get("body", b"")
                size += len(piece)
                received.extend(piece[: max(0, _SHOWN - len(received))])

        written, _ = self._book.log()
        began = time.perf_counter()
        broken = ""
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            broken = str(error)
        seconds = time.perf_counter() - began
        await asyncio.sleep(_LOG_BEHIND)
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in head["headers"]]
        return {
            "status": head["status"],
            "headers": headers,
            "seconds": seconds,
            "size": size,
            "cut": size > len(received),
            "text": None if b"\0" in received else _decoded(bytes(received), headers),
            "broken": broken,
            "lines": self._book.said(script.filename, written),
        }

    async def _compare(self, scope: Scope, body: bytes) -> Response:
        """The page of a comparison. Raises _Wrong."""
        from cgicompat.compare import html
        from cgicompat.compare.case import Case, CompareError
        from cgicompat.compare.engine import compare

        run = self._app.site.answer(asgi.request_of(scope))
        assert isinstance(run, Run)
        environ = dict(run.environ)
        if "CONTENT_LENGTH" in environ:
            environ["CONTENT_LENGTH"] = str(len(body))
        case = Case(f"{scope['method']} {run.request.uri}", run.filename, environ, body)
        if self._comparing.locked():
            raise _Wrong("A comparison is under way: wait for its end.")
        async with self._comparing:
            try:
                report = await asyncio.to_thread(compare, self._settings, [case])
            except CompareError as error:
                raise _Wrong(f"No comparison: {error}") from None
        text = await asyncio.to_thread(html.page, report)
        policy = f"{html.policy()}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
        return _html(text, policy)


class _Wrong(Exception):
    """What is wrong with a form, for the one who has filled it in."""


def _runs_here(filename: str, settings: Settings) -> bool:
    try:
        return settings.interpreter is None and kind(filename).here
    except OSError:
        return True


def _html(text: str, policy: str, status: int = 200) -> Response:
    return Response(
        text.encode("utf-8", "replace"),
        status,
        {"Content-Security-Policy": policy},
        "text/html; charset=utf-8",
    )


def _text(name: str) -> str:
    return files("cgicompat.console").joinpath(name).read_text("utf-8")


def _file(path: str) -> Response:
    if path == "/console.js":
        return Response(_text("console.js"), media_type="text/javascript")
    common = files("cgicompat.compare").joinpath("style.css").read_text("utf-8")
    return Response(common + _text("console.css"), media_type="text/css")


def _decoded(data: bytes, headers: list[tuple[str, str]]) -> str:
    kind = next((value for name, value in headers if name.lower() == "content-type"), "")
    found = re.search(r"charset\s*=\s*[\"']?([\w.:-]+)", kind, re.IGNORECASE)
    try:
        return data.decode(found[1] if found else "utf-8", "replace")
    except (LookupError, ValueError):  # there is no such charset, or it does not know "replace"
        return data.decode("utf-8", "replace")


def _bars(figures: Figures, width: int = 6, height: int = 24) -> list[dict[str, Any]]:
    """A histogram as rectangles, one for each bucket."""
    most = max(figures.buckets) or 1
    bars = []
    for i, count in enumerate(figures.buckets):
        tall = max(1, round(height * count / most)) if count else 0
        bars.append({"x": i * width, "y": height - tall, "width": width - 1, "height": tall})
    return bars


def _chart(figures: Figures) -> list[dict[str, Any]]:
    """The same as a table: what each bucket holds, from the first that holds anything to the last."""
    most = max(figures.buckets) or 1
    used = [i for i, count in enumerate(figures.buckets) if count]
    if not used:
        return []
    bounds = [*BOUNDS, 0.0]
    return [
        {
            "text": f"to {_duration(bounds[i])}" if bounds[i] else f"over {_duration(BOUNDS[-1])}",
            "count": figures.buckets[i],
            "width": round(100 * figures.buckets[i] / most, 1),
        }
        for i in range(used[0], used[-1] + 1)
    ]


def _duration(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    return f"{seconds:.3g} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _ago(moment: float) -> str:
    seconds = time.time() - moment
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name} ago"
    return f"{max(0, seconds):.0f} s ago"


def _clock(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))
