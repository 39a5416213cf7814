"""What README.md and docs/ show is true: their configurations are loaded into the real servers, their
commands and programs run, their tables compared with the code.

Only paths are replaced: the directory of scripts by samples/, the socket by one of the test, /usr/local/bin
by the repository's bin.
"""

from __future__ import annotations

import asyncio
import http.client
import io
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults

import httpx
import pytest

import cgicompat
from cgicompat import config
from tests.harness import webservers
from tests.harness.processes import REPOSITORY, Server, host_environ, until

pytestmark = pytest.mark.xdist_group("documents")

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLES = REPOSITORY / "samples"
README, SCRIPTALIAS = ((REPOSITORY / path).read_text() for path in ("README.md", "docs/scriptalias.md"))


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README + SCRIPTALIAS, re.M | re.S)


def block(language: str, containing: str, home: Path) -> str:
    """The one block of both in this language that contains a text, with the paths of this test."""
    (found,) = (text for text in blocks(language) if containing in text)
    found = found.replace("/srv/www", str(SAMPLES)).replace(
        "/run/cgicompat/socket", str(home / "pool.socket")
    )
    return found.replace("/usr/local/bin", str(REPOSITORY / "bin"))


def get(port: int, path: str, body: bytes | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    kind = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
    connection.request("POST" if body else "GET", path, body, kind)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text


def check_site(port: int) -> None:
    """Scripts with and without PATH_INFO, query and body, and a static file, as a browser sees them."""
    status, text = get(port, "/cgi-bin/hello.py")
    assert (status, "<h1>Hello, world!</h1>" in text) == (200, True), text
    assert get(port, "/cgi-bin/browse.py/recipes/tea.txt")[1].startswith("A pot of tea\n")
    assert "<b>Zoë</b>" in get(port, "/cgi-bin/form.py", "name=Zoë".encode())[1]
    assert "Texts with milk and tea" in get(port, "/cgi-bin/search.py?milk+tea")[1]
    assert "<b>&pound;9.90</b>" in get(port, "/cgi-bin/shop/shop.py?item=tea&item=tea")[1]
    assert "(for 127.0.0.1, by" in get(port, "/cgi-bin/fortune.sh")[1]
    assert get(port, "/cgi-bin/redirect.py?to=moved")[0] == 301
    assert get(port, "/cgi-bin/none.py")[0] == 404
    assert get(port, "/style.css")[1] == (SAMPLES / "style.css").read_text()


def serve(command: list[str], home: Path, port: int) -> Iterator[int]:
    """Run a web server until the test is over; yields its port once it answers."""
    server = Server(command, home)

    def answers() -> bool:
        assert server.process.poll() is None, server.log
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    until(answers)
    yield port
    server.stop()


def program(name: str) -> str:
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if not found:
        pytest.skip(f"{name} is not installed")
    return found


@pytest.fixture(scope="module")
def pool(home: Path) -> Iterator[None]:
    path = home / "pool.socket"
    command = [sys.executable, "-m", "cgicompat", "pool", "--bind", f"unix:{path}", str(SAMPLES)]
    server = Server(command, home / "pool")
    until(path.exists)
    yield
    server.stop()
    assert not path.exists()


@pytest.fixture
def nginx(home: Path, pool: None) -> Iterator[int]:
    port = webservers.free_port()
    text = block("nginx", "scgi_pass", home).replace("listen 80;", f"listen 127.0.0.1:{port};")
    text = text.replace("include scgi_params;", "include /etc/nginx/scgi_params;")
    folders = "".join(
        f"{kind}_temp_path {home}/nginx-{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "" if os.getuid() else "user root;\n"
    (home / "nginx.conf").write_text(
        f"{user}daemon off;\npid {home}/nginx.pid;\nerror_log stderr;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{folders}{text}}}\n"
    )
    command = [program("nginx"), "-e", "stderr", "-c", str(home / "nginx.conf")]
    yield from serve(command, home / "nginx", port)


@pytest.fixture
def lighttpd(home: Path, pool: None) -> Iterator[int]:
    port = webservers.free_port()
    (home / "lighttpd.conf").write_text(
        f'server.bind = "127.0.0.1"\nserver.port = {port}\nserver.upload-dirs = ("{home}")\n'
        + block("lighttpd", "scgi.server", home)
    )
    command = [program("lighttpd"), "-D", "-f", str(home / "lighttpd.conf")]
    yield from serve(command, home / "lighttpd", port)


def httpd(home: Path, name: str, text: str, *modules: str) -> Iterator[int]:
    """Apache with a configuration from README.md."""
    port = webservers.free_port()
    home = home / name
    home.mkdir(exist_ok=True)
    lines = [f'ServerRoot "{home}"', f'PidFile "{home}/pid"', f"Mutex file:{home}", "ErrorLog /dev/stderr"]
    lines += ["ServerName localhost", f"Listen 127.0.0.1:{port}", "TypesConfig /dev/null"]
    for module in ("mpm_prefork", "authz_core", "alias", "mime", *modules):
        lines.append(f"LoadModule {module}_module {webservers.MODULES}/mod_{module}.so")
    (home / "httpd.conf").write_text("\n".join([*lines, text]))
    command = [program("apache2"), "-D", "FOREGROUND", "-f", str(home / "httpd.conf")]
    yield from serve(webservers.not_as_root(command), home, port)


@pytest.fixture
def apache_scgi(home: Path, pool: None) -> Iterator[int]:
    yield from httpd(home, "apache-scgi", block("apache", "scgi://", home), "proxy", "proxy_scgi")


@pytest.fixture
def apache_action(home: Path) -> Iterator[int]:
    yield from httpd(home, "apache-action", block("apache", "Action", home), "actions", "cgi")


@pytest.fixture
def apache_action_with_pool(home: Path, pool: None) -> Iterator[int]:
    text = block("apache", "Action", home).replace("# SetEnv", "SetEnv")
    yield from httpd(home, "apache-pool", text, "actions", "cgi", "env")


SERVERS = ("nginx", "lighttpd", "apache_scgi", "apache_action", "apache_action_with_pool")


@pytest.mark.parametrize("server", SERVERS)
def test_web_servers(server: str, request: pytest.FixtureRequest) -> None:
    check_site(request.getfixturevalue(server))


@pytest.mark.parametrize("server", ("nginx", "lighttpd", "apache_scgi"))
def test_output_is_not_held_up(server: str, request: pytest.FixtureRequest) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", request.getfixturevalue(server), timeout=20)
    connection.request("GET", "/cgi-bin/countdown.py?from=3&delay=0.5")
    response = connection.getresponse()
    assert response.readline() == b"3...\n"
    first = time.monotonic()
    assert response.read() == b"2...\n1...\nLift-off!\n"
    assert time.monotonic() - first > 0.75
    connection.close()


def test_local_redirect_behind_apache(apache_scgi: int) -> None:
    """Apache answers with another script; REQUEST_URI is still that of the first."""
    status, text = get(apache_scgi, "/cgi-bin/redirect.py?to=local")
    assert (status, "<h1>Hello, world!</h1>" in text) == (200, True), text


def test_limits_behind_apache(apache_scgi: int) -> None:
    assert get(apache_scgi, "/cgi-bin/redirect.py?to=absolute")[0] == 200
    assert get(apache_scgi, "/cgi-bin/nph-clock.py")[0] == 500


def test_limits_behind_nginx(nginx: int) -> None:
    assert get(nginx, "/cgi-bin/redirect.py?to=local")[0] == 302


def test_asgi_program(home: Path) -> None:
    names: dict[str, Any] = {}
    exec(block("python", "Starlette", home), names)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(names["app"])
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get("/old/cgi-bin/hello.py")

    answer = asyncio.run(ask())
    assert answer.status_code == 200
    assert "Hello, world!" in answer.text


def test_wsgi_program(home: Path) -> None:
    names: dict[str, Any] = {}
    exec(block("python", "a single script", home), names)
    environ: dict[str, Any] = {"QUERY_STRING": "milk", "PATH_INFO": "/", "wsgi.input": io.BytesIO()}
    setup_testing_defaults(environ)
    heads: list[str] = []
    body = names["application"](environ, lambda status, headers, exc_info=None: heads.append(status))
    assert b"Texts with milk" in b"".join(body)
    assert heads == ["200 OK"]


@pytest.mark.parametrize("server", ("uvicorn", "gunicorn"))
def test_application_servers(server: str, home: Path) -> None:
    port = webservers.free_port()
    variable, *command = shlex.split(block("sh", server, home))
    assert variable == f"CGICOMPAT_DIRECTORY={SAMPLES}"
    command += ["--port", str(port)] if server == "uvicorn" else ["--bind", f"127.0.0.1:{port}"]
    process = Server(
        [sys.executable, "-m", *command], home / server, host_environ(CGICOMPAT_DIRECTORY=str(SAMPLES))
    )
    process.says(f"127.0.0.1:{port}")
    check_site(port)
    process.stop()


def test_first_line(home: Path) -> None:
    script = home / "site/cgi-bin/hello.cgi"
    script.parent.mkdir(parents=True)
    script.write_text(block("python", "#!", home))
    script.chmod(0o755)
    environ = host_environ(GATEWAY_INTERFACE="CGI/1.1", SCRIPT_FILENAME=str(script), REQUEST_METHOD="GET")
    result = subprocess.run([script], env=environ, capture_output=True, text=True, timeout=20)
    assert result.stdout == "Content-Type: text/plain\n\nHello, world!\n", result.stderr


def test_run(home: Path) -> None:
    photo = home / "photo.jpg"
    photo.write_bytes(b"\xff\xd8\xff")
    (text,) = (text for text in blocks("sh") if "cgicompat run" in text)
    outputs = []
    for line in text.splitlines():
        command = shlex.split(line.replace("@photo.jpg", f"@{photo}"))
        result = subprocess.run(
            [sys.executable, "-m", *command], cwd=SAMPLES, env=host_environ(), capture_output=True, timeout=30
        )
        assert result.returncode == 0, result.stderr.decode()
        outputs.append(result.stdout.decode())
    by_query, by_form, upload, tea = outputs
    assert by_query.startswith("<html>")
    assert "This came by GET" in by_query
    assert by_form.startswith("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n")
    assert "<li>olives" in by_form
    assert "<td>photo.jpg</td><td>image/jpeg</td><td align=right>3</td>" in upload
    assert tea.startswith("A pot of tea")


def test_toml(tmp_path: Path) -> None:
    (text,) = blocks("toml")
    (tmp_path / config.FILE_NAME).write_text(text)
    settings = config.load(str(tmp_path), {}, {})
    assert (settings.runner, settings.workers, settings.max_body) == ("cgihandler", (4, 32), 100 << 20)
    report = settings.for_script(f"{settings.directory}/cgi-bin/report.py")
    assert (report.runner, report.timeout, report.env) == ("fork", 600, {"DATABASE": "/srv/data/site.db"})
    old = settings.for_script(f"{settings.directory}/cgi-bin/old/deep/x.py")
    assert old.interpreter and old.interpreter.endswith("python2")
    assert settings.for_script(f"{settings.directory}/cgi-bin/admin/x.py").pass_authorization


def test_flags_exist() -> None:
    lines = [line for text in blocks("sh") for line in text.splitlines() if line.startswith("cgicompat ")]
    assert len(lines) > 5
    for line in lines:
        command = shlex.split(line)
        shown = subprocess.run(
            [sys.executable, "-m", *command[:2], "--help"], env=host_environ(), capture_output=True, text=True
        ).stdout
        for word in command:
            if word.startswith("--"):
                assert re.search(rf"(^|\s){word}[ /,]", shown), f"{line}: no {word}"


def test_every_option_has_its_row() -> None:
    table = (REPOSITORY / "docs/configuration.md").read_text()
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if "| `" in line
    ]
    assert [row[:4] for row in rows] == [
        [
            f"`{option.name}`",
            f"`{option.default}`" if option.default else "",
            option.allowed,
            "yes" if option.per_script else "",
        ]
        for option in config.OPTIONS
    ]


def test_changelog_has_this_version() -> None:
    newest = re.search(r"^## (\S+)", (REPOSITORY / "CHANGELOG.md").read_text(), re.M)
    assert newest and newest[1] == cgicompat.__version__
