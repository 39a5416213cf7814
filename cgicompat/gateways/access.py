"""Apache's configuration at the gateways: who may have what a route leads to."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from cgicompat import environ
from cgicompat.apache.access import Decision, Facts
from cgicompat.apache.handling import follows
from cgicompat.apache.site import Apache
from cgicompat.routing import OneScript, Redirect, Router, Script, Static, decode

from .exchange import plain
from .message import Reply, Request, page

if TYPE_CHECKING:
    from cgicompat.apache.handling import Options
    from cgicompat.apache.merging import Values
    from cgicompat.apache.site import Lookup
    from cgicompat.config import Settings
    from cgicompat.routing import Route

log = logging.getLogger("cgicompat.error")


class Access:
    """Decides on requests for what `router` finds. Raises cgicompat.apache.reading.Mistake."""

    def __init__(self, settings: Settings, router: Router | OneScript) -> None:
        self._router = router
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
            decision = lookup.decide(path)
            if decision.status:
                return _refuse(request, path, decision)
            if decision.user:
                request = replace(request, user=decision.user, auth_type=decision.auth_type)
            values = lookup.values(path)
            if "options" in values and (reason := self._forbidden(values["options"], values, path, route)):
                return _refuse(request, path, Decision(403, reason))
        return request

    def _forbidden(self, options: Options, values: Values, path: str, route: Route) -> str:
        """What Options forbids, or nothing."""
        router = self._router
        if not follows(values, router.directory if isinstance(router, Router) else "", path.rstrip("/")):
            return "a symbolic link, and Options has no FollowSymLinks"
        if isinstance(route, Script) and route.filename == path and not options.has("execcgi", True):
            folders = os.path.dirname(route.script_name).lower() + "/"
            aliased = isinstance(router, Router) and any(name in folders for name in router.cgi_bin)
            return "" if aliased else "a script, and Options has no ExecCGI"
        return ""

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
        secure=request.scheme == "https",
        client=request.client[0] if request.client else "",
        server=request.server[0] if request.server else "",
        authorization=request.get("authorization") or "",
    )
