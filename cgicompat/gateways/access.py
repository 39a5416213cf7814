"""Apache's configuration at the gateways: who may have what a route leads to."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from cgicompat import environ
from cgicompat.apache.access import OPEN, Facts
from cgicompat.apache.site import obeyed
from cgicompat.routing import OneScript, Redirect, Router, Script, Static, decode

from .exchange import plain
from .message import Reply, Request, page

if TYPE_CHECKING:
    from collections.abc import Callable

    from cgicompat.apache.access import Decision
    from cgicompat.apache.names import Question
    from cgicompat.apache.rewriting import Rewritten
    from cgicompat.apache.site import Lookup
    from cgicompat.config import Settings
    from cgicompat.routing import Route

log = logging.getLogger("cgicompat.error")


class Access:
    """Decides on requests for what `router` finds, with what `look_up` says of names. Raises
    cgicompat.apache.reading.Mistake."""

    def __init__(
        self,
        settings: Settings,
        router: Router | OneScript,
        look_up: Callable[[Question], tuple[str, ...]],
    ) -> None:
        self._router = router
        self._look_up = look_up
        self._top = settings.directory.rstrip("/") + "/"
        alias = router.alias if isinstance(router, Router) else lambda _: None
        self._apache = obeyed(settings, lambda line: log.error("%s", plain(line)), alias)
        self.ignored = self._apache.ignored if self._apache else []
        self._aliased = bool(self._apache and self._apache.aliases)

    def look(self, request: Request, cookies: list[str]) -> Lookup | None:
        """The configuration as this request sees it, None where none is obeyed; rules add to `cookies`."""
        return self._apache.look(lambda: _facts(request, cookies, self._look_up)) if self._apache else None

    def translate(self, request: Request, lookup: Lookup) -> Request | Reply:
        """The request as rules of the server's files have it, or the answer that they give."""
        if request.settled or not (found := lookup.translated()):
            return request
        if found.status:
            return _elsewhere(found.status, found.location)
        return replace(_rewritten(request, found), env=dict(lookup.env()))

    def check(
        self, request: Request, route: Route, lookup: Lookup, named: list[tuple[str, str]]
    ) -> Request | Again | Reply:
        """The request, with its user where one was asked for, or another one to answer in its place, or the
        answer that refuses it. `named` are paths() of it."""
        if moved := lookup.moved(request.query):
            return _elsewhere(*moved)
        for number, (path, whole) in enumerate(named):
            runs = (
                isinstance(route, Script)
                and route.filename == path
                and bool(lookup.values(path) or self._aliased)
                and not self._in_cgi_bin(path)
            )
            decision = lookup.decide(path, runs) if path != request.admitted else OPEN
            if decision.status:
                return _refuse(request, path, decision)
            if decision.user:
                request = replace(request, user=decision.user, auth_type=decision.auth_type)
            ruled = None if request.settled else lookup.rewritten(path, whole, number > 0)
            if ruled and ruled.status:
                return _elsewhere(ruled.status, ruled.location)
            if moved := lookup.redirected(path, request.query):
                return _elsewhere(*moved)
            if ruled and ruled.url and not isinstance(route, Redirect):
                before = replace(request, query=ruled.query)
                return Again(_rewritten(request, ruled).after(before, request.status or 200, lookup.env()))
            if ruled and not ruled.url:
                request = replace(request, query=ruled.query, settled=ruled.over)
        return request

    def named(self, request: Request) -> str:
        """The file or directory that a request names, be it there or not; the served directory where its path
        is malformed."""
        return (isinstance(self._router, Router) and self._router.named(request.path)) or self._top

    def _in_cgi_bin(self, path: str) -> bool:
        return isinstance(self._router, OneScript) or self._router.in_cgi_bin(path)

    def paths(self, request: Request, route: Route) -> list[tuple[str, str]]:
        """The files and directories to ask for, as the URL has them, no links followed; the last is the one
        that the route is for. Directories end with a slash. Each also with what follows it in the URL, as
        that spells it."""
        named = self._router.named(request.path) if isinstance(self._router, Router) else ""
        if isinstance(route, Script):
            index = os.path.dirname(route.filename) + "/"
            if named == index:
                return [(named, named), (route.filename, route.filename)]
            return [(route.filename, route.filename + route.path_info)]
        if isinstance(route, Redirect):
            return [(named + "/", named)]
        if isinstance(route, Static) and named.endswith("/") and not os.path.isdir(route.path):
            index = named + route.path.rpartition("/")[2]
            return [(named, named), (index, index)]
        return [(named, named)] if named else []


class Again:
    """Another `request` to answer in place of one."""

    def __init__(self, request: Request) -> None:
        self.request = request


def _rewritten(request: Request, found: Rewritten) -> Request:
    """The request for the URL that rules have made. What is not below our mount leads nowhere."""
    url = os.path.normpath(found.url) + "/" * (found.url[-2:] not in ("/", "//") and found.url[-1:] == "/")
    path = url.removeprefix(request.mount) if url.startswith(request.mount + "/") else "/.."
    path = quote(path, safe="/:@!$&'()*+,;=~", errors="surrogateescape")
    return replace(request, path=path, query=found.query, settled=found.over)


def _elsewhere(status: int, location: str) -> Reply:
    return page(status, *([("Location", location)] if location else []))


def _refuse(request: Request, path: str, decision: Decision) -> Reply:
    asked = decision.status == 401 and not request.get("authorization")
    level = logging.DEBUG if asked else logging.WARNING
    log.log(level, '%s: %s "%s %s"', *map(plain, (path, decision.reason, request.method, request.uri)))
    headers = [("WWW-Authenticate", decision.challenge)] if decision.challenge else []
    return page(decision.status, *headers)


def _facts(request: Request, cookies: list[str], look_up: Callable[[Question], tuple[str, ...]]) -> Facts:
    host = environ.split_host(request.get("host") or "")
    try:
        url = request.mount + decode(request.path)
    except ValueError:  # it leads nowhere anyway
        url = request.path
    while "//" in url:  # as Apache's MergeSlashes On
        url = url.replace("//", "/")
    return Facts(
        method=request.method,
        url=url,
        host=host[0] if host else "",
        authority=request.get("host") or "",
        secure=request.scheme == "https",
        client=request.client[0] if request.client else "",
        server=request.server[0] if request.server else "",
        protocol=request.protocol,
        header=lambda name: request.get(name) or "",
        query=request.query,
        line=request.uri,
        mount=request.mount,
        env=request.env,
        cookies=cookies,
        look_up=look_up,
    )
