"""`cgicompat serve` as a process: what it prints, how it fails, how it ends."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cgicompat.processes import kill
from tests.harness.processes import Server, alive, descendants, host_environ, until

HELLO = "#!/usr/bin/python\nprint('Content-Type: text/plain\\n\\nhello')\n"
SLEEP = """\
import os, sys, time
print("Content-Type: text/plain\\n")
print(os.getpid(), flush=True)
time.sleep(float(os.environ["QUERY_STRING"]))
print("done")
"""
COMMAND = [sys.executable, "-m", "cgicompat", "serve"]


class Site:
    """A directory and the server over it."""

    def __init__(self, home: Path, *flags: str) -> None:
        self.root = home / "www"
        self.server = Server([*COMMAND, str(self.root), "--port", "0", "--workers", "2", *flags], home)
        self.port = int(self.server.says(r"at https?://127\.0\.0\.1:(\d+)/")[1])

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
        connection = self.connect()
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response.status, body

    def begin(self, path: str) -> tuple[http.client.HTTPResponse, int]:
        """The response and the pid of a script that has begun to answer."""
        connection = self.connect()
        connection.request("GET", path)
        response = connection.getresponse()
        return response, int(response.readline())


def put(home: Path, name: str, content: str, mode: int = 0o755) -> None:
    file = home / "www" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    file.chmod(mode)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    put(tmp_path, "cgi-bin/hello.py", HELLO)
    put(tmp_path, "cgi-bin/sleep.py", SLEEP)
    return tmp_path.resolve()


@pytest.fixture
def start(home: Path) -> Iterator[Callable[..., Site]]:
    sites: list[Site] = []

    def start(*flags: str) -> Site:
        sites.append(Site(home, *flags))
        return sites[-1]

    yield start
    for site in sites:
        family = descendants(site.server.pid)
        site.server.stop()
        until(lambda family=family: not any(alive(pid) for pid in family))


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def refused(*arguments: str, cwd: Path | None = None) -> tuple[int, str]:
    """Exit status and message of a server that does not start."""
    run = subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, env=host_environ(), cwd=cwd, timeout=20
    )
    assert run.stdout == ""
    assert "Traceback" not in run.stderr
    assert run.stderr.startswith("Error: ")
    assert run.stderr.count("\n") == 1
    return run.returncode, run.stderr.removeprefix("Error: ").rstrip()


def test_the_report(home: Path, start: Callable[..., Site]) -> None:
    put(home, "cgi-bin/old.py", "print 'x'")
    put(home, "cgi-bin/x.pl", "#!/nothing/perl\n", 0o644)
    put(home, "tools/x.sh", "#!/bin/sh\n")
    put(home, "cgicompat.toml", 'cwd = "root"')
    site = start("--workers", "2:3", "--runner", "cgihandler")
    version = ".".join(map(str, sys.version_info[:3]))
    root = os.getuid() == 0
    site.server.says("Ctrl-C")
    assert site.server.log.splitlines() == [
        f"Serving {home}/www at http://127.0.0.1:{site.port}/",
        f"Runner cgihandler, 2 to 3 workers, Python {version}, settings of {home}/www/cgicompat.toml",
        "2 scripts:",
        "  /cgi-bin/hello.py",
        "  /cgi-bin/sleep.py",
        "2 scripts cannot run:",
        '  /cgi-bin/old.py: line 1 is Python 2 (a print statement): convert it, or set runner = "cgi" and '
        'interpreter = "python2" for it',
        f"  /cgi-bin/x.pl: not executable and not Python: chmod +x {home}/www/cgi-bin/x.pl",
        "1 program outside of the folders for scripts:",
        "  /tools/x.sh: This is a program. For it to run, move it into cgi-bin or set script-endings = "
        '[".sh"]; for it to be sent as a file, take away its permission to be executed (chmod a-x).',
        *(
            ["Scripts run as root here. Choose another user by --user NAME, or `user` in cgicompat.toml."]
            * root
        ),
        "Ctrl-C ends it.",
    ]


def test_long_lists_are_cut(home: Path, start: Callable[..., Site]) -> None:
    for i in range(30):
        put(home, f"cgi-bin/s{i}.py", HELLO)
    site = start()
    site.server.says("Ctrl-C")
    assert site.server.log.count("  /cgi-bin/") == 20
    assert "\n  and 12 more\n" in site.server.log


def test_no_scripts(tmp_path: Path) -> None:
    (tmp_path / "www").mkdir()
    site = Site(tmp_path)
    site.server.says("No scripts found. They belong into cgi-bin/, htbin/, or are named ")
    site.server.stop()


def test_the_access_log_is_all_of_the_output(start: Callable[..., Site]) -> None:
    site = start()
    assert site.get("/cgi-bin/hello.py?a=%20b", Referer="http://x/", **{"User-Agent": 'a "b"'}) == (
        200,
        b"hello\n",
    )
    assert site.get("/nothing")[0] == 404
    assert site.get("/cgi-bin/hello.py", "HEAD") == (200, b"")
    lines = until(lambda: [] if site.server.output.count("\n") < 3 else site.server.output.splitlines())
    stamp = r"127\.0\.0\.1 - - \[[^]]+\] "
    for line, pattern in zip(
        lines,
        [
            r'"GET /cgi-bin/hello\.py\?a=%20b HTTP/1\.1" 200 6 "http://x/" "a \\"b\\""',
            r'"GET /nothing HTTP/1\.1" 404 \d+ "-" "-"',
            r'"HEAD /cgi-bin/hello\.py HTTP/1\.1" 200 - "-" "-"',
        ],
        strict=True,
    ):
        assert re.fullmatch(stamp + pattern, line)


def test_another_log_format(start: Callable[..., Site]) -> None:
    site = start("--log-format", "json")
    site.get("/cgi-bin/hello.py")
    entry = json.loads(until(lambda: site.server.output))
    assert (entry["target"], entry["status"], entry["bytes"]) == ("/cgi-bin/hello.py", 200, 6)


def test_errors_of_scripts_go_to_stderr(home: Path, start: Callable[..., Site]) -> None:
    put(home, "cgi-bin/bad.py", "1 / 0")
    site = start()
    assert site.get("/cgi-bin/bad.py")[0] == 500
    site.server.says(r'/cgi-bin/bad\.py "GET /cgi-bin/bad\.py": Traceback.*\n(  .*\n)+  ZeroDivisionError')
    assert "ZeroDivisionError" not in site.server.output


def test_it_serves_the_working_directory(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = str(holder.getsockname()[1])
    server = Server([*COMMAND, "--port", port], home / "www")
    server.says(rf"Serving {home}/www at http://127\.0\.0\.1:{port}/")
    server.stop()


def test_connections_are_kept_alive(start: Callable[..., Site]) -> None:
    connection = start().connect()
    for _ in range(3):
        connection.request("GET", "/cgi-bin/hello.py")
        response = connection.getresponse()
        assert response.read() == b"hello\n"
        local = connection.sock.getsockname()
    assert connection.sock.getsockname() == local
    connection.close()


def test_a_pool_that_was_killed_is_replaced(start: Callable[..., Site]) -> None:
    site = start()
    for pid in descendants(site.server.pid):
        kill(pid, signal.SIGKILL)
    until(lambda: site.get("/cgi-bin/hello.py")[0] == 200)


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    directory = tmp_path_factory.mktemp("tls")
    names = str(directory / "cert.pem"), str(directory / "key.pem")
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ]
    command += ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, "-out", names[0], "-keyout", names[1]], check=True, capture_output=True)
    return names


def test_https(home: Path, start: Callable[..., Site], certificate: tuple[str, str]) -> None:
    put(home, "cgi-bin/env.py", "import os\nprint('Content-Type: x/y\\n\\n' + os.environ.get('HTTPS', ''))")
    site = start("--certfile", certificate[0], "--keyfile", certificate[1])
    site.server.says(rf"at https://127\.0\.0\.1:{site.port}/")
    context = ssl.create_default_context(cafile=certificate[0])
    connection = http.client.HTTPSConnection("127.0.0.1", site.port, context=context, timeout=10)
    connection.request("GET", "/cgi-bin/env.py")
    assert connection.getresponse().read() == b"on\n"
    connection.close()


def test_bad_certificates(home: Path, certificate: tuple[str, str]) -> None:
    other = home / "other.pem"
    subprocess.run(["openssl", "genrsa", "-out", other, "2048"], check=True, capture_output=True)
    cert, key = certificate
    for flags, message in [
        (["--certfile", "/nothing.pem"], "/nothing.pem: No such file or directory"),
        (["--certfile", cert, "--keyfile", "/nothing.pem"], "/nothing.pem: No such file or directory"),
        (["--keyfile", key], "keyfile is set but certfile is not"),
        (["--certfile", cert, "--keyfile", str(other)], f"certfile {cert}, keyfile {other}: "),
        (["--certfile", key], f"certfile {key}, keyfile the same: "),
    ]:
        status, said = refused(str(home), "--port", "0", *flags)
        assert status == 2
        assert said.startswith(message)


# What cannot be done


def test_port_in_use(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        status, said = refused(str(home), "--port", str(port))
    assert status == 1
    assert said == f"port {port} of 127.0.0.1 is in use: choose another by --port, or 0 for any that is free"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["/nothing"], 2, "/nothing: no such directory; name the one that holds your scripts"),
        (["--port", "http"], 2, "--port = 'http': allowed is 0 (any free port) to 65535"),
        (["--bind", "192.0.2.1"], 1, "--bind 192.0.2.1: this machine does not have that address"),
        (["--bind", "no-such-host.invalid"], 1, "--bind no-such-host.invalid: no such host: "),
        (["--log-format", "%h %Q"], 2, "log-format = '%h %Q': unknown directive %Q"),
        (["--config", "/nothing.toml"], 2, "/nothing.toml: cannot be read: No such file or directory"),
    ],
)
def test_refusals(tmp_path: Path, arguments: list[str], status: int, message: str) -> None:
    code, said = refused(*arguments, cwd=tmp_path)
    assert said.startswith(message)
    assert code == status


def test_a_mistake_in_the_file_is_named(home: Path) -> None:
    put(home, "cgicompat.toml", '[script."/cgi-bin/x.py"]\nruner = "cgi"')
    status, said = refused(str(home / "www"))
    assert status == 2
    assert said.startswith(
        f'{home}/www/cgicompat.toml: [script."/cgi-bin/x.py"] runer: unknown setting, did you mean runner?'
    )


# Its end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_running_requests_finish(start: Callable[..., Site], number: signal.Signals) -> None:
    site = start()
    idle = site.connect()
    idle.request("GET", "/cgi-bin/hello.py")
    idle.getresponse().read()
    response, _ = site.begin("/cgi-bin/sleep.py?1")
    site.server.process.send_signal(number)
    site.server.says("1 request is still running, for 10 s at most.")
    until(lambda: not listens(site.port))
    assert response.read() == b"done\n"
    assert site.server.process.wait(30) == 0
    assert "Traceback" not in site.server.log
    idle.close()


def test_after_the_grace_scripts_are_ended(start: Callable[..., Site]) -> None:
    site = start("--grace", "1")
    response, pid = site.begin("/cgi-bin/sleep.py?30")
    began = time.monotonic()
    site.server.process.send_signal(signal.SIGTERM)
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        response.read()
    assert 0.9 < time.monotonic() - began < 25
    assert site.server.process.wait(10) == 0
    assert not alive(pid)
    assert "Traceback" not in site.server.log


def test_the_second_signal_ends_it_at_once(start: Callable[..., Site]) -> None:
    site = start("--grace", "30")
    _, pid = site.begin("/cgi-bin/sleep.py?30")
    family = descendants(site.server.pid)
    site.server.process.send_signal(signal.SIGINT)
    site.server.says("still running")
    site.server.process.send_signal(signal.SIGINT)
    assert site.server.process.wait(30) == 130
    until(lambda: not any(alive(member) for member in {pid, *family}))


def test_nothing_is_left_behind(home: Path) -> None:
    server = Server([*COMMAND, str(home / "www"), "--port", "0"], home)
    server.says("Ctrl-C")
    family = until(lambda: descendants(server.pid))
    server.stop()  # which looks at its temporary files
    assert not any(alive(pid) for pid in family)


def test_slow_clients_do_not_slow_others(start: Callable[..., Site]) -> None:
    site = start()
    slow = [socket.create_connection(("127.0.0.1", site.port)) for _ in range(200)]
    for byte in b"POST /cgi-bin/hello.py HTTP/1.1\r\n"[:5]:
        for connection in slow:
            connection.send(bytes([byte]))
    began = time.monotonic()
    for _ in range(5):
        assert site.get("/cgi-bin/hello.py")[0] == 200
    assert time.monotonic() - began < 10
    for connection in slow:
        connection.close()


GREET = (
    "#!/usr/bin/python\nimport os\nprint('Content-Type: text/plain\\n')\nprint(os.environ.get('GREETING'))\n"
)


@pytest.mark.parametrize("how", ["a changed file", "SIGHUP"])
def test_a_reload_reads_the_configuration_again(start: Callable[..., Site], home: Path, how: str) -> None:
    """Running requests finish by the settings they began with; a wrong file changes nothing."""
    put(home, "cgi-bin/greet.py", GREET)
    site = start()

    def configure(text: str, says: str) -> None:
        (site.root / "cgicompat.toml").write_text(text)
        if how == "SIGHUP":
            site.server.process.send_signal(signal.SIGHUP)
        site.server.says(says)

    assert site.get("/cgi-bin/greet.py") == (200, b"None\n")
    response, _ = site.begin("/cgi-bin/sleep.py?1.5")
    configure('env = { GREETING = "hello" }', r"\] reloaded")
    assert site.get("/cgi-bin/greet.py") == (200, b"hello\n")
    configure("max-body = -1", "allowed is .*; not reloaded")
    assert site.get("/cgi-bin/greet.py") == (200, b"hello\n")
    assert response.read() == b"done\n"
