"""What is answered in place of something: ErrorDocument, FallbackResource; and what is refused after all, by
AcceptPathInfo and LimitRequestBody.

Sources: server/core.c (set_error_document, set_limit_req_body), mod_dir (fixup_dflt),
http_request.c (ap_die).
"""

from __future__ import annotations

from .merging import ADDING, FILEINFO, INDEXES, SERVER
from .rows import ANYWHERE, Row, Scope

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .merging import Values


def error_document(values: Values, status: int) -> str:
    """What is said of an error: a path that begins with a slash, a URL, or `"` and a text; "" is nothing."""
    found: str = values.get("errors", {}).get(status, "")
    return found


def _error_document(scope: Scope, words: list[str]) -> None:
    number, what = words
    if not (number.isascii() and number.isdigit() and 400 <= int(number) < 600):
        raise ValueError("takes the status of an error, 400 to 599, and a path, a URL or a text")
    if "%{" in what:
        raise ValueError("expressions are not known here: write a text without %{")
    url = " " not in what and "://" in what
    if url and number == "401":
        raise ValueError("a URL elsewhere would keep the client from asking for the password: take a path")
    if what.lower() == "default":
        what = ""
    elif " " in what or not (url or what.startswith("/")):
        what = '"' + what
    elif not what.isprintable():
        raise ValueError("a path or URL has only printable characters")
    scope.part.values.setdefault("errors", {})[int(number)] = what


def _fallback(scope: Scope, words: list[str]) -> None:
    if words[0] != "disabled" and not words[0].startswith("/"):
        raise ValueError("takes a path that begins with /, or disabled")
    scope.part.values["fallback"] = "" if words[0] == "disabled" else words[0]


def _path_info(scope: Scope, words: list[str]) -> None:
    if words[0].lower() not in ("on", "off", "default"):
        raise ValueError("takes On, Off or Default")
    scope.part.values["path_info"] = words[0].lower() != "off"


def _limit_body(scope: Scope, words: list[str]) -> None:
    if not (words[0].isascii() and words[0].isdigit() and len(words[0]) < 16):
        raise ValueError("takes a number of bytes, 0 for no limit")
    scope.part.values["limit_body"] = int(words[0])


ADDING["errors"] = lambda outer, inner: {**outer, **inner}

ROWS = (
    Row("ErrorDocument", FILEINFO | SERVER, (2, 2), _error_document),
    Row("FallbackResource", INDEXES | SERVER, (1, 1), _fallback, "dir"),
    Row("AcceptPathInfo", FILEINFO | SERVER, (1, 1), _path_info),
    Row("LimitRequestBody", ANYWHERE, (1, 1), _limit_body),
)
