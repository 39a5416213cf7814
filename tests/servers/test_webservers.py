"""Behind real web servers: Apache, nginx and lighttpd, each with a configuration as the README has it.

The contract is tested elsewhere; these cases show that each server's way to hand a request over, and its way
to read a response, work together with ours.
"""

from __future__ import annotations

import ast
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import clients
from tests.harness.doors import Door
from tests.harness.webservers import (
    Apache,
    ApacheAction,
    ApacheActionCgid,
    ApacheActionClient,
    ApacheActionPool,
    ApacheScgi,
    Lighttpd,
    Nginx,
)
from tests.harness.wire import http_request


class ApacheLine(Apache):
    """Plain mod_cgi; cgicompat-cgi stands in the first line of scripts."""

    name = "apache-line"


SERVERS = [
    ApacheAction,
    ApacheActionCgid,
    ApacheActionPool,
    ApacheActionClient,
    ApacheLine,
    ApacheScgi,
    Nginx,
    Lighttpd,
]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(server, id=server.name, marks=pytest.mark.xdist_group(server.name)) for server in SERVERS
    ],
)
def door(request: pytest.FixtureRequest, home: Path) -> Iterator[Door]:
    door = request.param("fork", home / request.param.name)
    yield door
    door.stop()


@pytest.fixture(autouse=True)
def first_line(site, monkeypatch):
    """Scripts behind ApacheLine name us in their first line."""
    if site.door.name == "apache-line":
        write = site.script

        def script(source: str, name: str = "script.py", head: bool = True) -> str:
            path = write(source, name, head)
            file = site.directory / name
            file.write_text(f"#!{clients.PYTHON}\n" + file.read_text().partition("\n")[2])
            return path

        monkeypatch.setattr(site, "script", script)


def test_variables(site):
    script = site.script("import os; print(dict(os.environ))")
    page = site.door.send(
        http_request("GET", f"{script}/extra%20path?a=b%20c", [("X-Key", "value"), ("Cookie", "a=1")])
    ).finish()
    assert page.status == 200
    found = ast.literal_eval(page.body.decode())
    expected = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": script,
        "SCRIPT_FILENAME": f"{site.directory}/script.py",
        "PATH_INFO": "/extra path",
        "PATH_TRANSLATED": f"{site.door.root}/extra path",
        "QUERY_STRING": "a=b%20c",
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_COOKIE": "a=1",
        "HTTP_X_KEY": "value",
    }
    assert {name: found.get(name) for name in expected} == expected
    assert not [name for name in found if name.startswith(("CGICOMPAT", "REDIRECT_CGICOMPAT"))]
    assert "s3cret" not in found.values()


def test_import_cgi(site):
    script = site.script(
        """
        import cgi
        form = cgi.FieldStorage()
        print(form.getfirst("name"), form.getlist("n"))
        """
    )
    page = site.post(
        script,
        b"name=caf%C3%A9&n=1&n=2",
        headers=[("Content-Type", "application/x-www-form-urlencoded")],
    )
    assert page.body == "café ['1', '2']\n".encode()


def test_working_directory_and_helper(site):
    site.file("helper.py", "TEXT = 'from beside the script'\n")
    page = site.page("import os, helper; print(os.getcwd(), helper.TEXT)")
    assert page.body == f"{site.directory} from beside the script\n".encode()


def test_large_body(site):
    body = os.urandom(4 << 20)
    script = site.script("import sys; sys.stdout.flush(); sys.stdout.buffer.write(sys.stdin.buffer.read())")
    page = site.post(script, body)
    assert page.status == 200
    assert page.body == body


def test_a_script_finishes_after_head(site):
    """nginx and lighttpd leave as soon as they have the header."""
    source = "import sys, time; print('page', flush=True); time.sleep(0.5); print(1); sys.exit('finished')"
    assert site.open("HEAD", site.script(source)).finish().status == 200
    site.logged("finished")


def test_body_that_stays_unread(site):
    if site.door.name == "apache-action-cgid":
        pytest.skip("mod_cgid gives up when the script does not take the body, under plain CGI too")
    page = site.post(site.script("print('fine')"), bytes(300_000))
    assert (page.status, page.body) == (200, b"fine\n")


def test_status_and_headers(site):
    page = site.page(
        """
        print("Status: 404 Not Found")
        print("Set-Cookie: a=1")
        print("Set-Cookie: b=2")
        print("Content-Type: text/plain")
        print()
        print("the script's own page")
        """,
        head=False,
    )
    assert (page.status, page.body) == (404, b"the script's own page\n")
    assert page.all("Set-Cookie") == ["a=1", "b=2"]


def test_redirect(site):
    page = site.page("print('Location: http://example.org/\\n')", head=False)
    assert page.header("Location") == "http://example.org/"
    assert page.status == (200 if site.door.name == "apache-scgi" else 302)  # mod_proxy_scgi wants a Status


def test_location_of_a_file_is_not_run(site):
    """Wherever a user has a script redirect to: what is sent as text is never run."""
    if not isinstance(site.door, ApacheAction):
        pytest.skip("there is no URL of ours")
    other = site.script("print('other')", name="other.py")
    target = site.door.root / "notes.txt"
    target.write_text("print('Content-Type: text/plain\\n\\nit was run')")
    source = "import os; print('Location:', os.environ['QUERY_STRING'], end='\\n\\n')"
    for name in ("redirect.py", "redirect.sh"):  # by way of us, and by mod_cgi alone
        script = site.script(source, name=name, head=False)
        assert site.get(script, "/cgicompat/notes.txt").status == 403
        assert site.get(script, f"/cgicompat{other}").status == 403
        assert site.get(script, other).body == b"other\n"
        assert site.get(script, "/notes.txt").body == target.read_bytes()
    assert site.get("/cgicompat/notes.txt").status == 403


def test_output_streams(site):
    request = site.open(
        "GET",
        site.script(
            """
            import os, time
            print("first", flush=True)
            while not os.path.exists("gate"): time.sleep(0.01)
            print("second")
            """
        ),
    )
    request.wait_for(b"first\n")
    assert b"second" not in request.raw
    site.file("gate")
    assert request.finish().body == b"first\nsecond\n"


def test_exception(site):
    page = site.page("raise ValueError('of the script')", head=False)
    assert page.status in (500, 502)
    assert b"of the script" not in page.raw
    log = site.logged("ValueError: of the script")
    assert f"{site.directory}/script.py" in log
    assert site.page("print('next')").body == b"next\n"


def test_head(site):
    page = site.open("HEAD", site.script("print('body')")).finish()
    assert (page.status, page.body) == (200, b"")


def test_no_such_script(site):
    assert site.get(f"{site.path}/none.py").status == 404


def test_other_languages(site):
    if not shutil.which("perl"):
        pytest.skip("perl is not installed")
    site.file(
        "script.pl",
        '#!/usr/bin/perl\nprint "Content-Type: text/plain\\n\\nfrom Perl: $ENV{QUERY_STRING}\\n";\n',
        0o755,
    )
    assert site.get(f"{site.path}/script.pl", "a=1").body == b"from Perl: a=1\n"


def test_thirty_requests_at_once(site):
    script = site.script("import os; print(os.environ['QUERY_STRING'])")
    requests = [site.open("GET", script, query=f"n={i}") for i in range(30)]
    assert [request.finish().body for request in requests] == [f"n={i}\n".encode() for i in range(30)]
