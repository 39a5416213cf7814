"""What both applications do with a request and with what a script answers."""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path

import pytest

from cgicompat.config import Settings
from tests.gateways.apps import App
from tests.gateways.responder import Call, Responder

TYPE = b"Content-Type: text/plain\n"
BINARY = b"Content-Type: application/octet-stream\n"


def test_request_as_the_pool_sees_it(app: App, pool: Responder, root: Path) -> None:
    pool.says(TYPE + b"\n")
    headers = [
        *[("Host", "example.org"), ("Content-Type", "text/x"), ("Content-Length", "5")],
        *[("X-One", "caf\xe9"), ("Proxy", "evil"), ("Authorization", "secret")],
    ]
    app.ask("/cgi-bin/x.py/a%20b/%C3%A9?q=%20&r", "PUT", headers, [b"he", b"llo"])
    pool.join()
    call = pool.calls[0]
    value = call.environ.pop("HTTP_X_ONE")
    assert value in ("café", "caf\udce9")  # as the client library of each door encodes it
    assert call.environ.pop("SERVER_SOFTWARE").startswith("cgicompat/")
    assert call.environ == {
        "CONTENT_LENGTH": "5",
        "CGICOMPAT_GATEWAY": "1",
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "example.org",
        "SERVER_PORT": "80",
        "SERVER_ADDR": "127.0.0.1",
        "REQUEST_SCHEME": "http",
        "REQUEST_METHOD": "PUT",
        "REQUEST_URI": "/cgi-bin/x.py/a%20b/%C3%A9?q=%20&r",
        "QUERY_STRING": "q=%20&r",
        "SCRIPT_NAME": "/cgi-bin/x.py",
        "SCRIPT_FILENAME": f"{root}/cgi-bin/x.py",
        "DOCUMENT_ROOT": str(root),
        "PATH_INFO": "/a b/é",
        "PATH_TRANSLATED": f"{root}/a b/é",
        "REMOTE_ADDR": "127.0.0.2",
        "REMOTE_PORT": "5000",
        "CONTENT_TYPE": "text/x",
        "HTTP_HOST": "example.org",
    }
    assert call.body == b"hello"


def test_authorization_where_a_section_allows_it(app: App, pool: Responder) -> None:
    pool.says(TYPE + b"\n")
    app.ask("/cgi-bin/login.py", headers=[("Authorization", "secret")])
    assert pool.calls[0].environ["HTTP_AUTHORIZATION"] == "secret"


def test_a_request_without_body_has_no_length(app: App, pool: Responder) -> None:
    pool.says(TYPE + b"\n")
    app.ask("/cgi-bin/x.py")
    assert pool.calls[0].environ["CONTENT_LENGTH"] == "0"  # SCGI demands it
    assert pool.calls[0].body == b""


def test_response(app: App, pool: Responder) -> None:
    pool.says(b"Status: 404 Gone Fishing\nSet-Cookie: a=1\nSet-Cookie: b=2\n", TYPE, b"\nfish\n")
    answer = app.ask("/cgi-bin/x.py")
    assert (answer.status, answer.body) == (404, b"fish\n")
    assert answer.all("Set-Cookie") == ["a=1", "b=2"]
    assert answer.get("Content-Type") == "text/plain"
    if app.name == "wsgi":
        assert answer.reason == "Gone Fishing"


def test_output_goes_out_at_once(app: App, pool: Responder) -> None:
    arrived = threading.Event()

    def script(call: Call) -> None:
        call.say(TYPE + b"\nfirst")
        assert arrived.wait(30)
        call.say(b"second")
        call.end()

    pool.script = script
    answer = app.ask("/cgi-bin/x.py", seen=lambda piece: arrived.set())
    pool.join()
    assert answer.pieces == [b"first", b"second"]


def test_large_bodies_both_ways(app: App, pool: Responder) -> None:
    def script(call: Call) -> None:
        call.say(TYPE + b"\n")
        call.say(call.body[::-1])
        call.end()

    pool.script = script
    pieces = [os.urandom(60_000) for _ in range(60)]
    answer = app.ask("/cgi-bin/x.py", "POST", body=pieces)
    assert answer.body == b"".join(pieces)[::-1]
    assert pool.calls[0].environ["CONTENT_LENGTH"] == "3600000"


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (b"", "no output"),
        (TYPE, "output ended within the headers"),
        (b"Hello\n", "malformed header: 'Hello'"),
        (b"x" * 100_000, "header line of more than 8192 bytes"),
        (b"Content-Type: a\rb\n\n", "control character in header"),
    ],
)
def test_output_that_is_no_response(
    app: App, pool: Responder, output: bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    pool.says(output)
    answer = app.ask("/cgi-bin/x.py?a=b\x1b")
    pool.join()
    assert (answer.status, answer.body) == (500, b"500 Internal Server Error\n")
    assert answer.get("Content-Length") == "26"
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("cgicompat.error", "ERROR")
    message = record.getMessage()
    assert "/cgi-bin/x.py: " + reason in message
    assert message.endswith('"GET /cgi-bin/x.py?a=b\\x1b"')


def test_script_goes_on_after_a_bad_response(app: App, pool: Responder) -> None:
    """It may have more to do than to print."""
    done = threading.Event()

    def script(call: Call) -> None:
        call.say(b"Hello\n")
        assert not call.left(0.1)
        call.say(b"more" * 1000)
        call.end()
        done.set()

    pool.script = script
    assert app.ask("/cgi-bin/x.py", until=done.is_set).status == 500


def test_worker_dies_before_the_head(app: App, pool: Responder) -> None:
    pool.script = Call.die
    answer = app.ask("/cgi-bin/x.py")
    assert (answer.status, answer.body) == (502, b"502 Bad Gateway\n")

    def script(call: Call) -> None:
        call.say(TYPE)
        call.die()

    pool.script = script
    assert app.ask("/cgi-bin/x.py").status == 502


def test_time_limit_before_the_head(app: App, pool: Responder) -> None:
    def script(call: Call) -> None:
        assert not call.left(0.35)
        call.die()

    pool.script = script
    assert app.ask("/cgi-bin/short.py").status == 504
    assert app.ask("/cgi-bin/x.py").status == 502


def test_worker_dies_after_the_head(app: App, pool: Responder) -> None:
    """As it also does when a script ends itself by os._exit(), content with what it has sent."""

    def script(call: Call) -> None:
        call.say(b"Content-Length: 10\n" * (call.environ["QUERY_STRING"] == "length"))
        call.say(TYPE + b"\nsome of")
        call.die()

    pool.script = script
    answer = app.ask("/cgi-bin/x.py")
    assert (answer.status, answer.body, answer.aborted) == (200, b"some of", "")
    answer = app.ask("/cgi-bin/x.py?length")
    assert answer.body == b"some of"
    assert answer.aborted == "output is shorter than its Content-Length by 3 bytes"


def test_time_limit_after_the_head(app: App, pool: Responder) -> None:
    """What was sent stays sent, and the client can tell that something is missing."""

    def script(call: Call) -> None:
        call.say(TYPE + b"\nsome of it")
        assert not call.left(0.35)
        call.die()

    pool.script = script
    answer = app.ask("/cgi-bin/short.py")
    assert (answer.status, answer.body) == (200, b"some of it")
    assert answer.aborted == "time limit exceeded"


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told once is told once in each test."""
    monkeypatch.setattr("cgicompat.gateways.exchange._said", set())


@pytest.mark.parametrize("first", [0, 1, 4])
@pytest.mark.parametrize(("said", "size"), [(10, 4), (4, 13), (0, 4), (100_000, 4), (4, 65536), (9, 9)])
def test_a_small_page_gets_its_true_length(
    app: App, pool: Responder, caplog: pytest.LogCaptureFixture, said: int, size: int, first: int
) -> None:
    body = b"x" * size

    def script(call: Call) -> None:
        call.say(b"Content-Length: %d\n%s\n%s" % (said, TYPE, body[:first]))
        time.sleep(0.02)
        call.say(body[first:])
        call.end()

    pool.script = script
    for _ in range(2):
        answer = app.ask("/cgi-bin/x.py")
        assert (answer.status, answer.body, answer.aborted) == (200, body, "")
        assert answer.get("Content-Length") in (str(size), None if size > said else "")
    assert caplog.text.count("Content-Length") == (said != size)


@pytest.mark.parametrize("kind", [b"text/html", b"application/json; charset=utf-8", b"image/svg+xml", b""])
def test_a_large_page_whose_characters_were_counted_is_whole(app: App, pool: Responder, kind: bytes) -> None:
    """However its pieces come."""
    seen = threading.Event()
    page = "ä".encode() * 100_000

    def script(call: Call) -> None:
        call.say(b"Content-Length: 100000\nContent-Type: %s\n\n%s" % (kind, page[:70_000]))
        assert seen.wait(30)
        call.say(page[70_000:])
        call.end()

    pool.script = script
    answer = app.ask("/cgi-bin/x.py", seen=lambda piece: seen.set() if piece else None)
    assert (answer.body, answer.get("Content-Length"), answer.aborted) == (page, None, "")


def test_a_small_page_that_takes_its_time_gets_no_length(
    app: App, pool: Responder, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody knows yet whether it is the right one, and what has come has to go out."""
    seen = threading.Event()

    def script(call: Call) -> None:
        call.say(b"Content-Length: 4\n" + TYPE + b"\n12")
        assert seen.wait(30)
        call.say(b"3456")
        call.end()

    pool.script = script
    answer = app.ask("/cgi-bin/x.py", seen=lambda piece: seen.set() if b"1" in piece else None)
    assert (answer.body, answer.get("Content-Length"), answer.aborted) == (b"123456", None, "")
    assert "is wrong" not in caplog.text


def test_a_whole_page_need_not_wait_for_its_script(app: App, pool: Responder) -> None:
    def script(call: Call) -> None:
        call.say(b"Content-Length: 4\n" + TYPE + b"\n1234")
        assert answered.wait(30)
        call.end()

    answered = threading.Event()
    pool.script = script
    answer = app.ask("/cgi-bin/x.py", seen=lambda piece: answered.set() if b"4" in piece else None)
    assert (answer.body, answer.get("Content-Length"), answer.aborted) == (b"1234", "4", "")


@pytest.mark.parametrize("first", [1, 200_000])
def test_a_download_keeps_its_length(app: App, pool: Responder, first: int) -> None:
    """What is more is dropped, and the script not disturbed."""
    seen, done = threading.Event(), threading.Event()

    def script(call: Call) -> None:
        call.say(b"Content-Length: 300000\n" + BINARY + b"\n" + b"1" * first)
        assert seen.wait(30)
        call.say(b"2" * (300_000 - first))
        call.say(b"3" * 5_000_000)
        assert not call.left(0.1)
        call.end()
        done.set()

    pool.script = script
    answer = app.ask(
        "/cgi-bin/x.py", seen=lambda piece: seen.set() if b"1" in piece else None, until=done.is_set
    )
    pool.join()
    assert answer.body == b"1" * first + b"2" * (300_000 - first)
    assert (answer.get("Content-Length"), answer.aborted) == ("300000", "")


def test_a_download_that_ends_early_is_noticed(app: App, pool: Responder) -> None:
    pool.says(b"Content-Length: 100000\n" + BINARY + b"\n" + b"x" * 70_000)
    answer = app.ask("/cgi-bin/x.py")
    assert (answer.status, len(answer.body), answer.get("Content-Length")) == (200, 70_000, "100000")
    assert answer.aborted == "output is shorter than its Content-Length by 30000 bytes"


def test_a_page_whose_worker_dies_is_not_taken_for_whole(app: App, pool: Responder) -> None:
    def script(call: Call) -> None:
        call.say(b"Content-Length: 10\n" + TYPE + b"\n1234")
        call.die()

    pool.script = script
    assert app.ask("/cgi-bin/x.py").aborted


@pytest.mark.parametrize("header", [b"X: y\n", b"", b"Content-Length: 4\n"])
def test_no_type_is_sent_and_told_once(
    app: App, pool: Responder, caplog: pytest.LogCaptureFixture, header: bytes
) -> None:
    pool.says(header + b"\nbody")
    for _ in range(2):
        answer = app.ask("/cgi-bin/x.py")
        assert (answer.status, answer.get("Content-Type"), answer.body) == (200, None, b"body")
    assert caplog.text.count("no Content-Type") == 1


def test_worker_dies_after_all_was_sent(app: App, pool: Responder) -> None:
    def script(call: Call) -> None:
        call.say(b"Content-Length: 4\n" + TYPE + b"\n1234")
        call.die()

    pool.script = script
    answer = app.ask("/cgi-bin/x.py")
    assert (answer.status, answer.body, answer.aborted) == (200, b"1234", "")


def test_head_has_no_body(app: App, pool: Responder) -> None:
    pool.says(b"Content-Length: 4\n" + TYPE + b"\n1234")
    answer = app.ask("/cgi-bin/x.py", "HEAD")
    assert (answer.status, answer.body, answer.get("Content-Length")) == (200, b"", "4")
    pool.says(b"")
    answer = app.ask("/cgi-bin/x.py", "HEAD")
    assert (answer.status, answer.body, answer.get("Content-Length")) == (500, b"", "26")


@pytest.mark.parametrize("status", [b"204", b"304"])
def test_statuses_without_a_body(app: App, pool: Responder, status: bytes) -> None:
    pool.says(b"Status: " + status + b"\nContent-Length: 4\n" + TYPE + b"\n1234")
    answer = app.ask("/cgi-bin/x.py")
    assert (answer.status, answer.body, answer.aborted) == (int(status), b"", "")
    assert answer.get("Content-Length") is None


SINCE = "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize(
    ("output", "header", "status"),
    [
        (f"Last-Modified: {SINCE}\n", ("If-Modified-Since", SINCE), 304),
        (f"Last-Modified: {SINCE}\n", ("If-Modified-Since", "Sat, 05 Nov 1994 08:49:37 GMT"), 200),
        (f"Last-Modified: {SINCE}\n", ("If-Modified-Since", "yesterday"), 200),
        ("", ("If-Modified-Since", SINCE), 200),
        ('ETag: "a"\n', ("If-None-Match", 'W/"b", "a"'), 304),
        ('ETag: W/"a"\n', ("If-None-Match", '"a"'), 304),
        ('ETag: "a"\n', ("If-None-Match", "*"), 304),
        ('ETag: "a"\n', ("If-None-Match", '"b"'), 200),
        ("", ("If-None-Match", "*"), 200),
        (f"Status: 200\nLast-Modified: {SINCE}\n", ("If-Modified-Since", SINCE), 200),
        (f"Status: 404\nLast-Modified: {SINCE}\n", ("If-Modified-Since", SINCE), 404),
    ],
)
def test_not_modified_unless_the_script_says_a_status(
    app: App, pool: Responder, output: str, header: tuple[str, str], status: int
) -> None:
    pool.says(output.encode() + TYPE + b"\nbody")
    answer = app.ask("/cgi-bin/x.py", headers=[header])
    assert (answer.status, answer.body) == (status, b"" if status == 304 else b"body")
    assert app.ask("/cgi-bin/x.py", "POST", headers=[header]).status != 304


def redirecting(pool: Responder, targets: dict[str, bytes]) -> None:
    """Scripts by their names; what is not there prints its environ."""

    def script(call: Call) -> None:
        name = call.environ["SCRIPT_NAME"].rpartition("/")[2]
        page = "\n".join(f"{key}={value}" for key, value in sorted(call.environ.items()))
        call.say(targets.get(name) or TYPE + b"\n" + page.encode("utf-8", "surrogateescape"))
        call.end()

    pool.script = script


def test_local_redirect_is_answered_by_a_get(app: App, pool: Responder) -> None:
    redirecting(pool, {"x.py": b"Set-Cookie: a=1\nLocation: /cgi-bin/y.py/in%20fo?b=%20#there\n\n"})
    headers = [
        ("Content-Type", "text/x"),
        ("Content-Length", "3"),
        ("Cookie", "c"),
        ("Expect", "100-continue"),
    ]
    answer = app.ask("/cgi-bin/x.py?old", "POST", headers, [b"abc"])
    assert answer.all("Set-Cookie") == ["a=1"]
    assert answer.get("Location") is None
    environ = dict(line.split("=", 1) for line in answer.body.decode().splitlines())
    expected = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/in fo",
        "QUERY_STRING": "b=%20",
        "REQUEST_URI": "/cgi-bin/x.py?old",
        "HTTP_COOKIE": "c",
        "CONTENT_LENGTH": "0",
    }
    assert {key: environ.get(key) for key in expected} == expected
    assert "CONTENT_TYPE" not in environ and "HTTP_EXPECT" not in environ
    assert pool.calls[1].body == b""


def test_local_redirect_of_a_head_request(app: App, pool: Responder) -> None:
    redirecting(pool, {"x.py": b"Location: /cgi-bin/y.py\n\n"})
    answer = app.ask("/cgi-bin/x.py", "HEAD")
    assert (answer.status, answer.body) == (200, b"")


def test_local_redirect_to_a_static_file(app: App, pool: Responder) -> None:
    redirecting(pool, {"x.py": b"Set-Cookie: a=1\nLocation: /page.txt\n\n"})
    answer = app.ask("/cgi-bin/x.py", "POST", body=[b"abc"])
    assert (answer.status, answer.body, answer.all("Set-Cookie")) == (200, b"0123456789", ["a=1"])


@pytest.mark.parametrize(
    ("location", "status"),
    [
        ("/none", 404),
        ("/files", 301),
        ("/cgi-bin/../x", 400),
        ("/cgi-bin/", 403),
        ("/%zz", 400),
        ("/a b", 404),
    ],
)
def test_local_redirect_to_no_script(app: App, pool: Responder, location: str, status: int) -> None:
    redirecting(pool, {"x.py": f"Set-Cookie: a=1\nLocation: {location}\n\n".encode()})
    answer = app.ask("/cgi-bin/x.py")
    assert (answer.status, answer.all("Set-Cookie")) == (status, ["a=1"])


def test_ten_local_redirects_but_not_eleven(
    app: App, pool: Responder, caplog: pytest.LogCaptureFixture
) -> None:
    left = 10

    def script(call: Call) -> None:
        nonlocal left
        call.say(b"Set-Cookie: a=%d\nLocation: /cgi-bin/x.py\n\n" % left if left else TYPE + b"\narrived")
        left -= 1
        call.end()

    pool.script = script
    answer = app.ask("/cgi-bin/x.py")
    assert (answer.body, len(answer.all("Set-Cookie"))) == (b"arrived", 10)
    pool.calls.clear()
    left = 11
    assert app.ask("/cgi-bin/x.py").status == 500
    assert len(pool.calls) == 11
    assert "more than 10 local redirects" in caplog.text


def test_redirect_waits_for_the_script_to_end(app: App, pool: Responder) -> None:
    """What the target shows may be what the script does after it has printed."""
    done = threading.Event()

    def script(call: Call) -> None:
        if call.environ["SCRIPT_NAME"].endswith("y.py"):
            call.say(TYPE + b"\n%d" % done.is_set())
        else:
            call.say(b"Location: /cgi-bin/y.py\n\n")
            assert not call.left(0.1)
            done.set()
        call.end()

    pool.script = script
    assert app.ask("/cgi-bin/x.py").body == b"1"


def test_mount(app: App, pool: Responder, root: Path) -> None:
    redirecting(pool, {"x.py": b"Location: /old%20app/cgi-bin/y.py/z\n\n", "short.py": b"Location: /new\n\n"})
    answer = app.ask("/old%20app/cgi-bin/y.py/a%20b?q", mount="/old app")
    environ = dict(line.split("=", 1) for line in answer.body.decode().splitlines())
    assert environ["SCRIPT_NAME"] == "/old app/cgi-bin/y.py"
    assert environ["REQUEST_URI"] == "/old%20app/cgi-bin/y.py/a%20b?q"
    assert (environ["PATH_INFO"], environ["PATH_TRANSLATED"]) == ("/a b", f"{root}/a b")
    answer = app.ask("/old%20app/cgi-bin/x.py", mount="/old app")
    assert b"SCRIPT_NAME=/old app/cgi-bin/y.py\n" in answer.body
    assert b"PATH_INFO=/z\n" in answer.body
    answer = app.ask("/old%20app/cgi-bin/short.py", mount="/old app")
    assert (answer.status, answer.get("Location")) == (302, "/new")  # not ours to answer
    answer = app.ask("/old%20app/files?a=b", mount="/old app")
    assert (answer.status, answer.get("Location")) == (301, "/old%20app/files/?a=b")
    assert app.ask("/old%20app/page.txt", mount="/old app").body == b"0123456789"


def test_single_script(app: App, pool: Responder, settings: Settings, root: Path) -> None:
    redirecting(pool, {})
    wiki = type(app)(settings, script=f"{root}/cgi-bin/y.py")
    for path, info in (("/", "/"), ("/a%20b/c", "/a b/c"), ("/page.txt", "/page.txt"), ("/.git", "/.git")):
        environ = dict(
            line.split("=", 1) for line in wiki.ask("/wiki" + path, mount="/wiki").body.decode().splitlines()
        )
        assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/wiki", info)
        assert environ["SCRIPT_FILENAME"] == f"{root}/cgi-bin/y.py"
    environ = dict(line.split("=", 1) for line in wiki.ask("/wiki", mount="/wiki").body.decode().splitlines())
    assert "PATH_INFO" not in environ
    assert wiki.ask("/wiki/../x", mount="/wiki").status == 400


def test_no_pool_is_503(app: App, pool: Responder, root: Path) -> None:
    pool.close()
    answer = app.ask("/cgi-bin/x.py")
    assert (answer.status, answer.body) == (503, b"503 Service Unavailable\n")
    assert answer.get("Retry-After")
    (root.parent / "pool").unlink()
    assert app.ask("/cgi-bin/x.py", "POST", body=[b"abc"]).status == 503


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("Content-Length", "9" * 5000, 413),
        ("Content-Length", "9" * 18, 413),
        ("Content-Length", "x", 400),
        ("Host", "a:" + "9" * 5000, 400),
        ("Host", "a:65536", 400),
        ("Range", "bytes=0-" + "9" * 5000, 200),
        ("Range", "bytes=" + "9" * 5000 + "-", 200),
    ],
)
def test_numbers_beyond_all_measure(app: App, pool: Responder, name: str, value: str, status: int) -> None:
    path = "/page.txt" if name == "Range" else "/cgi-bin/x.py"
    assert app.ask(path, headers=[(name, value)]).status == status
    assert not pool.calls


def test_body_over_the_limit(app: App, pool: Responder) -> None:
    pool.says(TYPE + b"\nfine")
    assert app.ask("/cgi-bin/small.py", "POST", body=[b"12345", b"67890"]).body == b"fine"
    answer = app.ask("/cgi-bin/small.py", "POST", body=[b"12345", b"678901"])
    assert (answer.status, answer.body) == (413, b"413 " + answer.body[4:])
    answer = app.ask("/cgi-bin/small.py", "POST", [("Content-Length", "11")], [b"12345", b"678901"])
    assert answer.status == 413
    assert app.ask("/cgi-bin/x.py", "POST", body=[b"12345", b"678901"]).body == b"fine"
    assert len(pool.calls) == 2


def test_trace_and_methods_of_static_files(app: App, pool: Responder) -> None:
    pool.says(TYPE + b"\nfine")
    answer = app.ask("/cgi-bin/x.py", "TRACE")
    assert (answer.status, answer.get("Allow")) == (405, "GET, HEAD, POST")
    answer = app.ask("/page.txt", "POST", body=[b"abc"])
    assert (answer.status, answer.get("Allow")) == (405, "GET, HEAD")
    for method in ("OPTIONS", "PUT", "PROPFIND", "DELETE"):
        assert app.ask("/cgi-bin/x.py", method).body == b"fine"
        assert pool.calls[-1].environ["REQUEST_METHOD"] == method


@pytest.mark.parametrize(
    ("path", "status"),
    [("/none", 404), ("/cgi-bin/", 403), ("/cgi-bin/x.py~", 404), ("/cgicompat.toml", 404), ("/a%00", 400)],
)
def test_refusals_tell_the_client_nothing(
    app: App, path: str, status: int, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "cgicompat.error")
    answer = app.ask(path)
    assert (answer.status, str(root) in answer.body.decode()) == (status, False)
    assert answer.get("Content-Type") == "text/plain; charset=utf-8"
    assert path in caplog.text


def test_nul_in_a_value_is_400(app: App, pool: Responder) -> None:
    assert app.ask("/cgi-bin/x.py", headers=[("X-A", "a\0b")]).status == 400
    assert app.ask("/cgi-bin/x.py?a\0b").status == 400


def test_static_file(app: App) -> None:
    answer = app.ask("/page.txt")
    assert (answer.status, answer.body) == (200, b"0123456789")
    assert (answer.get("Content-Type"), answer.get("Content-Length")) == ("text/plain", "10")
    head = app.ask("/page.txt", "HEAD")
    assert (head.status, head.body, head.headers) == (200, b"", answer.headers)
    etag, modified = answer.get("ETag"), answer.get("Last-Modified")
    assert etag and modified
    for header in (("If-None-Match", etag), ("If-Modified-Since", modified)):
        again = app.ask("/page.txt", headers=[header])
        assert (again.status, again.body, again.get("ETag")) == (304, b"", etag)


@pytest.mark.parametrize(
    ("wanted", "status", "body", "content_range"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-30", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=5-500", 206, b"56789", "bytes 5-9/10"),
        ("bytes=10-", 416, None, "bytes */10"),
    ],
)
def test_part_of_a_static_file(
    app: App, wanted: str, status: int, body: bytes | None, content_range: str
) -> None:
    answer = app.ask("/page.txt", headers=[("Range", wanted)])
    assert (answer.status, answer.get("Content-Range")) == (status, content_range)
    if body is not None:
        assert (answer.body, answer.get("Content-Length")) == (body, str(len(body)))


def test_part_of_a_file_that_has_changed(app: App) -> None:
    answer = app.ask("/page.txt", headers=[("Range", "bytes=2-4"), ("If-Range", '"other"')])
    assert (answer.status, answer.body) == (200, b"0123456789")


def test_file_that_may_not_be_read(app: App, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)  # the tests may run as root
    assert app.ask("/page.txt").status == 403


def test_listing(app: App, settings: Settings, root: Path) -> None:
    answer = app.ask("/files/")
    assert (answer.status, answer.get("Content-Type")) == (200, "text/html; charset=utf-8")
    text = answer.body.decode()
    assert '<a href="./a%20b%26c.html">a b&amp;c.html</a>' in text
    assert '<a href="./%3Cb%3E/">&lt;b&gt;/</a>' in text
    assert '<a href="../">' in text
    assert "secret" not in text
    assert "<b>" not in text
    assert "../" not in app.ask("/").body.decode()
    assert app.ask("/m/files/", mount="/m").body.decode().count("/m/files/") == 2
    assert type(app)(settings, listing=False).ask("/files/").status == 403
    (root / "files" / "index.html").write_text("<p>index")
    assert app.ask("/files/").body == b"<p>index"


def test_client_gone_ends_the_script(app: App, pool: Responder) -> None:
    begun, left = threading.Event(), threading.Event()

    def script(call: Call) -> None:
        begun.set()
        call.say(TYPE + b"\nbegun")
        if call.left(5):
            left.set()

    pool.script = script
    app.ask("/cgi-bin/x.py", leave=begun.is_set)
    assert left.wait(30)


def test_nph_script(app: App, pool: Responder) -> None:
    pool.says(b"HTTP/1.0 299 Odd\r\nServer: mine\r\nLocation: /x\r\n\r\nbody")
    answer = app.ask("/cgi-bin/nph-x.py")
    assert (answer.status, answer.body) == (299, b"body")
    assert (answer.get("Server"), answer.get("Location")) == ("mine", "/x")
