"""What only ASGI has: scopes, lifespan, buffers, and uvicorn itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.routing import Mount
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

import cgicompat.asgi
from cgicompat import config
from cgicompat.gateways import asgi
from cgicompat.gateways.verbatim import VerbatimProtocol
from tests.gateways.apps import Asgi
from tests.gateways.responder import Call, Responder
from tests.harness import wire
from tests.harness.processes import until

TYPE = b"Content-Type: text/plain\n"


# Scopes


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({}, ("", "", "/a b/é", "")),
        ({"raw_path": b"/a%20b/%C3%A9"}, ("", "", "/a%20b/%C3%A9", "")),
        ({"raw_path": b"/a%20b/%C3%A9?q", "query_string": b"q"}, ("", "", "/a%20b/%C3%A9", "q")),
        ({"root_path": "/a b"}, ("/a b", "/a%20b", "/é", "")),
        ({"root_path": "/a b/"}, ("/a b", "/a%20b", "/é", "")),
        ({"root_path": "/other one"}, ("/other one", "/other%20one", "/a b/é", "")),
    ],
)
def test_path_and_mount(scope: dict[str, Any], expected: tuple[str, str, str, str]) -> None:
    request = asgi.request_of(
        {"type": "http", "http_version": "1.1", "method": "GET", "path": "/a b/é", "headers": [], **scope}
    )
    found = (request.mount, request.prefix, request.path, request.query)
    encoded = expected[2].replace(" ", "%20").replace("é", "%C3%A9")
    assert found == (*expected[:2], encoded, expected[3])
    assert request.uri == request.prefix + encoded + ("?q" if expected[3] else "")


def test_unix_socket_and_other_protocols() -> None:
    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    request = asgi.request_of({**scope, "http_version": "2", "server": ("/run/x", None), "client": None})
    assert (request.server, request.client, request.protocol) == (None, None, "HTTP/2.0")
    request = asgi.request_of({**scope, "http_version": "1.0", "scheme": "https", "client": ["::1", 5]})
    assert (request.client, request.protocol, request.scheme) == (("::1", 5), "HTTP/1.0", "https")


def test_websocket_is_refused(settings: config.Settings) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message["type"])

    asyncio.run(asgi.CGI(settings)({"type": "websocket"}, send, send))  # type: ignore[arg-type]
    assert sent == ["websocket.close"]


# What is held back for slow clients


def test_slow_client_does_not_hold_a_worker(settings: config.Settings, pool: Responder) -> None:
    """The script is done with its page before the client has taken the first piece of it."""
    ended = threading.Event()

    def script(call: Call) -> None:
        call.say(TYPE + b"\n")
        for _ in range(8):
            call.say(b"x" * 100_000)
        call.end()
        ended.set()

    pool.script = script
    answer = Asgi(settings).ask("/cgi-bin/x.py", seen=lambda piece: ended.wait(30))
    assert ended.is_set()
    assert answer.body == b"x" * 800_000


def test_what_waits_for_a_slow_client_is_bounded(settings: config.Settings, pool: Responder) -> None:
    written = 0
    at_first_piece = 0

    def script(call: Call) -> None:
        nonlocal written
        call.say(TYPE + b"\n")
        for _ in range(200):
            call.say(b"x" * 100_000)
            written += 100_000
        call.end()

    def seen(piece: bytes) -> None:
        nonlocal at_first_piece
        if not at_first_piece:
            time.sleep(0.5)
            at_first_piece = written

    pool.script = script
    answer = Asgi(settings).ask("/cgi-bin/x.py", seen=seen)
    assert len(answer.body) == 20_000_000
    assert at_first_piece < 3_000_000


# A server


@contextlib.contextmanager
def serving(app: Any, **options: Any) -> Iterator[tuple[str, int]]:
    """uvicorn in a thread; gives its address."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none", **{"lifespan": "off", **options}))
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=asyncio.run, args=(server.serve([listener]),))
    thread.start()
    try:
        yield listener.getsockname()
    finally:
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


def ask(address: tuple[str, int], data: bytes, method: str = "GET") -> wire.Exchange:
    return wire.Exchange(lambda raw, reset: wire.parse_http(raw, reset, method), wire.connect(address), data)


def get(address: tuple[str, int], target: str, *args: Any, method: str = "GET") -> wire.Response:
    return ask(address, wire.http_request(method, target, *args), method).finish()


PROTOCOLS = [H11Protocol, HttpToolsProtocol, VerbatimProtocol]


@pytest.fixture(params=[(http, loop) for http in PROTOCOLS for loop in ("asyncio", "uvloop")], ids=str)
def address(request: pytest.FixtureRequest, settings: config.Settings) -> Iterator[tuple[str, int]]:
    http, loop = request.param
    with serving(asgi.CGI(settings), http=http, loop=loop) as address:
        yield address


def test_bodies_of_both_kinds(address: tuple[str, int], pool: Responder) -> None:
    def script(call: Call) -> None:
        call.say(TYPE + b"\n" + call.environ["CONTENT_LENGTH"].encode() + b"|" + call.body)
        call.end()

    pool.script = script
    assert get(address, "/cgi-bin/x.py", (), b"abc").body == b"3|abc"
    chunked = [("Transfer-Encoding", "chunked")]
    assert get(address, "/cgi-bin/x.py", chunked, b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").body == b"5|abcde"
    big = bytes(range(256)) * 16_000
    assert get(address, "/cgi-bin/x.py", (), big).body == b"%d|" % len(big) + big


def test_bad_chunk_is_400(address: tuple[str, int], pool: Responder) -> None:
    answer = get(address, "/cgi-bin/x.py", [("Transfer-Encoding", "chunked")], b"3\r\nabc\r\nzz\r\n")
    assert answer.status in (0, 400)
    assert not pool.calls


def test_abort_is_visible(address: tuple[str, int], pool: Responder) -> None:
    def script(call: Call) -> None:
        call.say(TYPE + b"\nsome")
        assert not call.left(0.35)
        call.die()

    pool.script = script
    answer = get(address, "/cgi-bin/short.py")
    assert (answer.status, answer.body, answer.whole) == (200, b"some", False)
    pool.says(b"Content-Length: 80000\nContent-Type: x\n\n" + b"1" * 70_000)
    answer = get(address, "/cgi-bin/x.py")
    assert (answer.status, answer.body, answer.whole) == (200, b"1" * 70_000, False)


def test_last_words(address: tuple[str, int], pool: Responder) -> None:
    """The output and the reset that follows it are noticed at once."""

    def script(call: Call) -> None:
        call.say(TYPE + b"\nlast words")
        call.die()

    pool.script = script
    answer = get(address, "/cgi-bin/x.py")
    assert (answer.status, answer.body, answer.whole) == (200, b"last words", True)


def test_output_and_its_end_are_one(address: tuple[str, int], pool: Responder) -> None:
    """The script ends a moment after it has flushed its output."""

    def script(call: Call) -> None:
        call.say(TYPE + b"\nhello")
        time.sleep(0.0002)
        call.end()

    pool.script = script
    answers = [get(address, "/cgi-bin/x.py") for _ in range(10)]
    assert {answer.body for answer in answers} == {b"hello"}
    assert "5" in {answer.header("Content-Length") for answer in answers}  # a busy machine may be late


def test_connection_stays_sound(address: tuple[str, int], pool: Responder) -> None:
    """Several requests on one connection: each gets its own answer, whatever scripts say."""
    outputs = {
        "/a": b"Content-Length: 2\n" + TYPE + b"\n1234",
        "/b": b"Transfer-Encoding: chunked\nConnection: close\n" + TYPE + b"\nbody",
        "/c": b"Status: 204\nContent-Length: 4\n\nbody",
        "/d": b"Status: 304\nContent-Length: 4\n\nbody",
        "/e": b"no response",
        "/f": TYPE + b"\nlast",
    }

    def script(call: Call) -> None:
        call.say(outputs[call.environ["PATH_INFO"]])
        call.end()

    pool.script = script
    targets = [f"/cgi-bin/x.py{name}" for name in outputs]
    requests = [wire.http_request("GET", target, [("Connection", "keep-alive")]) for target in targets[:-1]]
    raw = ask(address, b"".join([*requests, wire.http_request("GET", targets[-1])])).finish().raw
    for expected in (
        *(b"HTTP/1.1 200 OK", b"\r\n12", b"HTTP/1.1 200 OK", b"body", b"HTTP/1.1 204 No Content"),
        *(b"HTTP/1.1 304 Not Modified", b"HTTP/1.1 500", b"HTTP/1.1 200 OK", b"last"),
    ):
        _, found, raw = raw.partition(expected)
        assert found, expected


def test_client_that_leaves_ends_the_script(address: tuple[str, int], pool: Responder) -> None:
    left = threading.Event()

    def script(call: Call) -> None:
        call.say(TYPE + b"\nbegun")
        if call.left(5):
            left.set()

    pool.script = script
    exchange = ask(address, wire.http_request("GET", "/cgi-bin/x.py"))
    exchange.wait_for(b"begun")
    exchange.drop()
    assert left.wait(30)


def test_client_that_leaves_amid_its_body(address: tuple[str, int], pool: Responder) -> None:
    exchange = ask(address, b"POST /cgi-bin/x.py HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
    with pytest.raises(TimeoutError):
        exchange.pump(timeout=0.2)
    exchange.drop()
    assert get(address, "/page.txt").status == 200
    assert not pool.calls


def test_refused_body_leaves_time_to_read_why(address: tuple[str, int], pool: Responder) -> None:
    """Declared or chunked; also where the client asks first, and so may never send it."""
    big = b"x" * 5_000_000
    answer = get(address, "/cgi-bin/small.py", (), big)
    assert (answer.status, answer.header("Connection"), answer.whole) == (413, "close", True)
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(big), big)
    assert get(address, "/cgi-bin/small.py", [("Transfer-Encoding", "chunked")], chunks).status == 413
    head = wire.http_request(
        "POST", "/cgi-bin/small.py", [("Content-Length", "11"), ("Expect", "100-continue")]
    )
    exchange = ask(address, head)
    exchange.wait_for(b"413 ")
    assert b"100 Continue" not in exchange.raw
    assert not pool.calls


def test_expect_continue(address: tuple[str, int], pool: Responder) -> None:
    def script(call: Call) -> None:
        call.say(TYPE + b"\n" + call.body)
        call.end()

    pool.script = script
    expecting = [("Content-Length", "3"), ("Expect", "100-continue")]
    exchange = ask(address, wire.http_request("POST", "/cgi-bin/x.py", expecting))
    exchange.wait_for(b"HTTP/1.1 100 Continue\r\n\r\n")
    exchange.raw.clear()
    os.write(exchange.reader, b"abc")
    assert exchange.finish().body == b"abc"


def test_static_file(address: tuple[str, int]) -> None:
    answer = get(address, "/page.txt", [("Range", "bytes=2-4")])
    assert (answer.status, answer.body) == (206, b"234")
    answer = get(address, "/page.txt", method="HEAD")
    assert (answer.header("Content-Length"), answer.body) == ("10", b"")
    assert get(address, "/files/").status == 200


# What our own uvicorn adds


@pytest.fixture
def verbatim(settings: config.Settings) -> Iterator[tuple[str, int]]:
    with serving(asgi.CGI(settings), http=VerbatimProtocol) as address:
        yield address


@pytest.mark.parametrize("status", ["404 Gone Fishing", "200 Fine", "299 Odd", "404 Not Found"])
def test_reason_phrase(verbatim: tuple[str, int], pool: Responder, status: str) -> None:
    pool.says(f"Status: {status}\n\nbody".encode())
    answer = get(verbatim, "/cgi-bin/x.py")
    assert f"{answer.status} {answer.reason}" == status
    assert answer.body == b"body"


def test_nph_bytes_are_untouched(verbatim: tuple[str, int], pool: Responder) -> None:
    output = b"HTTP/1.0 299 Odd\r\nserver:mine\nX-Mixed: Case\r\n\r\nbody\0\r\n"
    pool.says(output[:20], output[20:])
    request = wire.http_request("GET", "/cgi-bin/nph-x.py", [("Connection", "keep-alive")])
    assert ask(verbatim, request).finish().raw == output
    pool.says(b"Status: 404\nServer: mine\n\nbody")  # an nph script that is none
    answer = get(verbatim, "/cgi-bin/nph-x.py")
    assert (answer.status, answer.header("Server"), answer.body) == (404, "uvicorn", b"body")


def test_old_clients_get_no_chunks(verbatim: tuple[str, int], pool: Responder) -> None:
    def script(call: Call) -> None:
        call.say(TYPE + b"\nfirst")
        assert arrived.wait(30)
        call.say(b"second")
        call.end()

    arrived = threading.Event()
    pool.script = script
    exchange = ask(verbatim, b"GET /cgi-bin/x.py HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    exchange.wait_for(b"first")
    arrived.set()
    answer = exchange.finish()
    assert answer.header("Transfer-Encoding") is None
    assert (answer.body, answer.header("Connection")) == (b"firstsecond", "close")
    pool.says(b"Content-Length: 4\n" + TYPE + b"\nbody")
    answer = ask(verbatim, b"GET /cgi-bin/x.py HTTP/1.0\r\n\r\n").finish()
    assert (answer.body, answer.header("Content-Length")) == (b"body", "4")


def test_pipelined_requests_are_still_answered_in_order(verbatim: tuple[str, int], pool: Responder) -> None:
    def script(call: Call) -> None:
        call.say(TYPE + b"\n" + call.environ["PATH_INFO"].encode())
        call.end()

    pool.script = script
    requests = [wire.http_request("GET", f"/cgi-bin/x.py/{n}", [("Connection", "keep-alive")]) for n in "123"]
    raw = ask(verbatim, b"".join([*requests, wire.http_request("GET", "/cgi-bin/x.py/4")])).finish().raw
    assert raw.index(b"/1") < raw.index(b"/2") < raw.index(b"/3") < raw.index(b"/4")


# Within other applications


def test_mounted_in_starlette(settings: config.Settings, pool: Responder) -> None:
    def script(call: Call) -> None:
        names = ("SCRIPT_NAME", "PATH_INFO", "REQUEST_URI")
        call.say(TYPE + b"\n" + "|".join(call.environ[name] for name in names).encode())
        call.end()

    pool.script = script
    inner = Starlette(routes=[Mount("/b c", asgi.CGI(settings))])
    with serving(Starlette(routes=[Mount("/a", inner)])) as address:
        answer = get(address, "/a/b%20c/cgi-bin/x.py/d%20e?f")
        assert answer.body == b"/a/b c/cgi-bin/x.py|/d e|/a/b%20c/cgi-bin/x.py/d%20e?f"
        assert get(address, "/a/b%20c/page.txt").body == b"0123456789"
        assert get(address, "/a/b%20c/files").header("Location") == "/a/b%20c/files/"


def test_behind_middleware(settings: config.Settings, pool: Responder) -> None:
    """Starlette's own kind hands on messages of its making."""

    class Middleware(BaseHTTPMiddleware):
        async def dispatch(self, request: Any, call_next: Any) -> Any:
            return await call_next(request)

    def script(call: Call) -> None:
        call.say(TYPE + b"\n" + call.body)
        call.end()

    pool.script = script
    with serving(Middleware(asgi.CGI(settings))) as address:
        assert get(address, "/cgi-bin/x.py", (), b"abc").body == b"abc"
        assert get(address, "/page.txt").body == b"0123456789"


# With a pool of its own


@pytest.fixture
def hello(root: Path) -> Path:
    script = root / "cgi-bin" / "hello.py"
    script.write_text("import os\nprint('Content-Type: text/plain\\n')\nprint('hello', os.getppid())\n")
    return script


def test_lifespan_starts_and_ends_the_pool(root: Path, hello: Path) -> None:
    app = cgicompat.asgi.CGI(root, workers="1")
    with serving(app, lifespan="on") as address:
        assert get(address, "/page.txt").status == 200
        assert app.pools.ready
        answer = get(address, "/cgi-bin/hello.py")
        assert answer.body.startswith(b"hello ")
        master = int(answer.body.split()[1])
        os.kill(master, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(master, 0)


def test_without_lifespan_the_first_request_starts_the_pool(root: Path, hello: Path) -> None:
    app = cgicompat.asgi.CGI(root, workers="1")
    with serving(app) as address:
        assert get(address, "/page.txt").status == 200
        assert not app.pools.ready
        master = int(get(address, "/cgi-bin/hello.py").body.split()[1])
        # A pool that was killed is replaced.
        os.kill(master, signal.SIGKILL)
        until(lambda: not app.pools.ready)
        answer = get(address, "/cgi-bin/hello.py")
        assert answer.status == 200
        master = int(answer.body.split()[1])
    app.pools.close()
    with pytest.raises(ProcessLookupError):
        os.kill(master, 0)


def test_lifespan_that_cannot_start_a_pool(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(settings: config.Settings) -> None:
        raise OSError("no room")

    monkeypatch.setattr("cgicompat.gateways.pools.Pool", fail)
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(cgicompat.asgi.CGI(root)({"type": "lifespan"}, receive, send))
    assert sent == [{"type": "lifespan.startup.failed", "message": "cannot start the pool: no room"}]


def test_single_script_with_a_pool(root: Path) -> None:
    script = root / "wiki"
    script.write_text("#!/bin/sh\necho Content-Type: text/plain; echo; echo $SCRIPT_NAME:$PATH_INFO\n")
    script.chmod(0o755)
    app = cgicompat.asgi.CGI(script, workers=1)
    with serving(Starlette(routes=[Mount("/wiki", app)]), lifespan="off") as address:
        assert get(address, "/wiki/a/b").body == b"/wiki:/a/b\n"
    app.pools.close()


def test_app_is_made_when_it_is_asked_for(
    root: Path, pool: Responder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CGICOMPAT_DIRECTORY", str(root))
    monkeypatch.setenv("CGICOMPAT_TIMEOUT", "7")
    cgicompat.asgi._configured.cache_clear()
    app = cgicompat.asgi.app
    assert app is cgicompat.asgi.app
    cgicompat.asgi._configured.cache_clear()
    assert (app.site.settings.directory, app.site.settings.timeout) == (str(root), 7)
    with pytest.raises(AttributeError, match="other"):
        cgicompat.asgi.other  # noqa: B018
