"""The console as bytes: who gets it, what it says, and that nothing slips through it."""

from __future__ import annotations

import html
import json
import re
import socket
import subprocess
import sys
import time
from urllib.parse import quote, unquote

import pytest

from cgicompat.console.figures import Book, said_by
from cgicompat.console.gate import Gate, is_loopback
from tests.harness.processes import host_environ, until

pytestmark = pytest.mark.xdist_group("console")


def token(site) -> str:
    return re.search(r'name="token" value="([^"]+)"', site.page("/script?path=/cgi-bin/hello.py"))[1]


def row(site, script: str) -> str:
    """The text of a script's row in the table."""
    for found in re.findall(r"<tr>(.*?)</tr>", site.page(), re.DOTALL):
        if f"/cgi-bin/{script}</a>" in found:
            return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", found)).split())
    return ""


def form(site, script: str, **fields: str) -> dict[str, str]:
    path = f"/cgi-bin/{script}"
    usual = {"token": token(site), "path": path, "method": "GET", "target": path, "headers": "", "body": ""}
    return {**usual, **fields}


def answer(text: str) -> str:
    """The part of a page that shows what a script has answered, as text."""
    found = re.search(r'<section class="card" id="answer".*?</section>', text, re.DOTALL)
    return html.unescape(re.sub(r"<[^>]+>", "", found[0])) if found else ""


# Who gets it


@pytest.mark.parametrize("path", ["/", "/log", "/log.json", "/style.css", "/script?path=/cgi-bin/hello.py"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},  # a name that has been made to lead to 127.0.0.1
        {"Host": "evil.example:{port}"},
        {"Host": "127.0.0.1"},  # another port, so another server
        {"Host": ""},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:{port}"},  # not the name that was asked for
    ],
)
def test_others_are_refused(site, path, headers):
    filled = {name: value.format(port=site.port) for name, value in headers.items()}
    status, sent, text = site.ask(f"/_cgicompat{path}", **filled)
    assert status == 403
    assert "cgi-bin" not in text
    assert sent["Content-Security-Policy"] == "default-src 'none'"


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "[::1]:{port}"])
def test_names_of_this_machine(site, host):
    assert site.ask("/_cgicompat/", Host=host.format(port=site.port))[0] == 200


def test_forms_need_their_token(site):
    for wrong in ("", "x", "é"):
        status, _, text = site.ask("/_cgicompat/ask", form=form(site, "hello.py", token=wrong))
        assert (status, "hello" in text) == (403, False)
    assert site.ask("/_cgicompat/ask", form=form(site, "hello.py"))[0] == 200
    assert site.ask("/_cgicompat/ask", form=form(site, "hello.py"), Origin="https://evil.example")[0] == 403


def test_methods(site):
    assert site.ask("/_cgicompat/ask")[0] == 405
    assert site.ask("/_cgicompat/", "DELETE")[0] == 405
    assert site.ask("/_cgicompat/", "HEAD")[::2] == (200, "")
    assert site.ask("/_cgicompat/nothing")[0] == 404
    assert site.ask("/_cgicompat/script?path=/cgi-bin/../../etc/passwd")[0] == 404
    status, headers, _ = site.ask("/_cgicompat")
    assert (status, headers["Location"]) == (307, "/_cgicompat/")


def test_the_rest_of_the_site_is_as_ever(site):
    assert site.ask("/cgi-bin/hello.py?a", Host="evil.example", Sec_Fetch_Site="cross-site")[2] == "hello a\n"
    assert site.ask("/_cgicompatible")[0] == 404
    until(lambda: "GET /cgi-bin/hello.py?a " in site.server.output)
    assert "_cgicompat/" not in site.server.output  # the access log is about the site


def test_headers_that_protect(site):
    _, headers, text = site.ask("/_cgicompat/")
    policy = headers["Content-Security-Policy"]
    nonce = re.search(r"script-src 'nonce-([^']+)'", policy)[1]
    assert text.count(f'nonce="{nonce}"') == 2
    assert nonce not in site.ask("/_cgicompat/")[2]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.1", False),
        ("localhost.example", False),
    ],
)
def test_loopback(address, loopback):
    assert is_loopback(address) is loopback


def test_other_addresses_are_refused(tmp_path):
    command = [sys.executable, "-m", "cgicompat", "serve", str(tmp_path), "--console", "--bind", "0.0.0.0"]
    run = subprocess.run(command, capture_output=True, text=True, env=host_environ(), timeout=20)
    assert (run.returncode, run.stderr) == (
        2,
        "Error: --console with --bind 0.0.0.0: others could reach it; choose an address of this machine "
        "alone, as --bind 127.0.0.1\n",
    )


def test_the_usual_port_may_be_left_out():
    assert not Gate("http", "127.0.0.1", 80).refusal({"host": "localhost"})
    assert not Gate("https", "127.0.0.1", 443).refusal({"host": "localhost", "origin": "https://localhost"})
    assert Gate("https", "127.0.0.1", 443).refusal({"host": "localhost", "origin": "http://localhost"})


# What it says


def test_figures(site):
    before = row(site, "hello.py")
    calls = int((re.search(r"auto (\d+) 0 ", before) or [0, 0])[1])
    for _ in range(3):
        site.ask("/cgi-bin/hello.py")
    assert re.fullmatch(
        rf"/cgi-bin/hello.py auto {calls + 3} 0 [\d.]+ ms [\d.]+ m?s 0 s ago, 200", row(site, "hello.py")
    )


def test_failures_and_stderr(site):
    site.ask("/cgi-bin/broken.py")
    found = until(lambda: re.search(r"auto (\d+) (\d+) .* 500", row(site, "broken.py")))
    assert found[1] == found[2] != "0"
    until(lambda: "stderr: ZeroDivisionError: division by zero" in row(site, "broken.py"))
    assert "about to &lt;fail&gt;" in site.page("/script?path=/cgi-bin/broken.py")


def test_what_workers_do(site):
    with socket.create_connection(("127.0.0.1", site.port)) as client:
        client.sendall(f"GET /cgi-bin/slow.py?q=%3Cb%3E HTTP/1.1\r\nHost: {site.host}\r\n\r\n".encode())
        busy = re.compile(r'busy</span> \d+\s+<span class="soft">[\d.]+ m?s</span> <code>[^<]*slow')
        assert "slow.py?q=%3Cb%3E" in until(lambda: busy.search(site.page())).string
        time.sleep(0.2)  # a client that leaves at once may have ended but its side
    until(lambda: not busy.search(site.page()))
    assert "idle</span>" in site.page()


def test_the_log(site):
    start = json.loads(site.page("/log.json"))["written"]
    site.ask("/cgi-bin/broken.py")
    lines = until(
        lambda: (
            found
            if "ZeroDivisionError" in str(found := json.loads(site.page(f"/log.json?after={start}"))["lines"])
            else []
        )
    )
    assert any(line.endswith("about to <fail>") for line in lines)
    assert all(line in site.server.log for line in lines)  # where it always went
    assert "about to &lt;fail&gt;" in site.page("/log")
    assert json.loads(site.page("/log.json?after=99999"))["lines"] == []


@pytest.mark.parametrize(
    "value", ["x", "-1", "9" * 5000, "%C2%B2", "1e9", "%00", "%FF", "+1", "http://[", "//[/x"]
)
def test_parameters_that_make_no_sense(site, value):
    """Refused, and none is an error of ours."""
    assert site.ask(f"/_cgicompat/log.json?after={value}")[0] == 400
    assert site.ask(f"/_cgicompat/script?path={value}")[0] == 404
    for field in ("path", "method", "target", "headers", "token"):
        answer = site.ask("/_cgicompat/ask", form=form(site, "hello.py", **{field: unquote(value)}))
        assert answer[0] in (200, 400, 403, 404), (field, answer)


def test_forms_that_are_too_much(site):
    assert site.ask("/_cgicompat/ask", form=dict.fromkeys(map(str, range(101)), ""))[0] == 400


@pytest.mark.parametrize("charset", ["idna", "undefined", "hex", "no-such", "utf-7"])
def test_a_charset_that_is_none(site, charset):
    target = f"/cgi-bin/charset.py?{charset}"
    status, _, text = site.ask("/_cgicompat/ask", form=form(site, "charset.py", target=target))
    assert (status, "some text" in text) == (200, True)


def test_lines_of_the_log():
    said = said_by('[2026-01-01 10:00:00] /www/a b.py "GET /a%20b.py?x=": cgicompat: exit status 3')
    assert (said.script, said.time, said.text, said.ours) == (
        "/www/a b.py",
        "10:00:00",
        "exit status 3",
        True,
    )
    said = said_by('[2026-01-01 10:00:00] /www/a.py "GET /a.py": text: "x": y')
    assert (said.text, said.ours) == ('text: "x": y', False)
    said = said_by('[2026-01-01 10:00:00] /www/a.py: no output "GET /a.py"')
    assert (said.text, said.ours) == ("no output", True)
    assert said_by("[2026-01-01 10:00:00] cgicompat: reloading") is None
    assert said_by("Traceback (most recent call last):") is None


def test_the_book_forgets_what_is_old():
    book = Book()
    for number in range(5000):
        book.add_line(f"line {number}")
    written, lines = book.log(4990)
    assert (written, lines[0], len(lines)) == (5000, "line 4990", 10)
    assert len(book.log()[1]) == 2000
    assert book.log(6000) == (6000, [])


# Requests from its form


def test_a_request_with_everything(site):
    fields = {
        "method": "POST",
        "target": "/cgi-bin/echo.py/info?q=1",
        "headers": "X-One: 1\r\n\r\nContent-Type: text/x-own\r\n",
        "body": "größe\r\n<i>",
    }
    status, _, text = site.ask("/_cgicompat/ask", form=form(site, "echo.py", **fields))
    assert status == 200
    assert "<i>" not in text
    shown = answer(text)
    assert "x-seen: 1" in shown
    assert "<b>größe\n<i></b> text/x-own" in shown
    assert "/cgi-bin/echo.py/info?q=1" in shown


def test_a_request_that_fails(site):
    status, _, text = site.ask("/_cgicompat/ask", form=form(site, "broken.py"))
    assert status == 200
    shown = answer(text)
    assert "500 Internal Server Error" in shown
    assert "about to <fail>" in shown
    assert "ZeroDivisionError" in shown  # the last line of an entry


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"target": "http://evil.example/"}, "The address is a path on this server"),
        ({"target": "//evil.example/"}, "The address is a path on this server"),
        ({"target": "cgi-bin/hello.py"}, "The address is a path on this server"),
        ({"target": "/cgi-bin/echo.py"}, "This address does not lead to /cgi-bin/hello.py"),
        ({"target": "/index.html"}, "This address does not lead to /cgi-bin/hello.py"),
        ({"headers": "no colon"}, "A header is NAME: VALUE, and not 'no colon'"),
        ({"headers": "a b: c"}, "A header is NAME: VALUE"),
        ({"method": "TRACE"}, "The method is one of GET"),
    ],
)
def test_what_a_form_must_not_say(site, fields, problem):
    status, _, text = site.ask("/_cgicompat/ask", form=form(site, "hello.py", **fields))
    assert status == 400
    assert problem in html.unescape(text)
    assert not answer(text)


def test_a_comparison(site):
    status, headers, text = site.ask("/_cgicompat/ask", form=form(site, "counts.py", do="compare"))
    assert status == 200
    assert "/cgi-bin/counts.py" in text
    assert "calendar" in text
    assert "script-src 'sha256-" in headers["Content-Security-Policy"]


def test_a_new_script_is_found(site):
    name = "größe & co.py"
    (site.root / "cgi-bin" / name).write_text("print('Content-Type: text/plain\\n')")
    page = until(lambda: found if "gr%C3%B6%C3%9Fe" in (found := site.page()) else "")
    assert html.escape(name) in page
    assert "Ask it" in site.page(f"/script?path={quote('/cgi-bin/' + name)}")
