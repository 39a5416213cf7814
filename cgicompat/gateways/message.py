"""HTTP requests and replies as the gateways hand them around: plain values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from cgicompat.response import first, phrase

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Headers = list[tuple[str, str]]

VERBATIM = "cgicompat.verbatim"  # an extension of ASGI: see verbatim.py


@dataclass(slots=True)
class Request:
    """An HTTP request without its body.

    `path` is percent-encoded and lies below `mount` (decoded, "" at the root), `prefix` in encoded form.
    `uri` is the target as the client sent it, `query` what followed its question mark. Header text is UTF-8
    with surrogateescape, names in any case. `server` and `client` are address and port, None on unix sockets.
    `status` is the error that the answer is a page for, if it is for one, `env` has variables for scripts.
    `settled` says that no RewriteRule is to see it again. Access to the file `admitted`, which is such a
    page, is not decided on again.
    """

    method: str
    mount: str
    prefix: str
    path: str
    query: str
    uri: str
    headers: Headers
    protocol: str = "HTTP/1.1"
    scheme: str = "http"
    server: tuple[str, int] | None = None
    client: tuple[str, int] | None = None
    user: str = ""
    auth_type: str = ""
    status: int = 0
    admitted: str = ""
    settled: bool = False
    env: dict[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str | None:
        """The value of the first header called `name` (in lower case)."""
        return first(self.headers, name)

    def redirected(self, path: str, query: str) -> Request:
        """The GET (or HEAD) that a local redirect to `path` stands for (RFC 3875 section 6.2.2)."""
        method = "HEAD" if self.method == "HEAD" else "GET"
        gone = ("content-", "transfer-encoding", "expect")
        headers = [(name, value) for name, value in self.headers if not name.lower().startswith(gone)]
        return replace(self, method=method, path=path, query=query, headers=headers)

    def after(self, other: Request, status: int, env: Mapping[str, str]) -> Request:
        """This one where the server itself has come to it from `other`, which had the `status` and the
        further variables `env` (http_request.c, internal_internal_redirect)."""
        environ = {**other.env, **env}
        for name in ("REDIRECT_URL", "REDIRECT_QUERY_STRING"):  # of the last step alone
            environ.pop(name, None)
        before = {f"REDIRECT_{name}": text for name, text in environ.items()}
        url = other.mount + unquote(other.path, errors="surrogateescape")
        before |= {"REDIRECT_STATUS": str(status), "REDIRECT_URL": url}
        if other.query:
            before["REDIRECT_QUERY_STRING"] = other.query
        return replace(self, env=before)


@dataclass(slots=True)
class Reply:
    """Status line and headers (text is Latin-1), with the whole body where it is known already.

    `raw` is the head as the script wrote it, where it speaks for the server.
    """

    status: int
    reason: str = ""
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    raw: bytes = b""

    def __post_init__(self) -> None:
        self.reason = self.reason or phrase(self.status)


@dataclass(slots=True)
class File:
    """A static file that `request` asks for; `headers` are added to its own. `kind` is its Content-Type
    where it is not what its name says. What `change` makes of all headers goes out."""

    request: Request
    path: str
    headers: Headers = field(default_factory=list)
    kind: str = ""
    change: Callable[[Headers], Headers] | None = None


def page(status: int, *headers: tuple[str, str], html: str = "", text: str = "") -> Reply:
    """A complete reply: `html`, or a line of text that names the status, followed by `text`, if any."""
    lines = f"{status} {phrase(status)}\n" + (f"\n{text}\n" if text else "")
    body = (html or lines).encode("utf-8", "replace")
    kind = "text/html" if html else "text/plain"
    about = [("Content-Type", f"{kind}; charset=utf-8"), ("Content-Length", str(len(body)))]
    return Reply(status, "", [*about, *headers], body)
