"""A script run by the CGI door itself, without a pool, as its cgicompat.toml says.

The `cgi` runner does it, by a process with a time limit, so that it has all that it has in a pool. This is
imported only where there is such a file: without one the door starts faster.
"""

from __future__ import annotations

import os
import signal
import sys

from cgicompat import config, dependencies, pages
from cgicompat.request import Request
from cgicompat.response import is_length
from cgicompat.runners import cgi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

_OURS = ("CGICOMPAT_", "REDIRECT_CGICOMPAT_")  # variables that are no script's
_PATIENCE = 2  # seconds from the web server's SIGTERM to our SIGKILL; to its own it waits 3


def run(script: str, directory: str) -> NoReturn:
    """Runs `script` by the settings of `directory` for the request in the environment, and exits with the
    script's status."""
    # Apache renames what it redirects.
    redirected = {name[9:]: os.environ[name] for name in os.environ if name.startswith(_OURS[1])}
    try:
        settings = config.load(directory, environ={**redirected, **os.environ})
    except config.ConfigError as error:
        sys.stderr.write(f"cgicompat-cgi: {error}\n")
        _answer(pages.error(500))
    dependencies.obey(settings)
    # The directory may have another name with all links followed.
    settings = settings.for_script(settings.directory + script.removeprefix(directory.rstrip("/")))
    environ = {
        **settings.env,
        **{name: value for name, value in os.environ.items() if not name.startswith(_OURS)},
    }
    environ.pop("HTTP_PROXY", None)
    if not settings.pass_authorization:
        environ.pop("HTTP_AUTHORIZATION", None)
    length = environ.get("CONTENT_LENGTH") or "0"
    if not is_length(length) or int(length) > settings.max_body:
        _answer(pages.error(413, f"The request body may have {settings.max_body} bytes."))
    request = Request(settings, script, environ)
    outcome = cgi.run(request, _Output(), os.dup(0), _end_with_us)  # type: ignore[arg-type]
    os._exit(outcome.status)


def _answer(page: bytes) -> NoReturn:
    _Output().sendall(page)
    os._exit(0)


class _Output:
    """Our standard output, be it a socket or a pipe, in the place of a runner's connection."""

    def __enter__(self) -> _Output:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def fileno(self) -> int:
        return 1

    def sendall(self, data: bytes) -> None:
        while data:
            data = data[os.write(1, data) :]

    def shutdown(self, how: int) -> None:
        """Ends the response, and leaves the number in use."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)


def _end_with_us(pid: int) -> None:
    """When the web server ends us, the script goes too, which is in a process group of its own."""

    def end(number: int, frame: FrameType | None) -> None:
        try:
            os.killpg(pid, signal.SIGKILL if number == signal.SIGALRM else signal.SIGTERM)
        except ProcessLookupError:
            pass
        signal.alarm(_PATIENCE)

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, end)
