"""RewriteRule and its kin: what rules make of a URL, in a directory and in the server's files.

Source: mod_rewrite (apply_rewrite_list, apply_rewrite_rule, apply_rewrite_cond, do_expand, hook_uri2file,
hook_fixup), whose order of things this follows. `ruling` has the directives.
"""

from __future__ import annotations

import os
import re
from urllib.parse import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from .access import Facts
    from .patterns import Expression

    # Text, and what stands for some: ("$", "1"), ("%", "1"), ("%{", "name"), or what a map has.
    Template: TypeAlias = list["str | tuple[str, str] | Mapped"]
    Maps: TypeAlias = Mapping[str, Callable[[str], str]]

_MOST = 10_000  # rules that one request tries
_LONGEST = 64 * 1024  # characters that a rule may make
_ABSOLUTE = re.compile(r"(?i)(?:[a-z][a-z0-9+.-]*://|mailto:|news:)")
_UNESCAPED = "$-_.+!*'(),:;@&=/~"  # beside letters and digits (gen_test_char.c, T_OS_ESCAPE_PATH)
_PLAIN = frozenset("0123456789_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_WALK = {"REQUEST_FILENAME", "SCRIPT_FILENAME", "PATH_INFO"}


class Mapped:
    """What the map `name` has for a key, or else the default."""

    __slots__ = ("default", "key", "name")

    def __init__(self, name: str, key: Template, default: Template) -> None:
        self.name = name
        self.key = key
        self.default = default


class Condition:
    """One RewriteCond: what is looked at, and whether that is so, with the groups for %1 if there are some.
    `either` says that the next one may be met in its place."""

    __slots__ = ("check", "either", "negated", "subject")

    def __init__(
        self,
        subject: Template,
        check: Callable[[str], re.Match[str] | bool | None],
        negated: bool,
        either: bool,
    ) -> None:
        self.subject = subject
        self.check = check
        self.negated = negated
        self.either = either


class Rule:
    """One RewriteRule. `target` is None for `-`. `flags` are by their short names, with their values."""

    __slots__ = ("conditions", "cookies", "flags", "negated", "pattern", "target", "variables")

    def __init__(
        self,
        pattern: Expression,
        negated: bool,
        target: Template | None,
        flags: dict[str, str],
        variables: list[tuple[str, Template]],
        cookies: list[Template],
        conditions: list[Condition],
    ) -> None:
        self.pattern = pattern
        self.negated = negated
        self.target = target
        self.flags = flags
        self.variables = variables
        self.cookies = cookies
        self.conditions = conditions


class Rewrite:
    """What one section says: whether the engine is on (None where it does not say), RewriteBase, rules, and
    how those of the section around it are taken over. `directory` is the one it is for, "" for the server."""

    __slots__ = ("base", "directory", "engine", "inherits", "rules")

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.engine: bool | None = None
        self.base = ""
        self.rules: tuple[Rule, ...] = ()
        self.inherits = ""  # or "after" or "before"

    def over(self, outer: Rewrite) -> Rewrite:
        merged = Rewrite(self.directory)
        merged.engine = outer.engine if self.engine is None else self.engine
        merged.base = self.base or outer.base
        merged.inherits = self.inherits or outer.inherits
        match merged.inherits:
            case "after":
                merged.rules = self.rules + outer.rules
            case "before":
                merged.rules = outer.rules + self.rules
            case _:
                merged.rules = self.rules
        return merged


class Rewritten:
    """What came of it: another `url` path, decoded, with its `query`, to be answered in place; or a `status`
    with, if it is 3xx, the `location`. `over` says that no rule is to see it again."""

    __slots__ = ("location", "over", "query", "status", "url")

    def __init__(self, url: str, query: str, status: int = 0, location: str = "", over: bool = False) -> None:
        self.url = url
        self.query = query
        self.status = status
        self.location = location
        self.over = over


class _State:
    """What rules have made of a request so far."""

    def __init__(self, facts: Facts, uri: str, root: str, prefix: str, sub: bool, maps: Maps) -> None:
        self.facts = facts
        self.maps = maps
        self.uri = uri  # a file's name in a directory, else a URL path
        self.query = facts.query
        self.root = root
        self.prefix = prefix  # the directory, with a slash
        self.sub = sub
        self.status = 0
        self.changed = False
        self.bare = True  # the rule with the last word had NE
        self.over = False
        self.rule: re.Match[str] | None = None
        self.condition: re.Match[str] | None = None


def rewritten(
    rewrite: Rewrite, facts: Facts, path: str, root: str, maps: Maps, sub: bool = False
) -> Rewritten | None:
    """What the rules of a directory or, where `rewrite` has none, of the server make of `path`: a file's name
    with what follows it, below the directory `root` that is served, or a URL path. `sub` says that it is a
    try, for a file that may stand for a directory. None where it stays as it is. Raises TooLong."""
    prefix = rewrite.directory and rewrite.directory.rstrip("/") + "/"
    if not rewrite.engine or (not path.startswith(prefix) and prefix):
        return None  # a directory without its slash gets that first
    state = _State(facts, path, root, prefix, sub, maps)
    _apply(rewrite.rules, state)
    if state.status and not 300 <= state.status < 400:
        return Rewritten("", "", state.status)
    if not state.changed:
        return None
    absolute = _ABSOLUTE.match(state.uri)
    if absolute or state.status:
        return Rewritten("", "", state.status or 302, _location(rewrite, state, root))
    if not state.uri.startswith("/"):
        return Rewritten("", "", 400)
    if any(c <= " " or c == "\x7f" for c in state.query):
        return Rewritten("", "", 403)
    url = _url(rewrite, state.uri, root, facts.mount)
    if prefix and state.uri == path:  # of its query it keeps the change, if there is one
        return Rewritten("", state.query, over=state.over) if state.query != facts.query else None
    return Rewritten(url, state.query, over=state.over)


def _url(rewrite: Rewrite, uri: str, root: str, mount: str) -> str:
    """The URL path of what rules have made: a file's name, or such a path already."""
    prefix = rewrite.directory.rstrip("/") + "/"
    if rewrite.directory and rewrite.base and uri.startswith(prefix):
        return rewrite.base.rstrip("/") + "/" + uri[len(prefix) :]
    if root and (uri == root or uri.startswith(root + "/")):
        return mount + uri[len(root) :]
    return uri


def _location(rewrite: Rewrite, state: _State, root: str) -> str:
    """Where a client is sent (fully_qualify_uri, escape_absolute_uri)."""
    facts = state.facts
    uri = state.uri
    scheme, slashes, rest = uri.partition("://")
    host, slash, path = rest.partition("/") if slashes else ("", "", uri.partition(":")[2])
    start = f"{scheme}://{host}" if slashes else uri.partition(":")[0] + ":"
    path = _url(rewrite, slash + path, root, facts.mount) if start == _host(facts) else slash + path
    query = state.query
    if not state.bare:
        path = _escaped(path)
        query = query if query == facts.query else _escaped(query)
    location = start + path + ("?" + query if query else "")
    return "".join(c if c > " " and c != "\x7f" else quote(c) for c in location)


def _host(facts: Facts) -> str:
    return f"http{'s' * facts.secure}://{facts.authority or facts.server}"


def _escaped(text: str) -> str:
    return quote(text, safe=_UNESCAPED, errors="surrogateescape")


def _apply(rules: tuple[Rule, ...], state: _State) -> None:
    """apply_rewrite_list"""
    position = tried = 0
    while position < len(rules):
        rule = rules[position]
        tried += 1
        if tried > _MOST:
            state.status = 500
            return
        position += 1
        if state.sub and "NS" in rule.flags:
            continue
        if not _try(rule, state):
            while "C" in rule.flags and position < len(rules):  # the whole chain
                rule = rules[position]
                position += 1
            continue
        flags = rule.flags
        if (state.status and not 300 <= state.status < 400) or "END" in flags or "L" in flags:
            state.over = state.over or "END" in flags
            return
        if "N" in flags:
            position = 0
        elif "S" in flags:
            position += int(flags["S"])


def _try(rule: Rule, state: _State) -> bool:
    """Does a rule hold? If so, it is done (apply_rewrite_rule)."""
    subject = state.uri
    if state.prefix and subject.startswith(state.prefix):
        subject = subject[len(state.prefix) :]
    state.rule = rule.pattern.search(subject)
    if (state.rule is None) != rule.negated:
        return False
    state.condition = None
    if not _met(rule.conditions, state):
        return False
    flags = rule.flags
    new = None if rule.target is None else _expanded(rule.target, state, "B" in flags)
    for name, template in rule.variables:
        _set(state.facts, name, _expanded(template, state, False))
    for template in rule.cookies:
        _add_cookie(state.facts, _expanded(template, state, False))
    forced = int(flags.get("R", 0))
    if forced and not 300 <= forced < 400:
        state.status = forced
        return True
    if new is not None:
        if state.prefix and not _ABSOLUTE.match(new) and not new.startswith("/"):
            new = state.prefix + new
        if "?" in new and "%3f" in state.facts.line.lower() and not _asks(rule):
            state.status = 403  # what was part of a name would begin a query
            return True
        new, state.query = _split(new, state.query, flags)
        state.uri = _reduced(new, state.facts) if not forced else new
        state.changed = True
        state.bare = "NE" in flags
    if forced and state.changed:
        state.status = forced
        if not _ABSOLUTE.match(state.uri):
            state.uri = _host(state.facts) + ("" if state.uri.startswith("/") else "/") + state.uri
    return True


def _asks(rule: Rule) -> bool:
    """Has the target of a rule a query of its own, or is it allowed to get one from the URL?"""
    literal = "".join(part for part in rule.target or [] if isinstance(part, str))
    return "?" in literal or "UNSAFEALLOW3F" in rule.flags


def _split(text: str, before: str, flags: dict[str, str]) -> tuple[str, str]:
    """A target without its query, and the query (splitout_queryargs)."""
    if "QSD" in flags:
        before = ""
    cut = text.rfind("?") if "QSL" in flags else text.find("?")
    if cut < 0:
        return text, before
    query = text[cut + 1 :]
    if "QSA" in flags:
        query = "&".join(part for part in (query, before) if part)
    return text[:cut], query.removesuffix("&")


def _reduced(uri: str, facts: Facts) -> str:
    """A whole URL of this host is as good as its path (reduce_uri)."""
    match = re.match(r"(?i)(https?)://([^/]*)(.*)", uri, re.DOTALL)
    if match and match[1].lower() == f"http{'s' * facts.secure}":
        port = ":443" if facts.secure else ":80"
        if match[2].lower().removesuffix(port) == facts.authority.lower().removesuffix(port):
            return match[3] or "/"
    return uri


def _met(conditions: list[Condition], state: _State) -> bool:
    passed = False  # one of those that are joined by OR is met
    for number, one in enumerate(conditions):
        if not (number and conditions[number - 1].either):
            passed = False
        elif passed:
            continue
        found = one.check(_expanded(one.subject, state, False))
        passed = bool(found) != one.negated
        if passed and isinstance(found, re.Match):
            state.condition = found
        if not passed and not one.either:
            return False
    return True


def _expanded(template: Template, state: _State, escaped: bool) -> str:
    text = ""
    for part in template:
        if isinstance(part, str):
            text += part
            continue
        if isinstance(part, Mapped):
            find = state.maps.get(part.name)
            found = find(_expanded(part.key, state, escaped)) if find else ""
            text += found or _expanded(part.default, state, escaped)
            continue
        kind, name = part
        if kind == "%{":
            text += _variable(name, state)
        else:
            match = state.rule if kind == "$" else state.condition
            found = (match[int(name)] or "") if match and int(name) <= match.re.groups else ""
            text += _harmless(found) if escaped else found
    return text[:_LONGEST]


def _harmless(text: str) -> str:
    """Text with all but letters, digits and _ encoded (escape_backref)."""
    return "".join(
        chr(byte) if chr(byte) in _PLAIN else "+" if byte == 32 else f"%{byte:02x}"
        for byte in text.encode("utf-8", "surrogateescape")
    )


def _set(facts: Facts, name: str, value: str) -> None:
    environ = dict(facts.env)
    if name.startswith("!"):
        environ.pop(name[1:], None)
    else:
        environ[name] = value
    facts.env = environ


def _add_cookie(facts: Facts, text: str) -> None:
    """add_cookie"""
    parts = text[1:].split(";") if text[:1] == ";" else text.split(":")
    name, value, domain, minutes, path, *more = [*parts, *[""] * 6][:8]
    known = any(cookie.startswith(name + "=") for cookie in facts.cookies)
    if known or not (name and value and domain) or any(c < " " or c == "\x7f" for c in text):
        return
    cookie = f"{name}={value}; path={path or '/'}; domain={domain}"
    if number := re.match(r"-?\d{1,9}", minutes):
        import time

        when = time.gmtime(time.time() + 60 * int(number[0])) if int(number[0]) else time.gmtime(0)
        cookie += time.strftime("; expires=%a, %d-%b-%Y %H:%M:%S GMT", when) if int(number[0]) else ""
    secure, only, site = more
    cookie += "; secure" if secure.lower() in ("true", "1", "secure") else ""
    cookie += "; HttpOnly" if only.lower() in ("true", "1", "httponly") else ""
    cookie += f"; SameSite={site}" if site.lower() not in ("", "0", "false") else ""
    facts.cookies.append(cookie)


def _variable(name: str, state: _State) -> str:
    facts = state.facts
    kind, colon, rest = name.partition(":")
    if colon:
        return facts.env.get(rest, "") if kind == "ENV" else facts.header(rest.lower())
    if name in _WALK:
        file, info = _walk(state.uri) if state.prefix else (state.uri, "")
        return info if name == "PATH_INFO" else file
    match name:
        case "REQUEST_URI":
            return facts.url
        case "QUERY_STRING":
            return state.query
        case "REQUEST_METHOD":
            return facts.asked
        case "THE_REQUEST":
            return f"{facts.asked} {facts.line} {facts.protocol}"
        case "HTTPS":
            return "on" if facts.secure else "off"
        case "REQUEST_SCHEME":
            return f"http{'s' * facts.secure}"
        case "SERVER_NAME":
            return facts.host
        case "SERVER_PORT":
            return (
                facts.authority.rpartition(":")[2]
                if ":" in facts.authority
                else "443"
                if facts.secure
                else "80"
            )
        case "SERVER_PROTOCOL":
            return facts.protocol
        case "SERVER_ADDR":
            return facts.server
        case "REMOTE_ADDR" | "REMOTE_HOST":
            return facts.client
        case "REMOTE_USER":
            return facts.user
        case "DOCUMENT_ROOT":
            return state.root
        case "IS_SUBREQ":
            return "true" if state.sub else "false"
    if name.startswith("HTTP_"):
        return facts.header(name[5:].lower().replace("_", "-"))
    import time

    return time.strftime(TIMES[name])


TIMES = {
    "TIME": "%Y%m%d%H%M%S",
    "TIME_YEAR": "%Y",
    "TIME_MON": "%m",
    "TIME_DAY": "%d",
    "TIME_HOUR": "%H",
    "TIME_MIN": "%M",
    "TIME_SEC": "%S",
    "TIME_WDAY": "%w",
}
HEADERS = {"HTTP_USER_AGENT", "HTTP_REFERER", "HTTP_COOKIE", "HTTP_FORWARDED", "HTTP_HOST", "HTTP_ACCEPT"}
KNOWN = {
    *TIMES,
    *HEADERS,
    *_WALK,
    *("REQUEST_URI", "QUERY_STRING", "REQUEST_METHOD", "THE_REQUEST", "HTTPS", "REQUEST_SCHEME"),
    *("SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "SERVER_ADDR", "REMOTE_ADDR", "REMOTE_HOST"),
    *("REMOTE_USER", "DOCUMENT_ROOT", "IS_SUBREQ"),
}


def _walk(path: str) -> tuple[str, str]:
    """The file that a path names, or the first part of it that is not there, and what follows that."""
    end = 0
    while (end := path.find("/", end + 1)) > 0:
        if not os.path.isdir(path[:end]):
            return path[:end], path[end:]
    return path, ""
