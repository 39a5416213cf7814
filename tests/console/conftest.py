"""A server with its console, over a few scripts."""

from __future__ import annotations

import http.client
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.harness.processes import Server, host_environ

SCRIPTS = {
    "hello.py": "import os\nprint('Content-Type: text/plain\\n\\nhello', os.environ['QUERY_STRING'])",
    "echo.py": (
        "import os, sys\nprint('Content-Type: text/html\\nX-Seen:', os.environ.get('HTTP_X_ONE'))\n"
        "print()\nprint('<b>' + sys.stdin.read() + '</b>', os.environ.get('CONTENT_TYPE'))"
    ),
    "broken.py": "import sys\nprint('about to <fail>', file=sys.stderr)\n1 / 0",
    "slow.py": "import time\nprint('Content-Type: text/plain\\n', flush=True)\ntime.sleep(20)",
    "charset.py": (
        "import os\nprint(f'Content-Type: text/plain; charset={os.environ[\"QUERY_STRING\"]}\\n')\n"
        "print('some text')"
    ),
    "counts.py": (
        "import calendar\ncalendar.n = getattr(calendar, 'n', 0) + 1\n"
        "print('Content-Type: text/plain\\n')\nprint('visit', calendar.n)"
    ),
}


class Site:
    """The server; `path` and `url` lead to its console."""

    def __init__(self, home: Path, *flags: str) -> None:
        self.root = Path(os.path.realpath(home)) / "www"
        (self.root / "cgi-bin").mkdir(parents=True)
        for name, source in SCRIPTS.items():
            (self.root / "cgi-bin" / name).write_text(source)
        command = [sys.executable, "-m", "cgicompat", "serve", str(self.root), "--port", "0", "--console"]
        self.server = Server([*command, "--workers", "2", *flags], home, host_environ())
        self.port = int(self.server.says(r"Console: http://127\.0\.0\.1:(\d+)/_cgicompat/")[1])
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host}/_cgicompat"

    def ask(
        self, target: str, method: str = "GET", form: dict[str, str] | None = None, **headers: str
    ) -> tuple[int, http.client.HTTPMessage, str]:
        """Status, headers and text of an answer; names of headers with _ for -."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        body = urlencode(form) if form is not None else None
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("POST" if form is not None else method, target, body, named)
        response = connection.getresponse()
        text = response.read().decode("utf-8", "replace")
        connection.close()
        return response.status, response.headers, text

    def page(self, path: str = "/") -> str:
        """The text of a page of the console."""
        status, _, text = self.ask(f"/_cgicompat{path}")
        assert status == 200
        return text


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One for all cases."""
    site = Site(tmp_path_factory.mktemp("console"))
    yield site
    site.server.stop()
