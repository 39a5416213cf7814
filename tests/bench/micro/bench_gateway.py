"""What a gateway does for a request beside waiting: from the server's request to CGI variables, to SCGI and
back, and from the script's output to a response."""

from __future__ import annotations

import time

import pytest

from cgicompat import config, scgi
from cgicompat.gateways import asgi, wsgi
from cgicompat.gateways.exchange import Run
from cgicompat.gateways.message import File
from cgicompat.gateways.site import Site
from cgicompat.response import Parser
from cgicompat.routing import Router, Script, Static

# What Firefox sends.
HEADERS = [
    ("host", "localhost:8000"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-language", "en-US,en;q=0.5"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("connection", "keep-alive"),
    ("cookie", "visitor=ann; theme=dark"),
    ("upgrade-insecure-requests", "1"),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-site", "none"),
    ("sec-fetch-user", "?1"),
    ("priority", "u=0, i"),
]
SCOPE = {
    "type": "http",
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "path": "/cgi-bin/hello.py",
    "raw_path": b"/cgi-bin/hello.py",
    "query_string": b"name=Ann",
    "root_path": "",
    "headers": [(name.encode(), value.encode()) for name, value in HEADERS],
    "server": ("127.0.0.1", 8000),
    "client": ("127.0.0.1", 50000),
}
ENVIRON = {
    "REQUEST_METHOD": "GET",
    "SCRIPT_NAME": "",
    "PATH_INFO": "/cgi-bin/hello.py",
    "QUERY_STRING": "name=Ann",
    "RAW_URI": "/cgi-bin/hello.py?name=Ann",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "SERVER_NAME": "127.0.0.1",
    "SERVER_PORT": "8000",
    "REMOTE_ADDR": "127.0.0.1",
    "REMOTE_PORT": "50000",
    "wsgi.url_scheme": "http",
    **{"HTTP_" + name.upper().replace("-", "_"): value for name, value in HEADERS},
}


def group(name):
    # Many calls for each look at the clock, which is not free.
    return pytest.mark.benchmark(group=name, timer=time.process_time, min_time=0.0005, max_time=0.5)


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "cgi-bin").mkdir()
    (tmp_path / "cgi-bin/hello.py").touch()
    (tmp_path / "index.html").touch()
    return config.load(str(tmp_path))


def site_of(settings):
    return Site(settings, None, True, lambda question: ())


@pytest.fixture
def variables(settings):
    run = site_of(settings).answer(asgi.request_of(SCOPE))
    assert isinstance(run, Run)
    return run.environ


@group("environ builder")
def test_ASGI_scope_to_request(benchmark):
    assert benchmark(asgi.request_of, SCOPE).headers == HEADERS


@group("environ builder")
def test_WSGI_environ_to_request(benchmark):
    assert benchmark(wsgi.request_of, ENVIRON).headers == HEADERS


@group("environ builder")
def test_request_to_CGI_variables(benchmark, settings):
    site, request = site_of(settings), asgi.request_of(SCOPE)
    script = site.router.route(request.path)
    assert benchmark(site.variables, request, script, settings)["HTTP_SEC_FETCH_SITE"] == "none"


@group("routing")
def test_path_of_a_script(benchmark, settings):
    assert isinstance(benchmark(Router(settings).route, "/cgi-bin/hello.py"), Script)


@group("routing")
def test_path_that_goes_on_after_a_script(benchmark, settings):
    assert benchmark(Router(settings).route, "/cgi-bin/hello.py/a/b%20c").path_info == "/a/b c"


@group("routing")
def test_path_of_a_static_file(benchmark, settings):
    assert isinstance(benchmark(Router(settings).route, "/index.html"), Static)


@group("routing")
def test_file_name_from_a_gateway_in_the_worker(benchmark, settings):
    assert benchmark(Router(settings).is_script, settings.directory + "/cgi-bin/hello.py")


@group("routing")
@pytest.mark.parametrize("files", ["off", "none", "six"], ids=".htaccess: {}".format)
def test_file_five_directories_deep(benchmark, tmp_path, files):
    folder = tmp_path
    for name in ("", *"abcde"):
        folder = folder / name
        folder.mkdir(exist_ok=True)
        if files == "six":
            (folder / ".htaccess").write_text("Options -Indexes\n")
    (folder / "page.html").touch()
    site = site_of(config.load(str(tmp_path), {"htaccess": str(files != "off").lower()}))
    request = asgi.request_of({**SCOPE, "path": "/a/b/c/d/e/page.html", "raw_path": b"/a/b/c/d/e/page.html"})
    assert isinstance(benchmark(site.answer, request), File)


@group("SCGI")
def test_SCGI_head_from_variables(benchmark, variables):
    assert benchmark(scgi.encode, variables).endswith(b"\0,")


@group("SCGI")
def test_variables_from_SCGI_head(benchmark, variables):
    assert benchmark(scgi.decode, scgi.encode(variables)) == {"CONTENT_LENGTH": "0", **variables}


OUTPUTS = {
    "hello": [b"Content-Type: text/plain\n\nhello\n"],
    "20 headers": [b"Content-Type: text/plain\n" + b"Set-Cookie: visitor=ann; Path=/\n" * 19 + b"\nhello\n"],
    "1 MB in pieces of 64 KB": [b"Content-Type: text/plain\n\n", *[bytes(65536)] * 16],
}


@group("response parser")
@pytest.mark.parametrize("output", OUTPUTS.values(), ids=OUTPUTS)
def test_parse(output, benchmark):
    def parse():
        parser = Parser()
        size = sum(len(parser.feed(piece)) for piece in output)
        parser.close()
        return parser.head.get("content-type"), size

    assert benchmark(parse) == ("text/plain", len(b"".join(output).partition(b"\n\n")[2]))
