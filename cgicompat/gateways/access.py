"""Apache's configuration at the gateways: who may have what a route leads to."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from cgicompat import environ
from cgicompat.apache.access import OPEN, Facts
from cgicompat.apache.site import Apache
from cgicompat.routing import OneScript, Redirect, Router, Script, Static, decode

from .exchange import plain
from .message import Reply, Request, page

if TYPE_CHECKING:
    from cgicompat.apache.access import Decision
    from cgicompat.apache.site import Lookup
    from cgicompat.config import Settings
    from cgicompat.routing import Route

log = logging.getLogger("cgicompat.error")


class Access:
    """Decides on requests for what `router` finds. Raises cgicompat.apache.reading.Mistake."""

    def __init__(self, settings: Settings, router: Router | OneScript) -> None:
        self._router = router
        self._top = settings.directory.rstrip("/") + "/"
        self._apache = (
            Apache(settings, lambda line: log.error("%s", plain(line)))
            if settings.htaccess or settings.apache_conf
            else None
        )
        self.ignored = self._apache.ignored if self._apache else []

    def look(self, request: Request) -> Lookup | None:
        """The configuration as this request sees it, None where none is obeyed."""
        return self._apache.look(lambda: _facts(request)) if self._apache else None

    def check(self, request: Request, route: Route, lookup: Lookup) -> Request | Reply:
        """The request, with its user where one was asked for, or the answer that refuses it."""
        for path in self._paths(request, route):
            runs = isinstance(route, Script) and route.filename == path and not self._in_cgi_bin(path)
            decision = lookup.decide(path, runs) if path != request.admitted else OPEN
            if decision.status:
                return _refuse(request, path, decision)
            if decision.user:
                request = replace(request, user=decision.user, auth_type=decision.auth_type)
            if moved := lookup.redirected(path, request.query):
                status, target = moved
                return page(status, *([("Location", target)] if target else []))
        return request

    def path(self, request: Request, route: Route) -> str:
        """The file or directory that a route is for, as it was asked for, no links followed."""
        return self._paths(request, route)[-1]

    def named(self, request: Request) -> str:
        """The file or directory that a request names, be it there or not; the served directory where its path
        is malformed."""
        return (isinstance(self._router, Router) and self._router.named(request.path)) or self._top

    def _in_cgi_bin(self, path: str) -> bool:
        return isinstance(self._router, OneScript) or self._router.in_cgi_bin(path)

    def _paths(self, request: Request, route: Route) -> list[str]:
        """The files and directories to ask for; these end with a slash."""
        named = self._router.named(request.path) if isinstance(self._router, Router) else ""
        if isinstance(route, Script):
            index = os.path.dirname(route.filename) + "/"
            return [named, route.filename] if named == index else [route.filename]
        if isinstance(route, Redirect):
            return [named + "/"]
        if isinstance(route, Static) and named.endswith("/") and not os.path.isdir(route.path):
            return [named, named + route.path.rpartition("/")[2]]
        return [named] if named else []


def _refuse(request: Request, path: str, decision: Decision) -> Reply:
    asked = decision.status == 401 and not request.get("authorization")
    level = logging.DEBUG if asked else logging.WARNING
    log.log(level, '%s: %s "%s %s"', *map(plain, (path, decision.reason, request.method, request.uri)))
    headers = [("WWW-Authenticate", decision.challenge)] if decision.challenge else []
    return page(decision.status, *headers)


def _facts(request: Request) -> Facts:
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
    )
