"""What a request means. A site is a directory, or one script, with its settings; it answers a request by a
reply that is complete, a file to send, or a run of a script. Local redirects come back here.
"""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from cgicompat import environ
from cgicompat.apache.merging import TooLong
from cgicompat.response import is_length
from cgicompat.routing import HOPS, OneScript, Redirect, Refusal, Router, Script, Static, decode

from .access import Access, Again
from .exchange import Answer, Run, plain
from .message import File, Headers, Reply, Request, page
from .static import listing, media_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from cgicompat.apache.names import Question
    from cgicompat.apache.site import Lookup
    from cgicompat.config import Settings
    from cgicompat.routing import Route

log = logging.getLogger("cgicompat.error")


class Site:
    """What one application serves: the directory of `settings`, or only `script` (absolute) in it.

    With `listing` a directory without index.html shows what it holds. `look_up` has what the name service
    says.
    """

    def __init__(
        self,
        settings: Settings,
        script: str | None,
        listing: bool,
        look_up: Callable[[Question], tuple[str, ...]],
    ) -> None:
        self.settings = settings
        self.router = OneScript(script) if script else Router(settings)
        self.access = Access(settings, self.router, look_up)
        self.listing = listing

    def answer(self, request: Request, hops: int = 0) -> Answer:
        """What `request`, the last of `hops` local redirects, is answered with."""
        if request.method in ("TRACE", "CONNECT"):
            return page(405, ("Allow", "GET, HEAD, POST"))
        hosts = [value for name, value in request.headers if name.lower() == "host"]
        if len(hosts) > 1 or (hosts and hosts[0] and not environ.split_host(hosts[0])):
            return page(400)
        if (request.method, request.path) == ("OPTIONS", "*"):
            return Reply(200, headers=[("Content-Length", "0")])
        if "\0" in "".join([request.query, request.uri, *[value for _, value in request.headers]]):
            return page(400)
        cookies: list[str] = []
        if (lookup := self.access.look(request, cookies)) is None:
            return self._follow(request, self.router.route(request.path), hops, None)
        if (headers := lookup.begins(request.headers)) is not request.headers:
            request = replace(request, headers=headers)
            lookup = self.access.look(request, cookies) or lookup
        try:
            answer = self._obey(request, hops, lookup, cookies)
            if cookies:
                answer.headers = [*answer.headers, *(("Set-Cookie", cookie) for cookie in cookies)]
            return answer
        except TooLong as error:
            log.error('%s "%s %s"', *map(plain, (str(error), request.method, request.uri)))
            return page(414)

    def _obey(self, request: Request, hops: int, lookup: Lookup, cookies: list[str]) -> Answer:
        """What `request` is answered with by Apache's configuration."""
        translated = self.access.translate(request, lookup)
        if isinstance(translated, Reply):
            return self._instead(request, translated, hops, lookup)
        if translated is not request:
            request = translated
            lookup = self.access.look(request, cookies) or lookup
        route = self.router.route(request.path, lookup)
        named = self.access.paths(request, route)
        checked = self.access.check(request, route, lookup, named)
        if isinstance(checked, Again):
            if hops < HOPS:
                return self.answer(checked.request, hops + 1)
            log.error('more than %d rewritings "%s %s"', HOPS, request.method, plain(request.uri))
            return page(500)
        if isinstance(checked, Reply):
            return self._instead(request, checked, hops, lookup)
        if isinstance(route, Refusal) and (found := self._fallback(checked, route, hops, lookup)):
            return found
        path = named[-1][0] if named else ""
        if isinstance(route, Static) and (url := self._index(request, route, path, lookup)) and hops < HOPS:
            return self.answer(replace(checked, path=url), hops + 1)
        answer = self._follow(checked, route, hops, lookup, path)
        if isinstance(answer, Reply):
            return self._instead(checked, answer, hops, lookup)
        if change := lookup.changes(path):
            if isinstance(answer, File):
                answer.change = lambda headers: change(headers, 200, False, False)
            else:
                answer.change = lambda headers, status: change(headers, status, True, False)
        return answer

    def _index(self, request: Request, route: Static, named: str, lookup: Lookup) -> str:
        """The URL path, percent-encoded, that a DirectoryIndex has for a directory, if that is one, and it
        leads somewhere (mod_dir, fixup_dir)."""
        for name in lookup.indexes(named) if named.endswith("/") else ():
            if "/" in name and os.path.isdir(route.path):
                url = _quoted(name if name.startswith("/") else f"{decode(request.path)}{name}")
                parts = split_mount(url, request.mount) if name.startswith("/") else ("", url)
                found = self.router.route(parts[1], lookup) if parts else None
                if isinstance(found, Script) or (isinstance(found, Static) and not os.path.isdir(found.path)):
                    return parts[1] if parts else ""
        return ""

    def _follow(
        self, request: Request, route: Route, hops: int, lookup: Lookup | None, named: str = ""
    ) -> Answer:
        """Where a route leads whom nothing forbids it; `named` is the file or directory asked for."""
        match route:
            case Script() as script:
                return self._run(request, script, hops, lookup)
            case Redirect(location):
                target = request.prefix + location + ("?" + request.query if request.query else "")
                return page(301, ("Location", _quoted(target)))
            case Refusal(status, reason, hint):
                level = logging.WARNING if status == 403 else logging.DEBUG
                reason = f"{reason}. {hint}" if hint else reason
                log.log(level, '%s "%s %s"', *map(plain, (reason, request.method, request.uri)))
                return page(status, text=hint)
            case Static(path):
                if request.method not in ("GET", "HEAD"):
                    return page(405, ("Allow", "GET, HEAD"))
                if os.path.isdir(path):
                    return self._list(request, path, lookup)
                if not os.access(path, os.R_OK):
                    return page(403)
                said = lookup.headers(named, media_type) if lookup else []
                if lookup and (headers := lookup.asks(named, request.headers)) is not request.headers:
                    request = replace(request, headers=headers)
                return File(request, path, said[1:], said[0][1] if said else "")

    def _run(self, request: Request, script: Script, hops: int, lookup: Lookup | None) -> Reply | Run:
        settings = self.settings.for_script(script.filename)
        if lookup:
            if script.path_info and not lookup.takes_path_info(script.filename):
                return page(404)
            most = lookup.most_body(script.filename, settings.max_body)
            if most != settings.max_body:
                settings = settings.but(max_body=most)
        length = request.get("content-length") or ""
        if length and not is_length(length):
            return page(413 if length.isdecimal() else 400)
        if length and int(length) > settings.max_body:
            return page(413)

        def redirect(location: str, cookies: Headers) -> Answer:
            return self._redirect(request, location, cookies, hops + 1)

        if lookup and (headers := lookup.asks(script.filename, request.headers)) is not request.headers:
            request = replace(request, headers=headers)
        environ = self.variables(request, script, settings)
        if (
            lookup
            and lookup.passes_authorization(script.filename)
            and (given := request.get("authorization"))
        ):
            environ["HTTP_AUTHORIZATION"] = given
        if lookup and (name := lookup.client_name()):
            environ["REMOTE_HOST"] = name
        if lookup and (more := lookup.variables(script.filename)):
            environ = {**more, **environ}
        if request.env:
            environ = {**request.env, **environ}

        def instead(reply: Reply) -> Answer:
            return self._instead(request, reply, hops, lookup) if lookup else reply

        return Run(request, script.filename, settings, environ, redirect, instead)

    def variables(self, request: Request, script: Script, settings: Settings) -> dict[str, str]:
        """The CGI variables of a request for `script`, whose settings these are."""
        return environ.build(
            method=request.method,
            protocol=request.protocol,
            scheme=request.scheme,
            uri=request.uri,
            query=request.query,
            headers=request.headers,
            filename=script.filename,
            script_name=request.mount + script.script_name,
            path_info=script.path_info,
            document_root=self.settings.directory,
            server=request.server,
            client=request.client,
            length=0,
            user=request.user,
            auth_type=request.auth_type,
            pass_authorization=settings.pass_authorization,
        )

    def _redirect(self, request: Request, location: str, cookies: Headers, hops: int) -> Answer:
        """What the client gets for a local redirect: as with Apache, with the cookies set on the way."""
        raw, _, query = _quoted(location.partition("#")[0], "latin-1").partition("?")
        parts = split_mount(raw, request.mount)
        if hops > HOPS:
            log.error('more than %d local redirects "%s %s"', HOPS, request.method, plain(request.uri))
            answer: Answer = page(500)
        elif parts is None:  # beyond what we are mounted on, so only the server as a whole can answer
            answer = page(302, ("Location", location))
        else:
            answer = self.answer(request.redirected(parts[1], query), hops)
        answer.headers += cookies
        return answer

    def _instead(self, request: Request, reply: Reply, hops: int, lookup: Lookup) -> Answer:
        """What goes out for a page of ours, as ErrorDocument and Header say it."""
        path = self.access.named(request)
        answer = self._document(request, reply, path, hops, lookup)
        if isinstance(answer, Reply) and (change := lookup.changes(path)):
            answer.headers = change(answer.headers, answer.status, False, True)
        return answer

    def _document(self, request: Request, reply: Reply, path: str, hops: int, lookup: Lookup) -> Answer:
        """What goes out for an error (http_request.c, ap_die)."""
        if reply.status < 400 or request.status:  # no error, or one on the way to such a document
            return reply
        said = lookup.error_document(path, reply.status)
        about = reply.headers[2:]  # all but type and length
        if said[:1] == '"':
            return page(reply.status, *about, html=said[1:])
        if said[:1] != "/":
            return page(302, ("Location", said)) if said else reply
        raw, _, query = _quoted(said).partition("?")
        parts = split_mount(raw, request.mount)
        if parts is None or reply.status == 413:  # not ours, or the client is still sending
            return reply
        env = {**lookup.variables(path), "REQUEST_METHOD": request.method}
        inner = request.redirected(parts[1], query).after(request, reply.status, env)
        inner = replace(inner, status=reply.status)
        if reply.status == 401 and lookup.alike(path, beside := self.access.named(inner)):
            inner = replace(inner, admitted=beside)
        answer = self.answer(inner, hops + 1)
        if isinstance(answer, Reply):
            if answer.status >= 300:
                return reply
            answer.status, answer.reason = reply.status, reply.reason
        answer.headers += about
        return answer

    def _fallback(self, request: Request, route: Refusal, hops: int, lookup: Lookup) -> Answer | None:
        """What FallbackResource has for a path that leads nowhere (mod_dir, fixup_dflt)."""
        path = self.access.named(request)
        found = lookup.fallback(path) if route.status == 404 and not os.path.lexists(path) else ""
        parts = split_mount(_quoted(found), request.mount) if found else None
        if parts is None:
            return None
        return self.answer(replace(request, path=parts[1]), hops + 1) if hops < HOPS else page(500)

    def _list(self, request: Request, directory: str, lookup: Lookup | None) -> Reply:
        if not isinstance(self.router, Router):
            return page(403)
        here = self.router.named(request.path)
        if not (lookup.lists(here, self.listing) if lookup else self.listing):
            return page(403)
        try:
            title = request.mount + decode(request.path)
            names = self.router.listing(directory, lookup)
            if lookup:
                names = (name for name in names if lookup.shows(here, name))
            return listing(title, names, parent=request.path != "/")
        except OSError as error:
            log.error("%s: %s", plain(directory), error.strerror)
            return page(403)


def split_mount(raw: str, mount: str) -> tuple[str, str] | None:
    """A percent-encoded path as the part that stands for `mount` (decoded) and the rest; None if it lies
    elsewhere."""
    if not mount:
        return "", raw
    parts = raw.split("/")
    depth = mount.count("/") + 1
    prefix = "/".join(parts[:depth])
    try:
        return (prefix, raw[len(prefix) :]) if decode(prefix) == mount else None
    except ValueError:
        return None


def _quoted(url: str, encoding: str = "utf-8") -> str:
    """A URL path and query with whatever may not stand in one encoded."""
    return quote(url, safe="/%:@!$&'()*+,;=?~", encoding=encoding, errors="surrogateescape")
