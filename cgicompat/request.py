"""What every runner gets: a script, its environment, and the settings that hold for it."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from cgicompat.config import Settings

INHERITED = ("PATH", "TZ", "LD_LIBRARY_PATH", "LANG", "LANGUAGE")


def host_environ(host: Mapping[str, str]) -> dict[str, str]:
    """The part of the host's environment that scripts see: PATH, the locale, TZ, LD_LIBRARY_PATH."""
    kept = {name: value for name, value in host.items() if name in INHERITED or name.startswith("LC_")}
    kept.setdefault("PATH", os.defpath)
    return kept


def take_further_byte(connection: socket.socket) -> None:
    """Read the byte that a gateway sends past the body: a connection closed with it unread means a crash.

    It may still be under way; SO_RCVTIMEO, which the reading of the request has set, limits the wait.
    """
    try:
        connection.recv(1)
    except OSError:
        pass  # the gateway is gone


class Request:
    """One request for one script.

    `environ` is the script's whole environment and `settings` are those that hold for this script.
    `gateway` is true where our own gateway is at the other end: it sends one byte past the body, and makes
    the error pages itself, since only it knows whether a response has begun.
    """

    __slots__ = ("environ", "gateway", "script", "settings")

    def __init__(self, settings: Settings, script: str, environ: dict[str, str], gateway: bool = False):
        self.settings = settings
        self.script = script
        self.environ = environ
        self.gateway = gateway

    @property
    def directory(self) -> str:
        """The working directory of the run."""
        return os.path.dirname(self.script) if self.settings.cwd == "script" else self.settings.directory

    @property
    def outlives_client(self) -> bool:
        """Whether the script goes on when nobody takes its output any more. Always for HEAD: web servers may
        leave when they have the header (nginx, ngx_http_upstream.c)."""
        return self.settings.client_gone == "finish" or self.environ.get("REQUEST_METHOD") == "HEAD"

    @property
    def length(self) -> int:
        """Bytes of the body."""
        return int(self.environ.get("CONTENT_LENGTH") or 0)

    @property
    def arguments(self) -> list[str]:
        """Words of a query string without `=` (RFC 3875 section 4.4)."""
        query = self.environ.get("QUERY_STRING", "")
        if not query or "=" in query or self.environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            return []
        from urllib.parse import unquote

        words = [unquote(word, errors="surrogateescape") for word in query.split("+")]
        return [] if any("\0" in word for word in words) else words

    @property
    def label(self) -> str:
        """The request as log lines name it."""
        method = self.environ.get("REQUEST_METHOD", "-")
        uri = self.environ.get("REQUEST_URI") or self.environ.get("SCRIPT_NAME", "-")
        return f'{self.script} "{method} {uri}"'
