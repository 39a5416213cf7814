"""What only WSGI has: environs, ways to read a body, processes that fork, and gunicorn itself."""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

import cgicompat.wsgi
from cgicompat import config
from cgicompat.gateways import wsgi
from tests.gateways.apps import Wsgi
from tests.gateways.responder import Call, Responder
from tests.harness import wire
from tests.harness.processes import until

TYPE = b"Content-Type: text/plain\n"


def echo(call: Call) -> None:
    call.say(TYPE + b"\n" + call.environ["CONTENT_LENGTH"].encode() + b"|" + call.body)
    call.end()


# Environs


@pytest.mark.parametrize(
    ("environ", "prefix", "path"),
    [
        ({"PATH_INFO": "/a b"}, "", "/a%20b"),
        ({"PATH_INFO": "/caf\xc3\xa9"}, "", "/caf%C3%A9"),
        ({"PATH_INFO": "/\xff"}, "", "/%FF"),
        ({"PATH_INFO": "/a b", "RAW_URI": "/a%20%62?q"}, "", "/a%20%62"),
        ({"PATH_INFO": "/a b", "REQUEST_URI": "/a%20%62?q"}, "", "/a%20%62"),
        ({"PATH_INFO": "/a/b", "REQUEST_URI": "/a%2Fb"}, "", "/a%2Fb"),
        ({"PATH_INFO": "/a", "REQUEST_URI": "http://example.org/a"}, "", "/a"),
        ({"PATH_INFO": "/rewritten", "REQUEST_URI": "/before"}, "", "/rewritten"),
        ({"SCRIPT_NAME": "/m n", "PATH_INFO": "/a", "REQUEST_URI": "/m%20n/%61"}, "/m%20n", "/%61"),
        ({"SCRIPT_NAME": "/m n", "PATH_INFO": ""}, "/m%20n", ""),
        ({"SCRIPT_NAME": "/m/", "PATH_INFO": "/a"}, "/m", "/a"),
    ],
)
def test_path_and_mount(environ: dict[str, str], prefix: str, path: str) -> None:
    request = wsgi.request_of({"REQUEST_METHOD": "GET", **environ})
    assert (request.prefix, request.path) == (prefix, path)


@pytest.mark.parametrize(
    ("environ", "uri"),
    [
        ({"PATH_INFO": "/a b", "QUERY_STRING": "c=%20"}, "/a%20b?c=%20"),
        ({"PATH_INFO": "/a b"}, "/a%20b"),
        ({"PATH_INFO": "/a b", "QUERY_STRING": "c", "RAW_URI": "/a%20%62?c"}, "/a%20%62?c"),
        ({"PATH_INFO": "/b", "QUERY_STRING": "", "REQUEST_URI": "/a/../b?"}, "/a/../b?"),
        (
            {"PATH_INFO": "/a", "REQUEST_URI": "http://example.org/a?b=http://c/"},
            "http://example.org/a?b=http://c/",
        ),
        ({"PATH_INFO": "/a", "REQUEST_URI": "/a?b=http://c/"}, "/a?b=http://c/"),
    ],
)
def test_uri_is_what_the_client_sent(environ: dict[str, str], uri: str) -> None:
    assert wsgi.request_of({"REQUEST_METHOD": "GET", **environ}).uri == uri


def test_an_absolute_target_names_the_host() -> None:
    environ = {"PATH_INFO": "/a b", "RAW_URI": "http://example.org:81/a%20b?c", "HTTP_HOST": "other"}
    request = wsgi.request_of({"REQUEST_METHOD": "GET", **environ})
    assert (request.path, request.headers) == ("/a%20b", [("host", "example.org:81")])


def test_what_the_server_in_front_knows(settings: config.Settings, pool: Responder) -> None:
    pool.says(TYPE + b"\n")
    who = {"REMOTE_USER": "guido", "AUTH_TYPE": "Basic", "SERVER_NAME": "localhost", "REMOTE_ADDR": ""}
    Wsgi(settings).ask("/cgi-bin/x.py", headers=[("X-A", "b"), ("Cookie", "c=d")], **who)
    environ = pool.calls[0].environ
    assert (environ["REMOTE_USER"], environ["AUTH_TYPE"]) == ("guido", "Basic")
    assert (environ["SERVER_NAME"], environ["REMOTE_ADDR"]) == ("localhost", "")
    assert (environ["HTTP_X_A"], environ["HTTP_COOKIE"]) == ("b", "c=d")
    assert "SERVER_ADDR" not in environ and "REMOTE_PORT" not in environ


def test_variables_that_are_no_text(settings: config.Settings, pool: Responder) -> None:
    pool.says(TYPE + b"\n")
    odd = {"REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": 40000, "HTTP_X_A": b"\xff", "HTTP_X_B": None}
    Wsgi(settings).ask("/cgi-bin/x.py", SERVER_NAME="localhost", SERVER_PORT=8000, REMOTE_USER=None, **odd)
    environ = pool.calls[0].environ
    assert (environ["REMOTE_PORT"], environ["SERVER_PORT"]) == ("40000", "8000")
    assert (environ["HTTP_X_A"], environ["HTTP_X_B"]) == ("\udcff", "")
    assert "REMOTE_USER" not in environ


@pytest.mark.parametrize("path", ["/cgi-bin/x.py", "/page.txt", "/none", "/files/"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_is_wsgi_by_the_letter(settings: config.Settings, pool: Responder, path: str, method: str) -> None:
    pool.says(TYPE + b"\nbody")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SCRIPT_NAME": "",
    }
    setup_testing_defaults(environ)
    response = validator(wsgi.CGI(settings))(
        environ, lambda status, headers, exc_info=None: lambda data: None
    )
    with contextlib.closing(response):  # type: ignore[type-var]
        assert all(isinstance(piece, bytes) for piece in response)


# Bodies


def body(settings: config.Settings, pool: Responder, data: bytes, **environ: Any) -> bytes | int:
    pool.script = echo
    answer = Wsgi(settings).ask("/cgi-bin/x.py", "POST", **{"wsgi.input": io.BytesIO(data), **environ})
    return answer.body if answer.status == 200 else answer.status


def test_body_ends_where_its_length_says(settings: config.Settings, pool: Responder) -> None:
    for terminated in (True, False):
        options = {"wsgi.input_terminated": terminated}
        assert body(settings, pool, b"abcdef", CONTENT_LENGTH="3", **options) == b"3|abc"
        assert body(settings, pool, b"abcdef", CONTENT_LENGTH=3, **options) == b"3|abc"  # type: ignore
        assert body(settings, pool, b"abcdef", CONTENT_LENGTH="0", **options) == b"0|"
        assert body(settings, pool, b"ab", CONTENT_LENGTH="3", **options) == 400


def test_body_without_length(settings: config.Settings, pool: Responder) -> None:
    """Read to its end where the server says that there is one, else not at all: it might never come."""
    assert body(settings, pool, b"abc", **{"wsgi.input_terminated": True}) == b"3|abc"
    assert body(settings, pool, b"abc", **{"wsgi.input_terminated": False}) == b"0|"
    assert body(settings, pool, b"abc", CONTENT_LENGTH="", **{"wsgi.input_terminated": False}) == b"0|"


def test_chunked_body(settings: config.Settings, pool: Responder, monkeypatch: pytest.MonkeyPatch) -> None:
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked"}
    assert body(settings, pool, b"abc", **chunked) == b"3|abc"
    assert body(settings, pool, b"abc", **chunked, **{"wsgi.input_terminated": False}) == 400
    uwsgi = ModuleType("uwsgi")
    pieces = [b"ab", b"cd", b""]
    uwsgi.chunked_read = lambda: pieces.pop(0)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "uwsgi", uwsgi)
    assert body(settings, pool, b"", **chunked, **{"wsgi.input_terminated": False}) == b"4|abcd"


def test_body_that_breaks_off(settings: config.Settings, pool: Responder) -> None:
    class Broken(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise RuntimeError("whatever this server raises")

    assert body(settings, pool, b"", **{"wsgi.input": Broken(), "CONTENT_LENGTH": "5"}) == 400
    assert not pool.calls


# Other things


def test_client_whose_socket_we_see_is_missed_at_once(settings: config.Settings, pool: Responder) -> None:
    """While the script is silent."""
    ours, theirs = socket.socketpair()
    left = threading.Event()

    def script(call: Call) -> None:
        theirs.close()
        if call.left(5):
            left.set()

    pool.script = script
    with ours, pytest.raises(BrokenPipeError):
        Wsgi(settings).ask("/cgi-bin/x.py", **{"gunicorn.socket": ours})
    assert left.wait(30)


def test_pool_over_tcp(root: Path) -> None:
    """It may be another program's, so it gets SCGI and nothing more."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        got = []

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                call = Call(connection)
                call.say(TYPE + b"\nbody")
                connection.shutdown(socket.SHUT_WR)
                got.extend([call, connection.recv(10)])

        thread = threading.Thread(target=serve)
        thread.start()
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        answer = Wsgi(config.load(str(root), {"socket": address}, {})).ask(
            "/cgi-bin/x.py", "POST", body=[b"abc"]
        )
        thread.join(5)
    assert answer.body == b"body"
    call, further = got
    assert (call.body, further) == (b"abc", b"")
    assert "CGICOMPAT_GATEWAY" not in call.environ


def test_app_is_made_when_it_is_asked_for(
    root: Path, pool: Responder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """mod_wsgi and uWSGI look into the dictionary of the module, and would not call a __getattr__."""
    monkeypatch.setenv("CGICOMPAT_DIRECTORY", f"{root}/cgi-bin/x.py")
    monkeypatch.setenv("CGICOMPAT_SOCKET", pool.address)
    pool.says(TYPE + b"\nbody")
    environ: dict[str, Any] = {"PATH_INFO": "/info"}
    setup_testing_defaults(environ)
    cgicompat.wsgi._configured.cache_clear()
    try:
        response = vars(cgicompat.wsgi)["application"](environ, lambda status, headers: None)
        assert b"".join(response) == b"body"
        assert pool.calls[0].environ["PATH_INFO"] == "/info"
        app = cgicompat.wsgi.app
        assert app is cgicompat.wsgi.app
        assert app.site.settings.directory == f"{root}/cgi-bin"
        assert app.site.router.filename == f"{root}/cgi-bin/x.py"
    finally:
        cgicompat.wsgi._configured.cache_clear()
    with pytest.raises(AttributeError, match="other"):
        cgicompat.wsgi.other  # noqa: B018


# With pools of its own


@pytest.fixture
def hello(root: Path) -> Path:
    script = root / "cgi-bin" / "hello.py"
    script.write_text("import os\nprint('Content-Type: text/plain\\n')\nprint('hello', os.getppid())\n")
    return script


def test_each_process_has_its_own_pool(root: Path, hello: Path) -> None:
    """A child that was forked when the pool ran already must neither use nor end it."""
    app = Wsgi(config.load(str(root), {"workers": 1}, {}))
    master = app.ask("/cgi-bin/hello.py").body
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            os.write(writer, app.ask("/cgi-bin/hello.py").body)
            app.app.pools.close()
        os._exit(0)
    os.close(writer)
    other = os.read(reader, 100)
    os.close(reader)
    os.waitpid(child, 0)
    assert other.startswith(b"hello ") and other != master
    with pytest.raises(ProcessLookupError):
        os.kill(int(other.split()[1]), 0)
    assert app.ask("/cgi-bin/hello.py").body == master
    app.app.pools.close()


# A server


@contextlib.contextmanager
def serving(root: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], tuple[str, int]]]:
    """gunicorn; gives its process and address."""
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-b", "127.0.0.1:0", *options, "cgicompat.wsgi:app"],
        env={**os.environ, "CGICOMPAT_DIRECTORY": str(root), "CGICOMPAT_WORKERS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stderr
    lines: list[str] = []
    for line in server.stderr:
        lines.append(line)
        if found := re.search(r"Listening at: http://(.+):(\d+)", line):
            break
    else:
        pytest.fail("".join(lines))
    drain = threading.Thread(target=server.stderr.read)
    drain.start()
    try:
        yield server, (found[1], int(found[2]))
    finally:
        server.terminate()
        assert server.wait(20) == 0
        drain.join(5)


def get(address: tuple[str, int], target: str, *args: Any) -> wire.Response:
    data = wire.http_request("GET", target, *args)
    return wire.Exchange(wire.parse_http, wire.connect(address), data).finish()


@pytest.mark.parametrize(
    "options", [("-w", "2", "--preload"), ("--threads", "4")], ids=["preload", "threads"]
)
def test_gunicorn(root: Path, hello: Path, options: tuple[str, ...]) -> None:
    (root / "cgi-bin" / "echo.py").write_text(
        "import os, sys\n"
        "print('Status: 200 Echoed\\nContent-Type: text/plain\\n')\n"
        "print(os.environ['CONTENT_LENGTH'], sys.stdin.read())\n"
    )
    (root / "cgi-bin" / "short.py").write_text(
        "print('Content-Type: x\\nContent-Length: 80000\\n\\n' + '1' * 70_000, end='')\n"
    )
    with serving(root, *options) as (_, address):
        masters = {int(get(address, "/cgi-bin/hello.py").body.split()[1]) for _ in range(3)}
        answer = get(address, "/cgi-bin/echo.py", (), b"a body")
        assert (answer.reason, answer.body) == ("Echoed", b"6 a body\n")
        chunks = b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        answer = get(address, "/cgi-bin/echo.py", [("Transfer-Encoding", "chunked")], chunks)
        assert answer.body == b"5 abcde\n"
        answer = get(address, "/cgi-bin/short.py")
        assert (answer.status, answer.body, answer.whole) == (200, b"1" * 70_000, False)
        assert get(address, "/cgi-bin/none.py").status == 404
        assert get(address, "/page.txt").body == b"0123456789"
        for master in masters:
            os.kill(master, 0)
    for master in masters:
        with pytest.raises(ProcessLookupError):
            os.kill(master, 0)


def test_pool_ends_with_a_gunicorn_that_is_killed(root: Path, hello: Path) -> None:
    with serving(root, "-w", "1") as (server, address):
        before = int(get(address, "/cgi-bin/hello.py").body.split()[1])
        worker = int(Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()[0])
        os.kill(worker, signal.SIGKILL)

        def gone() -> bool:
            try:
                os.kill(before, 0)
            except ProcessLookupError:
                return True
            return False

        until(gone)
        until(lambda: get(address, "/cgi-bin/hello.py").status == 200)
