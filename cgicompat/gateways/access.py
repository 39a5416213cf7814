"""Apache's configuration at the gateways: who may have what a route leads to."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from cgicompat import environ
from cgicompat.apache.access import Facts
from cgicompat.apache.site import Apache
from cgicompat.routing import OneScript, Redirect, Router, Script, Static, decode

from .exchange import plain
from .message import Reply, Request, page

if TYPE_CHECKING:
    from cgicompat.apache.access import Decision
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

    def check(self, request: Request, route: Route) -> Request | Reply:
        """The request, with its user where one was asked for, or the answer that refuses it."""
        if self._apache is None:
            return request
        for path in self._paths(request, route):
            decision = self._decide(request, path)
            if decision.status:
                return self._refuse(request, path, decision)
            if decision.user:
                request = replace(request, user=decision.user, auth_type=decision.auth_type)
        return request

    def grants(self, request: Request, path: str) -> bool:
        """May `path`, in the directory that the request is for, be shown to it?"""
        return self._apache is None or not self._decide(request, path).status

    def _paths(self, request: Request, route: Route) -> list[str]:
        """The files and directories to ask for; these end with a slash."""
        if isinstance(route, Script):
            return [route.filename]
        if isinstance(self._router, OneScript) or not (named := self._router.named(request.path)):
            return []
        if isinstance(route, Redirect):
            return [named + "/"]
        if isinstance(route, Static) and named.endswith("/") and not os.path.isdir(route.path):
            return [named, named + "index.html"]
        return [named]

    def _decide(self, request: Request, path: str) -> Decision:
        assert self._apache
        return self._apache.decide(path, lambda: _facts(request))

    def _refuse(self, request: Request, path: str, decision: Decision) -> Reply:
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
