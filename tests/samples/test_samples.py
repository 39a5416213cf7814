"""Every sample does what it says, served for real by `python -m cgicompat serve` under each runner.

One server for each runner serves samples/ as it is; only the folder for temporary files, where the guestbook
and the counter keep their data, is the test's own. The names of the tests are those of the scripts, and one
test sees to it that no script is without.
"""

from __future__ import annotations

import hashlib
import html
import http.client
import io
import os
import pwd
import re
import shutil
import sys
import time
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urljoin

import pytest

from tests.harness.processes import REPOSITORY, Server

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLES = REPOSITORY / "samples"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Answer:
    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status, self.reason = response.status, response.reason
        self.headers = response.headers
        self.body = response.read()

    @property
    def text(self) -> str:
        return self.body.decode()


class Site:
    """A running server; no request follows a redirect by itself."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.port = int(server.says(r"http://127\.0\.0\.1:(\d+)")[1])

    def request(
        self, path: str, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            answer = Answer(connection.getresponse())
        finally:
            connection.close()
        if answer.status >= 500:
            print(self.server.log[-3000:])  # why, for whoever reads of the failure
        return answer

    def page(self, path: str) -> str:
        answer = self.request(path)
        assert answer.status == 200, answer.text
        assert answer.headers.get_content_type() == "text/html"
        return answer.text


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(runner, marks=pytest.mark.xdist_group(f"samples-{runner}"))
        for runner in ("fork", "cgihandler", "cgi")
    ],
)
def site(request: pytest.FixtureRequest, home: Path) -> Iterator[Site]:
    temporary = home / f"samples-{request.param}"
    command = [sys.executable, "-m", "cgicompat", "serve", str(SAMPLES), "--port", "0"]
    command += ["--runner", request.param, "--workers", "2:4", "--env", f"TMPDIR={temporary}"]
    server = Server(command, temporary)
    yield Site(server)
    server.stop()


def scripts() -> Iterator[Path]:
    for path in SAMPLES.rglob("*"):
        if path.is_file() and os.access(path, os.X_OK):
            yield path


def test_every_script_has_a_test() -> None:
    names = {"test_" + path.stem.replace("-", "_") for path in scripts()}
    assert len(names) >= 16
    assert names <= globals().keys()


def test_home_page_links_every_script_and_nothing_dead(site: Site) -> None:
    links = {html.unescape(link) for link in re.findall(r'(?:href|src)="([^"]+)"', site.page("/"))}
    linked = {link.partition("?")[0] for link in links}
    assert {str(path.relative_to(SAMPLES)) for path in scripts()} <= linked
    expected = {"cgi-bin/redirect.py?to=absolute": 302, "cgi-bin/redirect.py?to=moved": 301}
    expected["cgi-bin/redirect.py?to=gone"] = 410
    links.discard("cgi-bin/countdown.py")  # ten seconds long, and tested below
    with ThreadPoolExecutor(4) as threads:
        answers = dict(zip(links, threads.map(lambda link: site.request("/" + link), links), strict=True))
    assert {link: answer.status for link, answer in answers.items()} == {
        link: expected.get(link, 200) for link in links
    }
    assert answers["style.css"].headers.get_content_type() == "text/css"
    assert answers["images/construction.gif"].body == (SAMPLES / "images/construction.gif").read_bytes()


def test_hello(site: Site) -> None:
    page = site.page("/cgi-bin/hello.py")
    assert "<h1>Hello, world!</h1>" in page
    assert time.strftime("%Y") in page


def test_today(site: Site) -> None:
    first, days, rest = map(int, re.findall(r"\d+", site.page("/today.cgi").partition("<p>Day")[2]))
    assert first + rest == days


def test_form(site: Site) -> None:
    assert 'method="POST"' in site.page("/cgi-bin/form.py")
    fields = {"name": "Zoë <zoe@example.org>", "topping": ["olives", "onions"], "comments": "50% & more"}
    data = urlencode(fields, doseq=True)
    by_get = site.page("/cgi-bin/form.py?" + data)
    by_post = site.request("/cgi-bin/form.py", "POST", data.encode(), FORM).text
    for method, page in ("GET", by_get), ("POST", by_post):
        assert "Thank you, <b>Zoë &lt;zoe@example.org&gt;</b>!" in page
        assert re.findall("<li>(.+)", page) == ["olives", "onions"]
        assert "<blockquote>50% &amp; more</blockquote>" in page
        assert f"(This came by {method}.)" in page


def test_upload(site: Site) -> None:
    photo = bytes(range(256)) * 2000
    parts = [
        (b'name="description"', b"", b"Two files"),
        (b'name="file"; filename="C:\\pictures\\photo.jpg"', b"Content-Type: image/jpeg\r\n", photo),
        (b'name="file"; filename="note.txt"', b"Content-Type: text/plain\r\n", b"\r\n--not the boundary\r\n"),
    ]
    body = b"".join(
        b"--limit\r\nContent-Disposition: form-data; " + name + b"\r\n" + head + b"\r\n" + content + b"\r\n"
        for name, head, content in parts
    )
    headers = {"Content-Type": "multipart/form-data; boundary=limit"}
    page = site.request("/cgi-bin/upload.py", "POST", body + b"--limit--\r\n", headers).text
    assert "<p>Two files</p>" in page
    rows = [re.findall("<td.*?>(?:<tt>)?(.*?)<", row) for row in re.findall("<tr><td>.+", page)]
    assert rows == [
        ["photo.jpg", "image/jpeg", str(len(photo)), hashlib.md5(photo).hexdigest()],
        ["note.txt", "text/plain", str(len(parts[2][2])), hashlib.md5(parts[2][2]).hexdigest()],
    ]


def test_cookies(site: Site) -> None:
    first = site.request("/cgi-bin/cookies.py?colour=pink")
    assert "for the first time" in first.text
    cookies = [cookie.partition(";")[0] for cookie in first.headers.get_all("Set-Cookie", [])]
    assert sorted(cookies) == ["colour=pink", "visits=1"]
    second = site.request("/cgi-bin/cookies.py", headers={"Cookie": "; ".join(cookies)})
    assert "visit number 2" in second.text
    assert "background: pink" in second.text
    forgotten = site.request("/cgi-bin/cookies.py?forget=1", headers={"Cookie": "; ".join(cookies)})
    assert all("Max-Age=0" in cookie for cookie in forgotten.headers.get_all("Set-Cookie", []))


def test_redirect(site: Site) -> None:
    absolute = site.request("/cgi-bin/redirect.py?to=absolute")
    assert absolute.status == 302
    assert absolute.headers["Location"] == f"http://127.0.0.1:{site.port}/cgi-bin/hello.py"
    assert "<h1>Hello, world!</h1>" in site.page("/cgi-bin/redirect.py?to=local")
    moved = site.request("/cgi-bin/redirect.py?to=moved")
    assert moved.status == 301
    assert urljoin("/cgi-bin/redirect.py", moved.headers["Location"]) == "/cgi-bin/hello.py"
    assert "a better place" in moved.text
    gone = site.request("/cgi-bin/redirect.py?to=gone")
    assert (gone.status, gone.reason) == (410, "Gone Fishing")
    assert "nobody will come back" in gone.text


def test_chart(site: Site) -> None:
    answer = site.request("/cgi-bin/chart.py?data=1,2&width=8&height=3")
    assert answer.headers["Content-Type"] == "image/png"
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    assert answer.body.startswith(b"\x89PNG\r\n\x1a\n")
    start = answer.body.index(b"IDAT")
    size = int.from_bytes(answer.body[start - 4 : start], "big")
    pixels = zlib.decompress(answer.body[start + 4 : start + 4 + size])
    white, blue, black = b"\xff" * 6, b"\x33\x66\x99" * 2, b"\0" * 24
    assert pixels.split(b"\0", 1)[1] == white * 2 + blue + white + b"\0" + (blue + white) * 2 + b"\0" + black


def test_download(site: Site) -> None:
    answer = site.request("/cgi-bin/download.py")
    assert answer.headers["Content-Disposition"] == "attachment; filename=texts.zip"
    texts = {str(path.relative_to(SAMPLES / "texts")): path for path in SAMPLES.glob("texts/**/*.txt")}
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            name: path.read_bytes() for name, path in texts.items()
        }


def test_status(site: Site) -> None:
    page = site.page("/cgi-bin/status.py")
    system = re.escape(os.uname().sysname)
    assert re.search(
        rf"<h2>Date</h2><pre>\n[^\n]*\d\d:\d\d[^\n]*\n</pre>\n"
        rf"<h2>System</h2><pre>\n{system} [^\n]*\n</pre>\n"
        rf"<h2>Disk</h2><pre>\n(?:[^<\n]+\n)+</pre>\n<p>Running as",
        page,
    ), page
    assert f"<b>{pwd.getpwuid(os.getuid()).pw_name}</b>, in <tt>{SAMPLES / 'cgi-bin'}</tt>" in page


def test_countdown(site: Site) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    connection.request("GET", "/cgi-bin/countdown.py?from=3&delay=0.5")
    response = connection.getresponse()
    assert response.headers.get_content_type() == "text/plain"
    arrivals = []
    while line := response.readline():
        arrivals.append((line, time.monotonic()))
    connection.close()
    assert [line for line, _ in arrivals] == [b"3...\n", b"2...\n", b"1...\n", b"Lift-off!\n"]
    assert arrivals[-1][1] - arrivals[0][1] > 0.75, "the lines came together"


def test_browse(site: Site) -> None:
    assert "notes'>notes/</a>" in site.page("/cgi-bin/browse.py")
    folder = site.page("/cgi-bin/browse.py/notes")
    link = "/cgi-bin/browse.py/notes/" + quote("größe.txt")
    assert f"<a href='{link}'>größe.txt</a>" in folder
    text = site.request(link)
    assert text.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert text.body == (SAMPLES / "texts/notes/größe.txt").read_bytes()
    assert site.request("/cgi-bin/browse.py/nothing/here").status == 404


def test_search(site: Site) -> None:
    assert re.findall("href='browse.py/(.+?)'", site.page("/cgi-bin/search.py?milk")) == [
        "recipes/pancakes.txt",
        "recipes/tea.txt",
    ]
    page = site.page("/cgi-bin/search.py?milk+te%61")
    assert "Texts with milk and tea" in page
    assert "<p>1 found.</p>" in page


def test_counter(site: Site) -> None:
    def visit(_: int) -> int:
        answer = site.request("/cgi-bin/counter.py?page=test")
        assert answer.headers["Content-Type"] == "image/svg+xml"
        title, *digits = re.findall(r"(?:<title>|font-size=\"24\">)(\d+)", answer.text)
        assert int("".join(digits)) == int(title)
        return int(title)

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(visit, range(12))) == list(range(1, 13))


def test_env(site: Site) -> None:
    headers = {"X-Colour": "blue <green>", "Content-Type": "text/plain"}
    page = site.request("/cgi-bin/env.py/a%20b?x=%31", "POST", b"\0body\xff", headers).text
    shown = dict(re.findall("<tr><td>(.*?)</td><td>(.*?)</td></tr>", page))
    assert shown["PATH_INFO"] == "/a b"
    assert shown["QUERY_STRING"] == "x=%31"
    assert shown["HTTP_X_COLOUR"] == "blue &lt;green&gt;"
    assert shown["SERVER_PORT"] == str(site.port)
    assert html.escape(repr(b"\0body\xff")) in page


def test_oops(site: Site) -> None:
    page = site.page("/cgi-bin/oops.py")
    assert page.index("Tuesday: 5.5") < page.index("ZeroDivisionError")
    assert "division by zero" in page
    assert str(SAMPLES / "cgi-bin/oops.py") in page


def test_nph_clock(site: Site) -> None:
    answer = site.request("/cgi-bin/nph-clock.py")
    assert (answer.status, answer.reason) == (200, "Tick Tock")
    assert re.fullmatch(r"(?:\d\d:\d\d:\d\d\n){5}", answer.text)


def test_fortune(site: Site) -> None:
    answer = site.request("/cgi-bin/fortune.sh")
    saying, empty, host, *rest = answer.text.split("\n")
    assert f"\n# {saying}\n" in (SAMPLES / "cgi-bin/fortune.sh").read_text()
    assert (empty, rest) == ("", [""])
    assert host.startswith("(for 127.0.0.1, by ")


@pytest.mark.skipif(not shutil.which("perl"), reason="perl is not installed")
def test_calendar(site: Site) -> None:
    page = site.page("/cgi-bin/calendar.pl?year=1999&month=12")
    assert "<h1>December 1999</h1>" in page
    assert "\n        1  2  3  4  5\n" in page
    assert "\n 27 28 29 30 31\n" in page


def test_shop(site: Site) -> None:
    for count, total in (1, "4.95"), (2, "9.90"), (1, "4.95"):
        page = site.page("/cgi-bin/shop/shop.py?" + "&".join(["item=tea"] * count))
        assert f"<td>{count} x</td><td>Tea, loose, 250 g</td>" in page
        assert f"<b>&pound;{total}</b>" in page
        assert page.count("<h1>") == 1
    assert "It is empty" in site.page("/cgi-bin/shop/shop.py?item=gold")


def test_guestbook(site: Site) -> None:
    path = "/cgi-bin/guestbook/guestbook.py"
    assert "Entries so far: 0" in site.page(path)
    for name in "Ann", "Bob & Co":
        data = urlencode({"name": name, "message": f"<{name}> was here\nand left"}).encode()
        signed = site.request(path, "POST", data, FORM)
        assert (signed.status, signed.headers["Location"]) == (303, path)
    page = site.page(path)
    assert "Entries so far: 2" in page
    assert page.index("<b>Bob &amp; Co</b>") < page.index("<b>Ann</b>")
    assert "<blockquote>&lt;Ann&gt; was here<br>and left</blockquote>" in page
