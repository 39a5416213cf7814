"""Request, points 37-43: what a script learns of its request, and which requests reach one."""

from __future__ import annotations

import ast
import gzip
import http.client
import shutil
import socket
import ssl
import subprocess
import sys

import pytest

from tests.harness.doors import Serve, Site, wire

http_only = pytest.mark.doors("serve", "asgi", "wsgi")

ENVIRON = """
import os, pprint
pprint.pprint(dict(os.environ))
"""


def environ(page: wire.Response) -> dict[str, str]:
    """What a script with the source ENVIRON printed."""
    assert page.status == 200, page
    return ast.literal_eval(page.body.decode())


@http_only
def test_point_37_variables(site):
    script = site.script(ENVIRON)
    found = environ(site.get(script, "a=1&b=%20", headers=[("Host", "example.org:1234"), ("Accept", "*/*")]))
    file = f"{site.directory}/script.py"
    expected = {
        "DOCUMENT_ROOT": str(site.door.root),
        "GATEWAY_INTERFACE": "CGI/1.1",
        "HTTP_ACCEPT": "*/*",
        "HTTP_HOST": "example.org:1234",
        "QUERY_STRING": "a=1&b=%20",
        "REMOTE_ADDR": "127.0.0.1",
        "REQUEST_METHOD": "GET",
        "REQUEST_SCHEME": "http",
        "REQUEST_URI": f"{script}?a=1&b=%20",
        "SCRIPT_FILENAME": file,
        "SCRIPT_NAME": script,
        "SERVER_ADDR": "127.0.0.1",
        "SERVER_NAME": "example.org",
        "SERVER_PROTOCOL": "HTTP/1.1",
    }
    assert {name: found.get(name) for name in expected} == expected
    assert int(found["REMOTE_PORT"]) > 1023
    assert found["SERVER_SOFTWARE"]
    assert found["SERVER_PORT"] in ("1234", str(site.door.address[1]))
    assert found.get("HTTPS", "off") == "off"
    absent = {"REMOTE_USER", "AUTH_TYPE", "PATH_INFO", "PATH_TRANSLATED", "CONTENT_LENGTH", "CONTENT_TYPE"}
    assert not absent & found.keys()


@pytest.mark.doors("serve")
@pytest.mark.runners("fork")
def test_point_37_https(home, request):
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    pem = home / "key-and-certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    subprocess.run([*command, "-keyout", pem, "-out", home / "c.pem"], check=True, capture_output=True)
    with pem.open("ab") as file:
        file.write((home / "c.pem").read_bytes())
    door = type("ServeTLS", (Serve,), {"options": ("--certfile", str(pem))})("fork", home / "serve-tls")
    request.addfinalizer(door.stop)
    site = Site(door, "tls")
    trusting = ssl.create_default_context(cafile=str(home / "c.pem"))
    client = http.client.HTTPSConnection("localhost", door.address[1], context=trusting, timeout=10)
    client.request("GET", site.script(ENVIRON))
    found = ast.literal_eval(client.getresponse().read().decode())
    client.close()
    assert (found["HTTPS"], found["REQUEST_SCHEME"]) == ("on", "https")
    assert found["SERVER_PORT"] == str(door.address[1])


@http_only
@pytest.mark.parametrize("query", [None, ""])
def test_point_37_query_string_is_set_even_if_empty(site, query):
    assert environ(site.get(site.script(ENVIRON), query))["QUERY_STRING"] == ""


@http_only
def test_point_37_path_info_is_decoded_and_request_uri_is_not(site):
    script = site.script(ENVIRON)
    page = site.door.send(wire.http_request("GET", f"{script}/foo%20bar/%C3%A9?a")).finish()
    found = environ(page)
    assert found["PATH_INFO"] == "/foo bar/é"
    assert found["PATH_TRANSLATED"] == f"{site.door.root}/foo bar/é"
    assert found["REQUEST_URI"] == f"{script}/foo%20bar/%C3%A9?a"
    assert (found["SCRIPT_NAME"], found["QUERY_STRING"]) == (script, "a")


def test_point_37_path_info_at_every_door(site):
    page = site.get(site.script(ENVIRON), "q", info="/one/two words")
    found = environ(page)
    assert found["PATH_INFO"] == "/one/two words"
    assert found["PATH_TRANSLATED"] == f"{site.door.root}/one/two words"


def test_point_37_body_and_its_type(site):
    found = environ(site.post(site.script(ENVIRON), b"a=1", headers=[("Content-Type", "text/x; a=b")]))
    assert (found["REQUEST_METHOD"], found["CONTENT_LENGTH"]) == ("POST", "3")
    assert found["CONTENT_TYPE"] == "text/x; a=b"
    assert not {"HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE"} & found.keys()


CGI = {
    *("AUTH_TYPE", "CONTENT_LENGTH", "CONTENT_TYPE", "DOCUMENT_ROOT", "GATEWAY_INTERFACE", "HTTPS"),
    *("PATH_INFO", "PATH_TRANSLATED", "QUERY_STRING", "REDIRECT_STATUS", "REMOTE_ADDR", "REMOTE_HOST"),
    *("REMOTE_IDENT", "REMOTE_PORT", "REMOTE_USER", "REQUEST_METHOD", "REQUEST_SCHEME", "REQUEST_URI"),
    *("SCRIPT_FILENAME", "SCRIPT_NAME", "SERVER_ADDR", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL"),
    "SERVER_SOFTWARE",
}
INHERITED = {"PATH", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH"}
APACHES_OWN = {"CONTEXT_DOCUMENT_ROOT", "CONTEXT_PREFIX", "SERVER_ADMIN", "SERVER_SIGNATURE"}


@pytest.mark.doors("serve", "asgi", "wsgi", "scgi")  # at the cgi door the web server makes the environment
def test_point_37_clean_environment(site):
    found = environ(site.get(site.script(ENVIRON)))
    others = {name for name in found if not name.startswith(("HTTP_", "LC_"))} - CGI - INHERITED
    assert others - APACHES_OWN == {"FROM_THE_CONFIGURATION"}
    assert found["FROM_THE_CONFIGURATION"] == "yes"
    assert "s3cret" not in found.values()
    assert str(sys.prefix) in found["PATH"]


@pytest.mark.doors("serve", "asgi", "wsgi", "scgi")
def test_point_37_time_zone_of_the_host(site):
    page = site.page("import os, time; print(os.environ['TZ'], time.localtime(0)[3:5], time.tzname)")
    assert page.body == b"Asia/Kolkata (5, 30) ('IST', 'IST')\n"


@http_only
def test_point_38_no_httpoxy(site):
    found = environ(site.get(site.script(ENVIRON), headers=[("Proxy", "http://evil.example")]))
    assert "HTTP_PROXY" not in found


@http_only
def test_point_38_no_underscore_poses_as_a_dash(site):
    found = environ(site.get(site.script(ENVIRON), headers=[("X_Foo", "posing"), ("X-Bar", "true")]))
    assert "HTTP_X_FOO" not in found
    assert found["HTTP_X_BAR"] == "true"


@pytest.mark.doors("serve", "asgi")  # WSGI servers join them themselves
@pytest.mark.unlike_apache("joins cookies by a comma too")
def test_point_38_headers_that_come_twice_are_joined(site):
    headers = [("Cookie", "a=1"), ("X-Twice", "one"), ("Cookie", "b=2"), ("x-twice", "two")]
    found = environ(site.get(site.script(ENVIRON), headers=headers))
    assert (found["HTTP_COOKIE"], found["HTTP_X_TWICE"]) == ("a=1; b=2", "one, two")


@http_only
def test_point_38_header_values_are_8_bit_clean(site):
    script = site.script("import os; print(os.environ['HTTP_X_NAME'])")
    page = site.door.send(
        b"GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Name: caf\xc3\xa9\r\n\r\n" % script.encode()
    ).finish()
    assert page.body == b"caf\xc3\xa9\n"


@http_only
def test_point_38_authorization_only_when_configured(site):
    credentials = [("Authorization", "Basic dTpw")]
    found = environ(site.get(site.script(ENVIRON), headers=credentials))
    assert "HTTP_AUTHORIZATION" not in found
    assert "Basic dTpw" not in found.values()
    found = environ(site.get(site.script(ENVIRON, name="login.py"), headers=credentials))
    assert found["HTTP_AUTHORIZATION"] == "Basic dTpw"
    assert "REMOTE_USER" not in found


@pytest.mark.parametrize(
    ("query", "arguments"),
    [
        ("a+b%20c", ["a", "b c"]),
        ("word", ["word"]),
        ("a=1", []),
        ("a+b=c", []),
        ("", []),
        (None, []),
        ("-h+--version", ["-h", "--version"]),
    ],
)
def test_point_39_arguments(site, query, arguments):
    assert site.page("import sys; print(sys.argv[1:])", query).body == f"{arguments}\n".encode()


@http_only
@pytest.mark.unlike_apache("does so for any method, though RFC 3875 4.4 names these")
def test_point_39_arguments_only_of_get_and_head(site):
    script = site.script("import sys; print(sys.argv[1:])")
    assert site.post(script, b"", query="a+b").body == b"[]\n"


ECHO = """
import os, sys
print(os.environ.get("CONTENT_LENGTH"), os.environ.get("HTTP_TRANSFER_ENCODING"), flush=True)
sys.stdout.buffer.write(sys.stdin.buffer.read())
"""


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


def post_chunked(site: Site, script: str, data: bytes, *headers: tuple[str, str]) -> wire.Response:
    request = wire.http_request("POST", script, [("Transfer-Encoding", "chunked"), *headers], data)
    return site.door.send(request, "POST").finish()


@http_only
@pytest.mark.unlike_apache("gives no CONTENT_LENGTH")
def test_point_40_chunked_body_gets_a_length(site):
    body = bytes(range(256)) * 300
    data = chunked(body[:1], body[1:5000], body[5000:])
    page = post_chunked(site, site.script(ECHO), data)
    assert page.body == b"%d None\n%s" % (len(body), body)


@http_only
@pytest.mark.unlike_apache("gives no CONTENT_LENGTH")
def test_point_40_empty_chunked_body(site):
    assert post_chunked(site, site.script(ECHO), b"0\r\n\r\n").body in (b"0 None\n", b"None None\n")


@http_only
@pytest.mark.parametrize(
    "data", [b"5\r\nabc\r\n0\r\n\r\n", b"xyz\r\nabc\r\n0\r\n\r\n", b"-1\r\nabc\r\n0\r\n\r\n"]
)
def test_point_40_bad_chunk(site, data):
    script = site.script("open('ran', 'w').close()\n" + ECHO)
    page = post_chunked(site, script, data)
    assert page.status == 400
    assert site.page("print('next')", name="next.py").body == b"next\n"


@http_only
@pytest.mark.parametrize("name", ["Cookie", "Host", "X-Forwarded-For"])
def test_point_40_trailers_are_no_headers(site, name):
    script = site.script("import os, sys; print(sorted(os.environ.items()), sys.stdin.read())")
    page = post_chunked(site, script, f"4\r\nbody\r\n0\r\n{name}: evil\r\n\r\n".encode())
    if site.door.name != "wsgi" or page.status != 400:  # gunicorn refuses some
        assert page.body.endswith(b" body\n")
    assert b"evil" not in page.body


@http_only
def test_point_40_compressed_body_is_passed_on(site):
    body = gzip.compress(b"text")
    script = site.script("import os; print(os.environ['HTTP_CONTENT_ENCODING'])" + ECHO)
    page = site.post(script, body, headers=[("Content-Encoding", "gzip")])
    assert page.body == b"gzip\n%d None\n%s" % (len(body), body)


SECRET = "the secret of this file"


@pytest.fixture
def secrets(site):
    """Files that nobody may read, around and beside a script; the path of the script."""
    home = site.door.root
    for file in (home.parent / "outside.txt", home.parent / "www-other" / "x.py"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(SECRET)
    for name in ("script.py~", ".script.py.swp", "script.py.bak", "script.py.orig", ".env", "#script.py#"):
        site.file(name, SECRET)
    site.file("script.cgi~", SECRET)
    (home / ".htpasswd").write_text(SECRET)
    (home / "page.cgi~").write_text(SECRET)
    return site.script(f"print('runs') # {SECRET}")


TRICKS = [
    "/../outside.txt",
    "/%2e%2e/outside.txt",
    "/..%2foutside.txt",
    "/%2e%2e%2foutside.txt",
    "/..%5coutside.txt",
    "/cgi-bin/../../outside.txt",
    "/cgi-bin/..%2f..%2foutside.txt",
    "/..;/outside.txt",
    "//../outside.txt",
    "/../www-other/x.py",
    "/cgi-bin/../../www-other/x.py",
    "/%2e%2e/www-other/x.py",
    "{script}%00",
    "{script}%00.txt",
    "{script}%20",
    "{script}.",
    "{folder}/../.htpasswd",
    "{folder}%2fscript.py",
    "/cgi-bin%2f",
    "{folder}/",
    "{folder}",
    "/%",
    "/%zz",
    "/cgi-bin/%ff%fe.py",
    "/static/..%c0%af..%c0%afoutside.txt",
]
COPIES = [
    "{script}~",
    "{script}.bak",
    "{script}.orig",
    "{script}%7e",
    "{folder}/.script.py.swp",
    "{folder}/.env",
    "{folder}/%2eenv",
    "{folder}/%23script.py%23",
    "{folder}/script.cgi~",
    "/.htpasswd",
    "/page.cgi~",
    "/cgicompat.toml",
]
UNGUARDED = pytest.mark.unlike_apache("runs or serves it unless told otherwise")


@http_only
@pytest.mark.parametrize("trick", [*TRICKS, *(pytest.param(copy, marks=UNGUARDED) for copy in COPIES)])
def test_point_41_no_source_and_nothing_outside(site, secrets, trick):
    target = trick.format(script=secrets, folder=site.path)
    page = site.door.send(f"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()).finish()
    assert SECRET.encode() not in page.raw
    assert page.status in (400, 403, 404), page
    assert b"runs" not in page.raw


@http_only
@pytest.mark.parametrize("name", ["program.sh", "program.pl", "program.rb", "program", "program.tool"])
@pytest.mark.unlike_apache("sends whatever is there")
def test_point_41_programs_outside_cgi_bin(site, name):
    program = site.door.root / "programs" / name
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\necho {SECRET}\n")
    program.chmod(0o755)
    page = site.door.send(wire.http_request("GET", f"/programs/{name}")).finish()
    assert page.status == 403
    assert SECRET.encode() not in page.raw
    assert b"script-endings" in page.body or b"*.cgi" in page.body
    site.logged("chmod a-x")
    program.chmod(0o644)
    assert site.door.send(wire.http_request("GET", f"/programs/{name}")).finish().status == 200


@http_only
@pytest.mark.unlike_apache("was not told so")
def test_point_41_endings_of_scripts(site):
    program = site.door.root / "programs" / "program.run"
    program.parent.mkdir(exist_ok=True)
    program.write_text("#!/bin/sh\necho Content-Type: text/plain; echo; echo $PATH_INFO\n")
    program.chmod(0o755)
    page = site.door.send(wire.http_request("GET", "/programs/program.run/info")).finish()
    assert (page.status, page.body) == (200, b"/info\n")
    program.chmod(0o644)
    assert site.door.send(wire.http_request("GET", "/programs/program.run")).finish().status == 403


@http_only
@pytest.mark.parametrize(
    "target", ["http://localhost{script}", "{script}/../script.py", "/cgi-bin/./x/..{tail}"]
)
def test_point_41_odd_but_harmless_targets(site, secrets, target):
    tail = secrets.removeprefix("/cgi-bin")
    target = target.format(script=secrets, tail=tail)
    page = site.door.send(f"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()).finish()
    assert SECRET.encode() not in page.raw
    assert page.status in (200, 400, 403, 404)


@http_only
@pytest.mark.unlike_apache("follows links unless told otherwise")
def test_point_41_links(site, secrets):
    """A link may lead to a script elsewhere, not to a file outside."""
    outside = site.door.root.parent / "outside.txt"
    for name in ("link.txt", "link.html"):
        if not (link := site.door.root / name).is_symlink():
            link.symlink_to(outside)
        assert SECRET.encode() not in site.door.send(wire.http_request("GET", f"/{name}")).finish().raw
    (site.directory / "linked.py").symlink_to(site.directory / "script.py")
    assert site.get(f"{site.path}/linked.py").body == b"runs\n"


@pytest.mark.doors("serve")
@pytest.mark.runners("fork")
def test_point_42_ipv6(home, request):
    """The peer and the host may be IPv6 ones; a server of its own listens there."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    door = type("Serve6", (Serve,), {"options": ("--bind", "::1")})("fork", home / "serve-ipv6")
    request.addfinalizer(door.stop)
    site = Site(door, "ipv6")
    host = f"[::1]:{door.address[1]}"
    found = environ(site.get(site.script(ENVIRON), headers=[("Host", host)]))
    assert (found["REMOTE_ADDR"], found["SERVER_ADDR"]) == ("::1", "::1")
    assert (found["SERVER_NAME"], found["HTTP_HOST"]) == ("[::1]", host)
    assert found["SERVER_PORT"] == str(door.address[1])


@http_only
def test_point_42_ipv6_host(site):
    found = environ(site.get(site.script(ENVIRON), headers=[("Host", "[2001:db8::1]")]))
    assert found["SERVER_NAME"] == "[2001:db8::1]"


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "PATCH", "PROPFIND", "REPORT"])
def test_point_43_methods(site, method):
    script = site.script("import os, sys; print(os.environ['REQUEST_METHOD'], sys.stdin.read())")
    assert site.open(method, script, body=b"a body").finish().body == f"{method} a body\n".encode()


@pytest.mark.doors("serve", "wsgi")  # the parser of uvicorn alone has a list of methods
@pytest.mark.parametrize("method", ["FOO", "VERSION-CONTROL", "M" * 19])
def test_point_43_any_token_is_a_method(site, method):
    asked_by(site, method)


@pytest.mark.doors("serve")  # and gunicorn wants capital letters
def test_point_43_methods_in_lower_case(site):
    asked_by(site, "get")


def asked_by(site: Site, method: str) -> None:
    script = site.script("import os, sys; print(os.environ['REQUEST_METHOD'], sys.stdin.read())")
    page = site.open(method, script, headers=[("Content-Length", "6")], body=b"a body").finish()
    assert page.body == f"{method} a body\n".encode()


@http_only
def test_point_43_no_trace(site):
    page = site.open("TRACE", site.script("print('ran')"), headers=[("X-Secret", SECRET)]).finish()
    assert page.status == 405
    assert SECRET.encode() not in page.body
    assert b"ran" not in page.body
