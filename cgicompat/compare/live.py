"""A live server as the reference: what it answers by HTTP.

A server adds headers of its own. So of the headers only those count that the script prints, and those that
clients act upon.
"""

from __future__ import annotations

import http.client
from dataclasses import replace
from urllib.parse import urlsplit

from cgicompat.compare.answer import BODY, HEADERS, STATUS, Part, Response, text
from cgicompat.compare.case import Case, CompareError
from cgicompat.environ import SOFTWARE

_SAFE = ("GET", "HEAD")
_LARGEST = 64 << 20  # bytes of an answer
_SERVERS = (
    *("date", "server", "connection", "keep-alive", "transfer-encoding", "content-length", "etag"),
    *("accept-ranges", "vary", "age", "via", "x-powered-by", "alt-svc", "strict-transport-security"),
)
_ACTED_UPON = ("content-type", "location", "set-cookie", "www-authenticate")


def ask(url: str, case: Case, timeout: float, unsafe: bool = False) -> Response:
    """The server's answer to a case. Raises CompareError, for methods other than GET and HEAD too, unless
    `unsafe`: they could change something there."""
    where = urlsplit(url)
    environ = case.environ
    method = environ.get("REQUEST_METHOD", "GET")
    if method not in _SAFE and not unsafe:
        raise CompareError(
            f"{case.name} could change something at {url}; --unsafe sends {method} all the same"
        )
    if where.scheme not in ("http", "https") or not where.hostname:
        raise CompareError(f"--reference-url {url}: allowed is http://HOST[:PORT][/PATH]")
    kind = http.client.HTTPSConnection if where.scheme == "https" else http.client.HTTPConnection
    connection = kind(where.hostname, where.port, timeout=timeout)
    try:
        target = where.path.rstrip("/") + (environ.get("REQUEST_URI") or environ.get("SCRIPT_NAME") or "/")
        connection.request(method, target, case.body or None, _headers(environ))
        answer = connection.getresponse()
        body = answer.read(_LARGEST)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise CompareError(f"{url}: {error or type(error).__name__}") from None
    finally:
        connection.close()
    return Response(answer.status, answer.reason, tuple(answer.getheaders()), body)


def as_there(case: Case, url: str) -> Case:
    """The case with the host that the live server is asked by, so that links agree."""
    where = urlsplit(url)
    secure = where.scheme == "https"
    environ = {
        **case.environ,
        "HTTP_HOST": where.netloc.rpartition("@")[2],
        "SERVER_NAME": where.hostname or "",
        "SERVER_PORT": str(where.port or (443 if secure else 80)),
        "REQUEST_SCHEME": where.scheme,
        **({"HTTPS": "on"} if secure else {}),
    }
    return replace(case, environ=environ)


def _headers(environ: dict[str, str]) -> dict[str, str]:
    """The request's headers from its variables, but the host, which is the server's own."""
    found = {"User-Agent": SOFTWARE, "Accept-Encoding": "identity"}
    for name, value in environ.items():
        if name.startswith("HTTP_") and name not in ("HTTP_HOST", "HTTP_CONNECTION", "HTTP_ACCEPT_ENCODING"):
            found[name[5:].replace("_", "-").title()] = value
    if environ.get("CONTENT_TYPE"):
        found["Content-Type"] = environ["CONTENT_TYPE"]
    return found


def level(ours: list[dict[str, Part]], live: list[dict[str, Part]], method: str = "GET") -> None:
    """Leaves in both what can be compared: status code, body, and the headers that count."""
    names = {name for parts in ours for name in _names(parts[HEADERS])}.union(_ACTED_UPON) - {*_SERVERS}
    for parts in (*ours, *live):
        level = {STATUS: _code(parts[STATUS]), HEADERS: _only(parts[HEADERS], names), BODY: parts[BODY]}
        parts.clear()
        parts.update(level)
        if method == "HEAD":
            del parts[BODY]


def _names(part: Part) -> set[str]:
    return {line.partition(":")[0].lower() for line in part.lines or ()}


def _only(part: Part, names: set[str]) -> Part:
    """Header names in lower case, as HTTP/2 has them."""
    lines = [line.partition(":") for line in part.lines or ()]
    return text(*(f"{name.lower()}:{rest}" for name, _, rest in lines if name.lower() in names))


def _code(part: Part) -> Part:
    """Without the phrase, which servers choose."""
    return text(*(line.partition(" ")[0] for line in part.lines or ()))
