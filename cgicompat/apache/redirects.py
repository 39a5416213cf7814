"""Redirect and its kin (mod_alias): what is answered with another URL, or with a status alone.

Those outside of sections are asked first of all, before anybody is asked who they are
(translate_alias_redir); the others when the request may have what it names (fixup_redir).
"""

from __future__ import annotations

from urllib.parse import quote

from .merging import ADDING, FILEINFO
from .patterns import expression
from .rows import Row, Scope
from .variables import substituted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_STATUS = {"permanent": 301, "temp": 302, "seeother": 303, "gone": 410}
_MOST = 1000  # in one section


class Redirection:
    """One of them: of a URL path, what `rest` follows it; None where it is for another."""

    __slots__ = ("find", "status", "target")

    def __init__(self, status: int, target: str, find: Callable[[str], str | None]) -> None:
        self.status = status
        self.target = target
        self.find = find


def redirected(rules: Iterable[Redirection], url: str, query: str) -> tuple[int, str] | None:
    """Status and URL (an empty one where the status stands alone) that a decoded URL path leads to."""
    for one in rules:
        if (found := one.find(url)) is not None:
            if query and "?" not in found and 300 <= one.status < 400:
                found += "?" + query
            return one.status, found
    return None


def _redirect(status: int, regular: bool) -> Callable[[Scope, list[str]], None]:
    def do(scope: Scope, words: list[str]) -> None:
        kind, rest = status or 302, words
        if not status and (words[0].lower() in _STATUS or words[0].isdigit()):
            kind, rest = _STATUS.get(words[0].lower()) or int(words[0]), words[1:]
        targets = 300 <= kind < 400
        path, target = (
            (rest[0], rest[-1]) if targets and len(rest) == 2 else (None, rest[0] if targets else "")
        )
        if not targets and rest:
            path = rest[0]
        if not 300 <= kind < 600 or len(rest) > 1 + targets or (regular and path is None):
            raise ValueError("takes a status, a path and, where the status is 3xx, a URL")
        if not target.isprintable() or not (not targets or regular or "://" in target or target[:1] == "/"):
            raise ValueError("leads to a whole URL, or to a path that begins with /")
        find = _everything(target)
        if path is not None:
            find = _matching(path, target) if regular else _below(path, target)
        key = "redirects_server" if scope.place == "" else "redirects"
        here = scope.part.values.get(key, ())
        if len(here) >= _MOST:
            raise ValueError(f"there may be {_MOST} of them")
        scope.part.values[key] = (*here, Redirection(kind, target, find))

    return do


def _everything(target: str) -> Callable[[str], str | None]:
    return lambda url: target


def _below(prefix: str, target: str) -> Callable[[str], str | None]:
    def find(url: str) -> str | None:
        rest = url[len(prefix) :]
        if not url.startswith(prefix) or not (prefix.endswith("/") or rest[:1] in ("", "/")):
            return None
        return target and target + _quoted(rest)

    return find


def _matching(pattern: str, target: str) -> Callable[[str], str | None]:
    search = expression(pattern).search

    def find(url: str) -> str | None:
        match = search(url)
        if match is None:
            return None
        path, question, query = substituted(target, match).partition("?")
        return _quoted(path) + question + query

    return find


def _quoted(path: str) -> str:
    return quote(
        path, safe="/:@!$&'()*+,;=~#%" if "://" in path else "/:@!$&'()*+,;=~", errors="surrogateescape"
    )


for _key in ("redirects", "redirects_server"):
    ADDING[_key] = lambda outer, inner: (*inner, *outer)

ROWS = (
    Row("Redirect", FILEINFO, (1, 3), _redirect(0, False), "alias"),
    Row("RedirectMatch", FILEINFO, (1, 3), _redirect(0, True), "alias"),
    Row("RedirectPermanent", FILEINFO, (2, 2), _redirect(301, False), "alias"),
    Row("RedirectTemp", FILEINFO, (2, 2), _redirect(302, False), "alias"),
)
