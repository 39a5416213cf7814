"""Requests as no client library writes them: each with what plain Apache answers, which is asked too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.doors import Door, Serve
from tests.harness.processes import status
from tests.harness.webservers import Apache
from tests.harness.wire import Response

SCRIPT = """\
#!/usr/bin/env python3
import os, sys
body = sys.stdin.buffer.read()
print("Content-Type: text/plain\\n")
print({**os.environ, "body": body, "CONTENT_LENGTH": len(body)})
"""


@pytest.fixture(
    scope="module",
    params=[pytest.param(kind, marks=pytest.mark.xdist_group(kind.name)) for kind in (Serve, Apache)],
    ids=["serve", "apache"],
)
def server(request: pytest.FixtureRequest, home: Path) -> Iterator[Door]:
    door = request.param("fork", home / f"requests-{request.param.name}")
    script = door.root / "cgi-bin" / "s.py"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    (door.root / "file.txt").write_text("0123456789")
    (door.root / ".well-known").mkdir()
    (door.root / ".well-known" / "file.txt").write_text("known")
    yield door
    door.stop()


def line(text: bytes, *headers: bytes, host: bytes = b"Host: localhost\r\n") -> bytes:
    return (
        text
        + b"\r\n"
        + host
        + b"".join(header + b"\r\n" for header in headers)
        + b"Connection: close\r\n\r\n"
    )


def get(path: bytes, *headers: bytes) -> bytes:
    return line(b"GET " + path + b" HTTP/1.1", *headers)


def host(*values: bytes, target: bytes = b"/cgi-bin/s.py", version: bytes = b"1.1") -> bytes:
    return line(
        b"GET %s HTTP/%s" % (target, version), host=b"".join(b"Host: " + value + b"\r\n" for value in values)
    )


def chunked(body: bytes, method: bytes = b"POST") -> bytes:
    head = line(method + b" /cgi-bin/s.py HTTP/1.1", b"Cookie: a=1", b"Transfer-Encoding: chunked")
    return head + body


def sent(door: Door, data: bytes) -> Response:
    return door.send(data).finish()


RUN = {
    "utf-8 in the URL": (
        get("/cgi-bin/s.py/café?q=é".encode()),
        {"PATH_INFO": "/café", "QUERY_STRING": "q=é", "REQUEST_URI": "/cgi-bin/s.py/café?q=é"},
    ),
    "latin-1 in the URL": (
        get(b"/cgi-bin/s.py/caf\xe9?q=\xe9"),
        {"PATH_INFO": "/caf\udce9", "QUERY_STRING": "q=\udce9"},
    ),
    "odd characters in the URL": (get(b'/cgi-bin/s.py/"<>^`{|}\\'), {"PATH_INFO": '/"<>^`{|}\\'}),
    "blanks before an extension": (chunked(b"4 ;a=b\r\nbody\r\n0\r\n\r\n"), {"body": b"body"}),
    "blanks in an extension": (chunked(b'4 ; a = "b c" ; d\r\nbody\r\n0; e\r\n\r\n'), {"body": b"body"}),
    "blanks behind a size": (chunked(b"4  \r\nbody\r\n0\t\r\n\r\n"), {"body": b"body"}),
    "a size with zeros": (chunked(b"0" * 50 + b"4\r\nbody\r\n000\r\n\r\n"), {"body": b"body"}),
    "a header of several lines": (
        get(b"/cgi-bin/s.py", b"X-Lines: one\r\n two\r\n\t three", b"Cookie:\r\n a=1"),
        {"HTTP_X_LINES": "one two three", "HTTP_COOKIE": "a=1"},
    ),
    "a length on a line of its own": (
        line(b"POST /cgi-bin/s.py HTTP/1.1", b"Content-Length:\r\n 4").replace(b"\r\n\r\n", b"\r\n\r\nbody"),
        {"body": b"body"},
    ),
    "chunks, said on a line of its own": (
        line(b"POST /cgi-bin/s.py HTTP/1.1", b"Transfer-Encoding:\r\n chunked") + b"4\r\nbody\r\n0\r\n\r\n",
        {"body": b"body"},
    ),
    "trailers": (
        chunked(b"4\r\nbody\r\n0\r\nCookie: b=2\r\nHost: evil\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n"),
        {"body": b"body", "HTTP_COOKIE": "a=1", "HTTP_HOST": "localhost", "HTTP_X_FORWARDED_FOR": None},
    ),
    "chunks by an unknown method": (
        chunked(b"4\r\nbody\r\n0\r\n\r\n", b"FOO"),
        {"REQUEST_METHOD": "FOO", "body": b"body"},
    ),
    "an unknown method": (line(b"FOO /cgi-bin/s.py HTTP/1.1"), {"REQUEST_METHOD": "FOO"}),
    "a method in lower case": (line(b"get /cgi-bin/s.py HTTP/1.1"), {"REQUEST_METHOD": "get"}),
    "a long method": (line(b"M" * 3000 + b" /cgi-bin/s.py HTTP/1.1"), {"REQUEST_METHOD": "M" * 3000}),
    "a method of all signs": (
        line(b"Xy-1!#$%&'*+.^_`|~ /cgi-bin/s.py HTTP/1.1"),
        {"REQUEST_METHOD": "Xy-1!#$%&'*+.^_`|~"},
    ),
    "an underscore in Host": (
        host(b"my_host:81"),
        {"SERVER_NAME": "my_host", "SERVER_PORT": "81", "HTTP_HOST": "my_host:81"},
    ),
    "a dot behind Host": (host(b"Example.ORG."), {"SERVER_NAME": "example.org", "HTTP_HOST": "Example.ORG."}),
    "an IPv6 address as Host": (host(b"[::1]:81"), {"SERVER_NAME": "[::1]", "SERVER_PORT": "81"}),
    "no Host in HTTP/1.0": (host(version=b"1.0"), {"HTTP_HOST": None}),
    "an absolute target": (
        host(b"localhost", target=b"http://other:82/cgi-bin/s.py/x?a=1"),
        {
            "REQUEST_URI": "http://other:82/cgi-bin/s.py/x?a=1",
            "SERVER_NAME": "other",
            "SERVER_PORT": "82",
            "HTTP_HOST": "other:82",
            "PATH_INFO": "/x",
            "QUERY_STRING": "a=1",
        },
    ),
    "an absolute target with an underscore": (
        host(b"localhost", target=b"http://o_t/cgi-bin/s.py"),
        {"HTTP_HOST": "o_t", "SERVER_NAME": "o_t"},
    ),
    "blanks around a value": (get(b"/cgi-bin/s.py", b"X-A: \t v w \t "), {"HTTP_X_A": "v w"}),
    "a value of blanks": (get(b"/cgi-bin/s.py", b"X-A:   "), {"HTTP_X_A": ""}),
    "blank lines first": (b"\r\n\r\n" + get(b"/cgi-bin/s.py"), {"REQUEST_METHOD": "GET"}),
    "an upgrade with a body": (
        line(b"POST /cgi-bin/s.py HTTP/1.1", b"Upgrade: h2c", b"Connection: Upgrade", b"Content-Length: 4")
        + b"body",
        {"body": b"body", "HTTP_UPGRADE": "h2c"},
    ),
    "HTTP/0.9": (b"GET /cgi-bin/s.py\r\n", {"SERVER_PROTOCOL": "HTTP/0.9", "REQUEST_METHOD": "GET"}),
    "HTTP/1.2": (line(b"GET /cgi-bin/s.py HTTP/1.2"), {"SERVER_PROTOCOL": "HTTP/1.2"}),
}


@pytest.mark.parametrize("case", RUN)
def test_reaches_the_script(server: Door, case: str) -> None:
    data, expected = RUN[case]
    page = sent(server, data)
    assert page.status == (0 if case == "HTTP/0.9" else 200), page.raw
    found = ast.literal_eval(page.body.decode())
    assert {name: found.get(name) for name in expected} == expected


def test_in_pieces(server: Door) -> None:
    """However the network cuts them."""
    for case in ("utf-8 in the URL", "trailers", "an upgrade with a body", "HTTP/0.9"):
        data, expected = RUN[case]
        pieces = (data[i : i + 1] for i in range(len(data)))
        found = ast.literal_eval(server.send(pieces).finish().body.decode())
        assert {name: found.get(name) for name in expected} == expected


def test_one_behind_the_other(server: Door) -> None:
    data = b"".join(
        RUN[case][0].replace(b"Connection: close\r\n", b"") for case in RUN if "HTTP/" not in case
    )
    page = sent(server, data + get(b"/cgi-bin/s.py/end"))
    assert page.raw.count(b"HTTP/1.1 200 OK\r\n") == len([case for case in RUN if "HTTP/" not in case]) + 1
    assert b"'PATH_INFO': '/end'" in page.raw


ANSWERED = {
    "no Host": (host(), 400),
    "a line that nothing stands before": (line(b"GET / HTTP/1.1", host=b" Host: a\r\n"), 400),
    "a line of an unknown method that nothing stands before": (
        line(b"FOO / HTTP/1.1", host=b" Host: a\r\n"),
        400,
    ),
    "two Hosts": (host(b"a", b"b"), 400),
    "one Host twice": (host(b"a", b"a"), 400),
    "two Hosts in HTTP/1.0": (host(b"a", b"b", version=b"1.0"), 400),
    "no Host, but an absolute target": (host(target=b"http://other/cgi-bin/s.py"), 400),
    "a path in Host": (host(b"a/b"), 400),
    "a user in Host": (host(b"u@a"), 400),
    "two dots in Host": (host(b"a..b"), 400),
    "a port of 5,000 digits": (host(b"a:" + b"1" * 5000), 400),
    "a port beyond": (host(b"a:65536"), 400),
    "a user in an absolute target": (host(b"a", target=b"http://u:p@other/cgi-bin/s.py"), 400),
    "another scheme": (host(b"a", target=b"ftp://other/cgi-bin/s.py"), 400),
    "a target without slash": (get(b"cgi-bin/s.py"), 400),
    "a fragment": (get(b"/cgi-bin/s.py#x"), 400),
    "a control character in the URL": (get(b"/cgi-bin/s.py/\x01"), 400),
    "blanks in the request line": (line(b"GET  /cgi-bin/s.py  HTTP/1.1"), 400),
    "no token as method": (line(b"A(B /cgi-bin/s.py HTTP/1.1"), 400),
    "a blank before the colon": (get(b"/cgi-bin/s.py", b"X-A : v"), 400),
    "bare line feeds": (b"GET /cgi-bin/s.py HTTP/1.1\nHost: a\n\n", 400),
    "a Content-Length of 5,000 digits": (
        line(b"POST /cgi-bin/s.py HTTP/1.1", b"Content-Length: " + b"9" * 5000),
        400,
    ),
    "a size with 0x": (chunked(b"0x4\r\nbody\r\n0\r\n\r\n"), 400),
    "a size that is none": (chunked(b"body\r\n0\r\n\r\n"), 400),
    "POST of HTTP/0.9": (b"POST /cgi-bin/s.py\r\n\r\n", 400),
    "CONNECT": (line(b"CONNECT localhost:443 HTTP/1.1"), 405),
    "TRACE": (line(b"TRACE /cgi-bin/s.py HTTP/1.1"), 405),
    "OPTIONS of the server": (line(b"OPTIONS * HTTP/1.1"), 200),
    "another unit of ranges": (get(b"/file.txt", b"Range: lines=1-2"), 200),
    "a range that is none": (get(b"/file.txt", b"Range: bytes=x"), 200),
    "a range backwards": (get(b"/file.txt", b"Range: bytes=5-2"), 200),
    "a range of 5,000 digits": (get(b"/file.txt", b"Range: bytes=0-" + b"9" * 5000), 200),
    "a range": (get(b"/file.txt", b"Range: bytes=1-2"), 206),
    "a range beyond": (get(b"/file.txt", b"Range: bytes=100-"), 416),
    "a well-known file": (get(b"/.well-known/file.txt"), 200),
    "a hidden file": (get(b"/.hidden/file.txt"), 404),
}


@pytest.mark.parametrize("case", ANSWERED)
def test_is_answered(server: Door, case: str) -> None:
    data, code = ANSWERED[case]
    page = sent(server, data)
    assert (page.status, page.whole) == (code, True), page.raw
    assert "Traceback" not in server.log()


def test_http_0_9_has_no_head(server: Door) -> None:
    assert sent(server, b"GET /file.txt\r\n").raw == b"0123456789"


def test_endless_trailers(server: Door) -> None:
    """Are refused, before they fill the memory."""
    before = status(server.server.pid, "VmHWM")
    trailers = [b"X: " + b"x" * 1000 + b"\r\n"] * 50_000
    assert server.send([chunked(b"0\r\n"), *trailers]).finish(30).status == 400
    assert status(server.server.pid, "VmHWM") - before < 16 << 10


def test_a_trailer_without_end(server: Door) -> None:
    page = server.send([chunked(b"0\r\nX: "), *[b"x" * 1000] * 50_000]).finish(30)
    assert page.status == 400
