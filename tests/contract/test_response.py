"""Response, points 31-36, for doors that speak HTTP: what a script prints becomes what Apache makes of it."""

from __future__ import annotations

import http.client

import pytest

from tests.harness.doors import Site
from tests.harness.processes import descendants, status

pytestmark = pytest.mark.doors("serve", "asgi", "wsgi")


def prints(site: Site, output: str | bytes, name: str = "script.py") -> str:
    """A script that writes just that."""
    data = output.encode() if isinstance(output, str) else output
    return site.script(f"import sys\nsys.stdout.buffer.write({data!r})", name=name, head=False)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_point_31_line_ends(site, end):
    page = site.get(prints(site, end.join(["Content-Type: text/plain", "X-Key: value", "", "body\r\n\n"])))
    assert (page.status, page.header("Content-Type"), page.header("X-Key")) == (200, "text/plain", "value")
    assert page.body == b"body\r\n\n"


@pytest.mark.parametrize("output", ["Content-Type: a/b\r\nX-A: 1\n\nx", "Content-Type: a/b\nX-A: 1\r\n\r\nx"])
def test_point_31_mixed_line_ends(site, output):
    page = site.get(prints(site, output + "Content-Type: a/b\r\nX-A: 1\n\r\nx"))
    assert page.header("X-A") == "1"
    assert page.body == b"xContent-Type: a/b\r\nX-A: 1\n\r\nx"


def test_point_31_blank_line_of_the_other_kind(site):
    page = site.get(prints(site, "Content-Type: text/plain\n\r\nbody"))
    assert (page.header("Content-Type"), page.body) == ("text/plain", b"body")


def test_point_31_headers_only(site):
    page = site.get(prints(site, "Content-Type: text/plain\n\n"))
    assert (page.status, page.header("Content-Type"), page.body) == (200, "text/plain", b"")
    assert page.whole


def test_point_31_two_cookies(site):
    page = site.get(prints(site, "Set-Cookie: a=1\nContent-Type: text/plain\nSet-Cookie: b=2; Path=/\n\n"))
    assert page.all("Set-Cookie") == ["a=1", "b=2; Path=/"]


def test_point_31_of_two_validators_the_last(site):
    page = site.get(prints(site, 'ETag: "a"\nContent-Type: text/plain\nETag: "b"\n\n'))
    assert page.header("ETag") == '"b"'


def test_point_31_value_with_colons_and_spaces(site):
    page = site.get(prints(site, "Content-Type:text/plain\nX-Time:  12:30:00 \nX-Empty:\n\n"))
    assert (page.header("X-Time"), page.header("X-Empty")) == ("12:30:00", "")


@pytest.mark.unlike_apache("takes the second line for a malformed header")
def test_point_31_folded_header(site):
    page = site.get(prints(site, "Content-Type: text/plain\nX-Long: one\n two\n\tthree\nX-Next: 1\n\nbody"))
    assert page.header("X-Long").split() == ["one", "two", "three"]
    assert (page.header("X-Next"), page.body) == ("1", b"body")


def test_point_31_values_are_8_bit_clean(site):
    page = site.get(prints(site, b"Content-Type: text/plain\nX-Name: caf\xc3\xa9 \xe9\n\n"))
    assert page.header("X-Name") == "caf\xc3\xa9 \xe9"


LENIENT = pytest.mark.unlike_apache("lets them pass")


def refused(site: Site, output: str | bytes) -> None:
    page = site.get(prints(site, output))
    assert (page.status, page.whole) == (500, True)
    assert b"secret" not in page.raw


@pytest.mark.parametrize(
    "output",
    [
        "",
        "secret text and no header\n",
        "secret text\n\nand a blank line\n",
        "<html>\n<body>secret: yes</body>\n</html>\n",
        "Content-Type: text/plain\nsecret text in between\n\nbody",
        "Content-Type: text/plain",
        "Content-Type: text/plain\n",
        "Content-Type: text/plain\nX-Secret: no blank line\n",
    ],
)
def test_point_32_no_header(site, output):
    refused(site, output)
    site.logged("script.py")


@pytest.mark.doors("serve", "asgi", "wsgi")
@pytest.mark.unlike_apache("has no such pages")
def test_point_32_debug_shows_what_is_wrong_with_the_header(site):
    page = site.get(prints(site, "menu <None>\n", name="debug.py"))
    assert page.status == 500
    assert b"malformed header: 'menu <None>'" in page.body
    assert page.header("Content-Type") == "text/plain; charset=utf-8"


@pytest.mark.parametrize("head", ["", "X-A: 1\n", "Content-Length: 4\n", "Expires: 0\nX-B:\n"])
@pytest.mark.parametrize("body", ["body", ""])
def test_point_32_no_type(site, head, body):
    target = prints(site, f"{head}\n{body}")
    for _ in range(2):
        page = site.get(target)
        assert (page.status, page.header("Content-Type"), page.body) == (200, None, body.encode())
        assert page.whole
    if site.door.name != "apache":
        assert site.logged("no Content-Type").count("no Content-Type") == 1


@pytest.mark.parametrize(
    "output",
    [
        pytest.param("Content-Type: text/plain\nX-A: a\rX-Secret: b\n\n", marks=LENIENT),
        pytest.param("Content-Type: text/plain\nX-A: a\0secret\n\n", marks=LENIENT),
        "Content-Type: text/plain\nX A: secret\n\n",
        "Content-Type: text/plain\nStatus: 99 secret\n\n",
        "Content-Type: text/plain\nStatus: secret\n\n",
    ],
)
def test_point_32_smuggled_characters(site, output):
    refused(site, output)


def test_point_32_longest_lines(site):
    fits, exceeds = "X-A: " + "a" * 8000, "X-A: " + "a" * 8300
    assert site.get(prints(site, f"Content-Type: text/plain\n{fits}\n\n")).header("X-A") == "a" * 8000
    refused(site, f"Content-Type: text/plain\n{exceeds}\n\nsecret")


@pytest.mark.unlike_apache("has no limit to the sum")
def test_point_32_largest_block(site):
    line = "X-{}: " + "a" * 1000
    for count, code in ((60, 200), (70, 500)):
        headers = "\n".join(line.format(i) for i in range(count))
        page = site.get(prints(site, f"Content-Type: text/plain\n{headers}\n\n"))
        assert page.status == code


def test_point_32_endless_header_in_bounded_memory(site):
    def peaks() -> dict[int, int]:
        server = site.door.server.pid
        return {pid: status(pid, "VmHWM") for pid in [server, *descendants(server)]}

    next_to_nothing = site.get(prints(site, "Content-Type: text/plain\n\n", name="small.py"))
    assert next_to_nothing.status == 200
    before = peaks()
    page = site.page(
        """
        import sys
        sys.stdout.write("Content-Type: text/plain\\nX-A: ")
        for _ in range(500):
            sys.stdout.write("a" * 100_000)
        """,
        head=False,
    )
    assert page.status == 500
    after = peaks()
    assert all(after[pid] - before[pid] < 16 << 10 for pid in before.keys() & after.keys())


@pytest.mark.parametrize("name", ["Status", "STATUS", "status"])
def test_point_33_status(site, name):
    page = site.get(prints(site, f"{name}: 404\nContent-Type: text/plain\n\nthe script's own page"))
    assert (page.status, page.reason, page.body) == (404, "Not Found", b"the script's own page")
    assert page.header("Status") is None


def test_point_33_status_alone(site):
    page = site.get(prints(site, "Status: 201 Created\nX-Key: value\n\n"))
    assert (page.status, page.header("X-Key"), page.body) == (201, "value", b"")


@pytest.mark.doors("serve", "wsgi")  # ASGI has no reason phrases
@pytest.mark.parametrize("status", ["404 Gone Fishing", "299 Odd", "200 Fine"])
def test_point_33_reason_phrase(site, status):
    page = site.get(prints(site, f"Status: {status}\nContent-Type: text/plain\n\n"))
    assert f"{page.status} {page.reason}" == status


def test_point_33_absolute_location(site):
    page = site.get(prints(site, "Location: http://example.org/x?a=1#top\n\n"))
    assert (page.status, page.header("Location")) == (302, "http://example.org/x?a=1#top")


def test_point_33_absolute_location_with_status_and_body(site):
    page = site.get(
        prints(
            site,
            "status: 301 Moved Permanently\nlocation: https://example.org/\nContent-type: text/plain\n\nbody",
        )
    )
    assert (page.status, page.header("Location")) == (301, "https://example.org/")
    assert (page.header("Content-Type"), page.body) == ("text/plain", b"body")


TARGET = """
import os, sys
for name in ("REQUEST_METHOD", "QUERY_STRING", "PATH_INFO", "CONTENT_LENGTH"):
    print(name, repr(os.environ.get(name)))
print(repr(sys.stdin.read()), os.path.basename(__file__))
"""


@pytest.mark.parametrize("body", [b"", b"a body"])
def test_point_33_local_location_is_answered_by_a_get(site, body):
    target = site.script(TARGET, name="target.py")
    redirect = prints(site, f"Location: {target}/in%20fo?a=b\n\n")
    page = site.post(redirect, body) if body else site.get(redirect, "old=query")
    assert page.status == 200
    assert page.header("Location") is None
    assert page.lines == [
        "REQUEST_METHOD 'GET'",
        "QUERY_STRING 'a=b'",
        "PATH_INFO '/in fo'",
        "CONTENT_LENGTH None",
        "'' target.py",
    ]


def test_point_33_local_location_may_be_a_static_file(site):
    (site.door.root / "page.html").write_text("<p>static</p>")
    page = site.get(prints(site, "Location: /page.html\n\n"))
    assert (page.status, page.body) == (200, b"<p>static</p>")


def test_point_33_local_location_to_nothing(site):
    assert site.get(prints(site, f"Location: {site.path}/none.py\n\n")).status == 404


def chain(site: Site, hops: int) -> str:
    """A script that leads to a page by so many local redirects."""
    target = prints(site, "Content-Type: text/plain\n\narrived", name="hop0.py")
    for i in range(1, hops + 1):
        target = prints(site, f"Location: {target}\n\n", name=f"hop{i}.py")
    return target


def test_point_33_ten_local_locations_in_a_row(site):
    assert site.get(chain(site, 10)).body == b"arrived"


def test_point_33_endless_local_locations(site):
    assert site.get(prints(site, f"Location: {site.path}/script.py\n\n")).status == 500
    assert site.get(chain(site, 12)).status == 500


@pytest.mark.unlike_apache("looks for that file on this host")
def test_point_33_location_of_another_host_is_a_redirect(site):
    page = site.get(prints(site, "Location: //evil.example/x\n\n"))
    assert (page.status, page.header("Location")) == (302, "//evil.example/x")


def test_point_33_local_location_with_status_is_a_redirect(site):
    page = site.get(prints(site, "Status: 303 See Other\nLocation: /x\nContent-Type: text/plain\n\nbody"))
    assert (page.status, page.header("Location"), page.body) == (303, "/x", b"body")


@pytest.mark.unlike_apache("takes the line for a malformed header")
def test_point_34_status_line_of_a_plain_script(site):
    page = site.get(prints(site, "HTTP/1.0 400 Bad\nContent-Type: text/plain\n\nbody"))
    assert (page.status, page.header("Content-Type"), page.body) == (400, "text/plain", b"body")


@pytest.mark.unlike_apache("takes the line for a malformed header")
def test_point_34_status_header_wins(site):
    page = site.get(prints(site, "HTTP/1.0 200 OK\r\nStatus: 404\r\nContent-Type: text/plain\r\n\r\n"))
    assert page.status == 404


NPH = b"HTTP/1.0 299 Odd Phrase\r\nServer: own/1.0\r\nx-lower:1\r\n\r\nbody\r\n"


@pytest.mark.doors("serve", "asgi", "wsgi")
def test_point_34_nph_script(site):
    page = site.get(prints(site, NPH, name="nph-script.py"))
    if site.door.name in ("serve", "apache"):
        assert page.raw == NPH
    assert (page.status, page.header("x-lower"), page.body) == (299, "1", b"body\r\n")
    if site.door.name != "wsgi":  # gunicorn says what it is
        assert page.all("Server")[-1] == "own/1.0"


def test_point_34_nph_script_closes_the_connection(site):
    """Although the client would keep it."""
    target = prints(site, NPH, name="nph-script.py")
    request = f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    if site.door.name == "serve":
        page = site.door.send(request).finish()
        assert page.body == b"body\r\n"
    else:
        assert ask(keep(site), target) == (299, b"body\r\n")


@pytest.mark.parametrize("first", ["100 Continue", "103 Early Hints\r\nLink: </a.css>"])
def test_point_34_nph_script_may_begin_with_1xx(site, first):
    output = f"HTTP/1.1 {first}\r\n\r\n".encode() + NPH
    page = site.get(prints(site, output, name="nph-script.py"))
    if site.door.name in ("serve", "apache"):
        assert page.raw == output
    else:
        assert (page.status, page.header("x-lower"), page.body) == (299, "1", b"body\r\n")


def test_point_34_nph_output_streams(site):
    script = site.script(
        """
        import os, sys, time
        print("HTTP/1.0 200 OK\\r\\nContent-Type: text/plain\\r\\n\\r")
        print("first", flush=True)
        while not os.path.exists("gate"): time.sleep(0.01)
        print("second")
        """,
        name="nph-stream.py",
        head=False,
    )
    request = site.open("GET", script)
    request.wait_for(b"first\n")
    site.file("gate")
    assert request.finish().body == b"first\nsecond\n"


def keep(site: Site) -> http.client.HTTPConnection:
    """A connection for several requests."""
    return http.client.HTTPConnection(*site.door.address, timeout=10)


def ask(connection: http.client.HTTPConnection, target: str) -> tuple[int, bytes]:
    connection.request("GET", target)
    response = connection.getresponse()
    return response.status, response.read()


@pytest.mark.parametrize(
    "header",
    [
        "Transfer-Encoding: chunked",
        pytest.param("Connection: keep-alive, X-A", marks=LENIENT),
        pytest.param("Keep-Alive: 3", marks=LENIENT),
    ],
)
def test_point_35_connection_headers_are_dropped(site, header):
    target = prints(site, f"Content-Type: text/plain\n{header}\nX-A: kept\n\n5\r\nbody")
    page = site.get(target)
    assert (page.body, page.whole, page.header("X-A")) == (b"5\r\nbody", True, "kept")
    assert page.header("Connection") in (None, "close")
    assert page.header("Keep-Alive") is None
    assert page.header("Transfer-Encoding") in (None, "chunked")
    connection = keep(site)
    assert [ask(connection, target) for _ in range(2)] == [(200, b"5\r\nbody")] * 2


IGNORED = pytest.mark.unlike_apache("ignores Content-Length, as a script can be wrong")


@IGNORED
def test_point_35_content_length_that_is_right(site):
    page = site.get(prints(site, "Content-Type: text/plain\nContent-Length: 4\n\nbody"))
    assert (page.body, page.header("Content-Length"), page.whole) == (b"body", "4", True)


@pytest.mark.parametrize(("said", "body"), [(4, "gr\xfc\xdfe and more"), (100, "body"), (99, "x" * 60_000)])
def test_point_35_content_length_that_is_wrong(site, said, body):
    data = body.encode()
    target = prints(site, f"Content-Type: text/plain\nContent-Length: {said}\n\n{body}")
    page = site.get(target)
    assert (page.body, page.whole) == (data, True)
    assert page.header("Content-Length") in (None, str(len(data)))
    other = prints(site, "Content-Type: text/plain\n\nother", name="other.py")
    connection = keep(site)
    for _ in range(2):
        assert ask(connection, target) == (200, data)
        assert ask(connection, other) == (200, b"other")


def test_point_35_content_length_of_an_unbuffered_page(site):
    """Which comes in pieces, the newline of print() by itself."""
    page = site.page(
        """
        import os
        os.write(1, b"Content-Type: text/plain\\nContent-Length: 4\\n\\n")
        for piece in (b"body", b"\\n", b"and", b" more\\n"):
            os.write(1, piece)
        """,
        head=False,
    )
    assert (page.body, page.whole) == (b"body\nand more\n", True)


@pytest.mark.parametrize("size", [pytest.param(70_000, marks=IGNORED), 130_000])
def test_point_35_content_length_of_a_download(site, size):
    target = prints(site, b"Content-Type: a/b\nContent-Length: 100000\n\n" + b"x" * size)
    page = site.get(target)
    # under a plain WSGI or ASGI server too, more than was said is cut or sent without a length
    assert page.body == b"x" * size or (len(page.body), page.header("Content-Length")) == (100_000, "100000")
    assert page.whole == (size > 100_000)


def test_point_35_output_with_a_content_length_streams(site):
    script = site.script(
        """
        import os, time
        print("Content-Type: text/plain\\nContent-Length: 3\\n\\nfirst", flush=True)
        while not os.path.exists("gate"): time.sleep(0.01)
        print("second")
        """,
        head=False,
    )
    request = site.open("GET", script)
    request.wait_for(b"first\n")
    site.file("gate")
    assert request.finish().body == b"first\nsecond\n"


@pytest.mark.parametrize("length", ["four", "-4", "4, 4", "4\nContent-Length: 5", ""])
def test_point_35_content_length_that_is_none(site, length):
    page = site.get(prints(site, f"Content-Type: text/plain\nContent-Length: {length}\n\nbody"))
    assert page.status == 500 or (page.body == b"body" and page.header("Content-Length") in ("4", None))


@pytest.mark.unlike_apache("takes it for a malformed header")
def test_point_35_comment_salad_of_cgitb(site):
    salad = (
        "<!--: spam\nContent-Type: text/html\n\n"
        '<body bgcolor="#f0f0f8"><font color="#f0f0f8" size="-5"> -->\n<p>A problem occurred</p>\n'
    )
    page = site.get(prints(site, salad))
    assert (page.status, page.header("Content-Type")) == (200, "text/html")
    assert page.body.startswith(b"<body bgcolor=")
    assert b"<!--" not in page.raw


def test_point_36_head(site):
    script = site.script("import os; print(os.environ['REQUEST_METHOD'] * 1000)")
    page = site.open("HEAD", script).finish()
    assert (page.status, page.header("Content-Type"), page.body) == (200, "text/plain", b"")
    connection = keep(site)
    for _ in range(2):
        connection.request("HEAD", script)
        assert connection.getresponse().read() == b""
        assert ask(connection, script) == (200, b"GET" * 1000 + b"\n")


def test_point_36_head_of_a_failing_script(site):
    page = site.open("HEAD", prints(site, "nothing good")).finish()
    assert (page.status, page.body) == (500, b"")


@pytest.mark.parametrize(("status", "code"), [("", 304), ("Status: 200\n", 200)])
def test_point_36_only_an_implicit_status_becomes_304(site, status, code):
    script = prints(
        site,
        f"{status}Last-Modified: Sat, 01 Jan 2000 00:00:00 GMT\nContent-Type: text/plain\n\nbody",
    )
    page = site.get(script, headers=[("If-Modified-Since", "Sun, 01 Jan 2006 00:00:00 GMT")])
    assert (page.status, page.body) == (code, b"body" if code == 200 else b"")
    assert site.get(script, headers=[("If-Modified-Since", "Fri, 01 Jan 1999 00:00:00 GMT")]).body == b"body"


@pytest.mark.parametrize("code", [204, 304])
def test_point_36_no_body(site, code):
    target = prints(site, f"Status: {code}\nContent-Type: text/plain\nX-A: 1\n\nbody of a kind")
    page = site.get(target)
    assert (page.status, page.header("X-A"), page.body) == (code, "1", b"")
    connection = keep(site)
    assert [ask(connection, target) for _ in range(2)] == [(code, b"")] * 2
