"""A pool for tests."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tests.harness.doors import wait_for_socket
from tests.harness.processes import Server, alive, children, host_environ
from tests.harness.wire import Exchange, Response, connect, parse_cgi, scgi_request

HEAD = 'import os, sys, time\nprint("Content-Type: text/plain\\n")\nprint(os.getpid())\nsys.stdout.flush()\n'


class RunningPool:
    """A pool on a unix socket, and a directory of scripts; `prefix` is a command that starts its program."""

    def __init__(
        self,
        home: Path,
        *flags: str,
        name: str = "s",
        temporary: Path | None = None,
        prefix: Sequence[str] = (),
        python: Sequence[str] = (sys.executable,),
        **env: str,
    ):
        self.root = home / "site"
        (self.root / "cgi-bin").mkdir(parents=True, exist_ok=True)
        self.socket = str(home / name)
        command = [*prefix, *python, "-m", "cgicompat", "pool", "--bind", f"unix:{self.socket}", *flags]
        if temporary:
            command = ["env", f"TMPDIR={temporary}", *command]
        self.server = Server([*command, str(self.root)], home, host_environ(**env))
        self.temporary = temporary or self.server.temporary
        wait_for_socket(self.server, self.socket)

    def script(self, source: str, name: str = "s.py") -> str:
        (self.root / "cgi-bin" / name).write_text(HEAD + source)
        return f"/cgi-bin/{name}"

    def open(self, url: str) -> Exchange:
        path, _, query = url.partition("?")
        environ = {"REQUEST_METHOD": "GET", "REQUEST_URI": url, "DOCUMENT_URI": path, "QUERY_STRING": query}
        return Exchange(parse_cgi, connect(self.socket), scgi_request(environ, b""))

    def get(self, url: str) -> Response:
        return self.open(url).finish()

    def workers(self) -> list[int]:
        return [pid for pid in children(self.server.pid) if alive(pid)]
