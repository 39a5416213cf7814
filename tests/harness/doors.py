"""The doors: each way in as one class with the same few methods, so that a case is written once.

A door is started once for each runner, over a directory of scripts of its own; cases put their scripts into
subdirectories of its cgi-bin. HTTP doors are asked by HTTP. The raw doors (scgi, cgi) are asked with the
variables and the body that a web server would hand them, and what the script wrote is read as one would.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

import pytest

from tests.harness import clients, wire
from tests.harness.processes import Server, descendants, host_environ
from tests.harness.wire import Exchange, Headers, Response

RUNNERS = ("cgi", "fork", "cgihandler")
HTTP = ("serve", "asgi", "wsgi")

# Settings of every door, by the names of scripts. One worker: the next request meets the same process.
CONFIGURATION = """\
workers = 1
timeout = 20
grace = 2
script-endings = [".run"]
env = { FROM_THE_CONFIGURATION = "yes" }

[script."/cgi-bin/*/slow*"]
timeout = 1

[script."/cgi-bin/*/debug*"]
debug = true

[script."/cgi-bin/*/login*"]
pass-authorization = true

[script."/cgi-bin/*/lasting*"]
client-gone = "finish"

[script."/cgi-bin/*/root*"]
cwd = "root"
"""


class Door:
    """A way in, ready to be asked."""

    name: ClassVar[str]
    server: Server

    def __init__(self, runner: str, home: Path, configuration: str = CONFIGURATION) -> None:
        # `memory` is cgihandler that puts its memory back.
        self.runner = "cgihandler" if runner == "memory" else runner
        self.put_back = "memory" if runner == "memory" else "guards"
        self.home = home
        self.root = home / "www"
        (self.root / "cgi-bin").mkdir(parents=True, exist_ok=True)
        (self.root / "cgicompat.toml").write_text(configuration)
        self.start()

    @property
    def http(self) -> bool:
        return True

    @property
    def persistent(self) -> bool:
        """Does one process serve many requests?"""
        return self.runner == "cgihandler"

    def start(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        self.server.stop()

    def logs(self) -> list[str]:
        """The error logs so far, one for each server."""
        return [self.server.log]

    def log(self) -> str:
        return "".join(self.logs())

    def zombies(self) -> set[int]:
        return descendants(self.server.pid, "Z")

    def open(
        self,
        method: str,
        script: str,
        info: str = "",
        query: str | None = None,
        headers: Headers = (),
        body: bytes | Iterable[bytes] = b"",
    ) -> Exchange:
        """Send a request for `script` (a URL path) with `info` after it, both not yet percent-encoded."""
        raise NotImplementedError


class HttpDoor(Door):
    address: tuple[str, int]

    def command(self) -> tuple[list[str], dict[str, str]]:
        """What to run, and the environment variables that it needs beyond the host's."""
        raise NotImplementedError

    def variables(self) -> dict[str, str]:
        """The options, for servers that take no flags of ours."""
        return {
            "CGICOMPAT_DIRECTORY": str(self.root),
            "CGICOMPAT_RUNNER": self.runner,
            "CGICOMPAT_PUT_BACK": self.put_back,
        }

    def start(self) -> None:
        command, variables = self.command()
        self.server = Server(command, self.home, host_environ(**variables))
        found = self.server.says(r"https?://(127\.0\.0\.1|\[::1\]):(\d+)")
        self.address = found[1].strip("[]"), int(found[2])

    def open(self, method, script, info="", query=None, headers=(), body=b""):
        target = quote(script + info) + ("" if query is None else "?" + query)
        if isinstance(body, bytes):
            return self.send(wire.http_request(method, target, headers, body), method)
        return self.send(_chain(wire.http_request(method, target, headers), body), method)

    def send(self, data: bytes | Iterable[bytes], method: str = "GET") -> Exchange:
        """Send bytes that are an HTTP request, or not quite one."""
        return Exchange(
            lambda raw, reset: wire.parse_http(raw, reset, method), wire.connect(self.address), data
        )


def _chain(first: bytes, others: Iterable[bytes]) -> Iterable[bytes]:
    yield first
    yield from others


class Serve(HttpDoor):
    name = "serve"
    options: tuple[str, ...] = ()

    def command(self):
        command = [sys.executable, "-m", "cgicompat", "serve", str(self.root), "--port", "0"]
        return [*command, "--runner", self.runner, "--put-back", self.put_back, *self.options], {}


class Asgi(HttpDoor):
    name = "asgi"

    def command(self):
        command = [sys.executable, "-m", "uvicorn", "--port", "0", "cgicompat.asgi:app"]
        return command, self.variables()


class Wsgi(HttpDoor):
    name = "wsgi"

    def command(self):
        command = [sys.executable, "-m", "gunicorn", "-b", "127.0.0.1:0", "--threads", "24"]
        return [*command, "cgicompat.wsgi:app"], self.variables()


class RawDoor(Door):
    @property
    def http(self) -> bool:
        return False

    def environ(self, method, script, info="", query=None, headers=(), body=b"") -> dict[str, str]:
        """The variables that a web server makes of a request (RFC 3875 section 4.1)."""
        uri = quote(script + info) + ("" if query is None else "?" + query)
        environ = {
            "GATEWAY_INTERFACE": "CGI/1.1",
            "SERVER_SOFTWARE": "test",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REQUEST_METHOD": method,
            "REQUEST_URI": uri,
            "SCRIPT_NAME": script,
            "SCRIPT_FILENAME": str(self.root) + script,
            "DOCUMENT_ROOT": str(self.root),
            "QUERY_STRING": query or "",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": "localhost",
        }
        if info:
            environ |= {"PATH_INFO": info, "PATH_TRANSLATED": str(self.root) + info}
        if body or method in ("POST", "PUT"):
            environ["CONTENT_LENGTH"] = str(len(body))
        for name, value in headers:
            name = name.upper().replace("-", "_")
            environ[name if name == "CONTENT_TYPE" else "HTTP_" + name] = value
        return environ


class Scgi(RawDoor):
    """The pool, spoken to as nginx does."""

    name = "scgi"

    def start(self):
        self.socket = str(self.home / "pool.sock")
        command = [sys.executable, "-m", "cgicompat", "pool", "--bind", f"unix:{self.socket}", str(self.root)]
        self.server = Server([*command, "--runner", self.runner, "--put-back", self.put_back], self.home)
        wait_for_socket(self.server, self.socket)

    def open(self, method, script, info="", query=None, headers=(), body=b""):
        environ = self.environ(method, script, info, query, headers, body)
        return Exchange(wire.parse_cgi, wire.connect(self.socket), wire.scgi_request(environ, body))


class Cgi(RawDoor):
    """bin/cgicompat-cgi as the `#!` line of the script, run in the script's directory as web servers do.

    It runs the script itself ("own"), or has a pool of `cgihandler` run it ("pool").
    """

    name = "cgi"
    program = clients.PYTHON

    def start(self):
        self.errors = self.home / "errors"
        self.errors.touch()
        self.started: list[subprocess.Popen[bytes]] = []
        self.pool = Scgi("cgihandler", self.home) if self.runner == "pool" else None
        if not self.pool:  # test_configured.py has what becomes of one
            (self.root / "cgicompat.toml").unlink()

    @property
    def persistent(self):
        return self.runner == "pool"

    def stop(self):
        for process in self.started:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(30)
        if self.pool:
            self.pool.stop()

    def logs(self):
        return [self.errors.read_text(errors="replace"), *(self.pool.logs() if self.pool else ())]

    def zombies(self):
        return self.pool.zombies() if self.pool else set()

    def open(self, method, script, info="", query=None, headers=(), body=b""):
        environ = self.environ(method, script, info, query, headers, body)
        environ |= {"PATH": host_environ()["PATH"], "TZ": "Asia/Kolkata"}
        if self.pool:
            environ["CGICOMPAT_SOCKET"] = f"unix:{self.pool.socket}"
        words = query.split("+") if query and "=" not in query and method == "GET" else []
        file = str(self.root) + script
        with self.errors.open("ab") as errors:
            process = subprocess.Popen(
                [self.program, file, *(word.replace("%20", " ") for word in words)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environ,
                cwd=os.path.dirname(file),
            )
        self.started.append(process)
        reader, writer = os.dup(process.stdout.fileno()), os.dup(process.stdin.fileno())
        process.stdout.close()
        process.stdin.close()
        return Exchange(wire.parse_cgi, reader, body, writer, process)


class Client(Cgi):
    """The same with the client in C."""

    def start(self):
        self.program = clients.in_c()
        super().start()


def wait_for_socket(server: Server, path: str) -> None:
    """Wait until something listens there."""
    from tests.harness.processes import until

    def listening() -> bool:
        assert server.process.poll() is None, f"ended with {server.process.returncode}:\n{server.log}"
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(path) == 0

    until(listening, 20)


DOORS: dict[str, type[Door]] = {door.name: door for door in (Serve, Asgi, Wsgi, Scgi, Cgi)}
DOORS["client"] = Client  # as a door, it is `cgi`
COMBINATIONS = [(door, runner) for door in ("serve", "asgi", "wsgi", "scgi") for runner in RUNNERS]
COMBINATIONS += [("scgi", "memory"), ("cgi", "own"), ("cgi", "pool"), ("client", "pool")]


class Site:
    """A directory of scripts for one case, behind one door."""

    def __init__(self, door: Door, folder: str) -> None:
        self.door = door
        self.path = f"/cgi-bin/{folder}"
        self.directory = door.root / "cgi-bin" / folder
        self.directory.mkdir()
        self._before = [len(log) for log in door.logs()]
        self._open: list[Exchange] = []

    def file(self, name: str, content: str | bytes = "", mode: int = 0o644) -> Path:
        """Write a file beside the scripts."""
        file = self.directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        file.chmod(mode)
        return file

    def script(self, source: str, name: str = "script.py", head: bool = True) -> str:
        """Write a Python script; the URL path of it. The usual head names the process in X-Pid."""
        first = "#!/usr/bin/env python3\n" + (HEAD if head else "")
        self.file(name, first + _dedent(source), 0o755)
        return f"{self.path}/{name}"

    def open(self, method: str, script: str, *args, **kwargs) -> Exchange:
        exchange = self.door.open(method, script, *args, **kwargs)
        self._open.append(exchange)
        return exchange

    def close(self) -> None:
        """Leave nothing under way, and no script waiting at a gate."""
        (self.directory / "gate").touch()
        for exchange in self._open:
            exchange.drop()

    def get(self, script: str, query: str | None = None, **kwargs) -> Response:
        return self.open("GET", script, query=query, **kwargs).finish()

    def post(self, script: str, body: bytes, **kwargs) -> Response:
        return self.open("POST", script, body=body, **kwargs).finish()

    def page(self, source: str, query: str | None = None, **kwargs) -> Response:
        """Run a script once."""
        return self.get(self.script(source, **kwargs), query)

    def log(self) -> str:
        """What the error log got since the case began, but for entries about the scripts of other cases: one
        may come late."""
        logs = zip(self.door.logs(), self._before, strict=True)
        entries = [entry for log, before in logs for entry in _ENTRY.findall(log[before:])]
        return "".join(entry for entry in entries if self._concerns(entry.partition("\n")[0]))

    def _concerns(self, line: str) -> bool:
        return "/cgi-bin/" not in line or f"{self.path}/" in line

    def logged(self, *texts: str) -> str:
        """Wait until the error log has all of `texts`; the log."""
        from tests.harness.processes import until

        def find() -> str:
            log = self.log()
            return log if all(text in log for text in texts) else ""

        try:
            return until(find)
        except pytest.fail.Exception:
            raise AssertionError(f"not all of {texts} in {self.log()!r}") from None

    def same_process(self, *responses: Response) -> None:
        """The proof that a case about what stays behind was one: the process that served was the same."""
        pids = {response.pid for response in responses}
        assert 0 not in pids, [response.body for response in responses]
        if self.door.put_back == "guards":
            assert len(pids) == (1 if self.door.persistent else len(responses)), "processes"
        # Where memory is put back, others take their place whenever the master has learned something.


_ENTRY = re.compile(r".*\n?(?:  .*\n?)*")  # a line, and the indented ones that belong to it
HEAD = 'print("Content-Type: text/plain\\nX-Pid:", __import__("os").getpid(), end="\\n\\n")\n'


def _dedent(source: str) -> str:
    import textwrap

    return textwrap.dedent(source.lstrip("\n"))
