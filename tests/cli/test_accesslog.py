"""Lines of the access log."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import nullcontext
from typing import Any

import pytest

from cgicompat.cli import accesslog

SCOPE = {
    "type": "http",
    "method": "GET",
    "raw_path": b"/cgi-bin/a%20b.py/info",
    "query_string": b"x=1&y=2",
    "http_version": "1.1",
    "client": ("192.0.2.7", 4711),
    "server": ("127.0.0.1", 8000),
    "headers": [(b"host", b"example.org"), (b"referer", b"http://a/"), (b"user-agent", b"Browser 1.0")],
}
MESSAGES = [
    {"type": "http.response.start", "status": 201, "headers": [(b"X-Kind", b"new")]},
    {"type": "http.response.body", "body": b"12345", "more_body": True},
    {"type": "http.response.body", "body": b"67"},
]


def log(form: str = "combined", messages: Any = MESSAGES, error: Any = None, **scope: Any) -> str:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)
        if error:
            raise error

    async def send(message: Any) -> None:
        passed.append(message)

    async def receive() -> Any:
        raise AssertionError("not to be called")

    lines: list[str] = []
    passed: list[Any] = []
    middleware = accesslog.AccessLog(app, accesslog.compile_format(form), lines.append)
    with pytest.raises(RuntimeError) if error else nullcontext():
        asyncio.run(middleware({**SCOPE, **scope}, receive, send))
    assert passed == list(messages)
    (line,) = lines
    return line


def test_combined() -> None:
    assert re.fullmatch(
        r"192\.0\.2\.7 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "
        r'"GET /cgi-bin/a%20b\.py/info\?x=1&y=2 HTTP/1\.1" 201 7 "http://a/" "Browser 1\.0"',
        log(),
    )


def test_common() -> None:
    assert log("common").endswith('HTTP/1.1" 201 7')


def test_json() -> None:
    entry = json.loads(log("json"))
    assert entry.pop("seconds") < 5
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}", entry.pop("time"))
    assert entry == {
        "client": "192.0.2.7",
        "method": "GET",
        "target": "/cgi-bin/a%20b.py/info?x=1&y=2",
        "protocol": "HTTP/1.1",
        "status": 201,
        "bytes": 7,
        "host": "example.org",
        "referer": "http://a/",
        "user_agent": "Browser 1.0",
    }


def test_other_directives() -> None:
    form = r"%a|%m|%U|%q|%H|%p|%v|%B|%>s|%{X-Kind}o|%{Accept}i|%%|\"%T\""
    assert log(form) == (
        '192.0.2.7|GET|/cgi-bin/a%20b.py/info|?x=1&y=2|HTTP/1.1|8000|example.org|7|201|new|-|%|"0"'
    )
    assert 0 <= int(log("%D")) < 5_000_000


@pytest.mark.parametrize("form", ["%Z", "%{X}z", "%{Unclosed", "100%"])
def test_unknown_directives(form: str) -> None:
    with pytest.raises(ValueError, match="unknown directive %"):
        accesslog.compile_format(form)


def test_an_empty_body() -> None:
    assert log("%b %B", MESSAGES[:1]) == "- 0"
    assert log("%b", method="HEAD") == "-"


def test_nothing_that_a_client_sends_ends_a_line_or_a_quotation() -> None:
    headers = [(b"user-agent", b'a" \\ \x1b[2J\r\n\xff')]
    assert log('"%{User-Agent}i"', headers=headers) == r'"a\" \\ \x1b[2J\x0d\x0a\xff"'
    assert log("%r", raw_path=b'/"\n') == r"GET /\"\x0a?x=1&y=2 HTTP/1.1"
    assert "\n" not in log("json", headers=headers)


def test_how_it_ended() -> None:
    assert log("%s", []) == "499"
    assert log("%s", [], RuntimeError()) == "500"
    assert log("%s %b", MESSAGES[:2], RuntimeError()) == "201 5"


def test_other_protocols_pass() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)

    seen: list[Any] = []
    scope = {"type": "lifespan"}
    lines: list[str] = []
    middleware = accesslog.AccessLog(app, accesslog.compile_format("common"), lines.append)
    asyncio.run(middleware(scope, None, None))  # type: ignore[arg-type]
    assert (seen, lines) == ([scope], [])
