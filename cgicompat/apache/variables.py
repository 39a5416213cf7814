"""Variables: those that SetEnvIf takes from a request, which access may ask for, and those of SetEnv.

Sources: mod_setenvif, mod_env.
"""

from __future__ import annotations

import os
import re
from functools import partial

from .merging import ADDING, FILEINFO, SERVER
from .patterns import expression
from .rows import Row, Scope

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .access import Facts
    from .patterns import Expression

_MOST = 1000  # in one section
_OTHERS = {"remote_host", "remote_user", "ssl_protocol"}
_REFERENCE = re.compile(r"\\(.)|\$(\d)|&", re.DOTALL)


class Condition:
    """One SetEnvIf: where the pattern is found in what `attribute` says, `names` are set, or unset (None)."""

    __slots__ = ("attribute", "names", "pattern")

    def __init__(self, attribute: str, pattern: Expression, names: list[tuple[str, str | None]]) -> None:
        self.attribute = attribute
        self.pattern = pattern
        self.names = names


def evaluated(conditions: tuple[Condition, ...], facts: Facts) -> dict[str, str]:
    """The variables that conditions, in their order, set for a request."""
    environ: dict[str, str] = {}
    for one in conditions:
        text = _said(one.attribute, facts, environ)
        match = one.pattern.search(text)
        if match is None:
            continue
        for name, value in one.names:
            if value is None:
                environ.pop(name, None)
            else:
                environ[name] = substituted(value, match)
    return environ


def substituted(text: str, match: re.Match[str]) -> str:
    """`text` with $0 to $9 as what was found (ap_pregsub)."""

    def group(reference: re.Match[str]) -> str:
        if reference[1]:
            return reference[1]
        number = int(reference[2] or 0)
        return (match[number] or "") if number <= match.re.groups else ""

    return _REFERENCE.sub(group, text)


def _said(attribute: str, facts: Facts, environ: dict[str, str]) -> str:
    match attribute.lower():
        case "remote_addr":
            return facts.client
        case "server_addr":
            return facts.server
        case "request_uri":
            return facts.url
        case "request_method":
            return facts.asked
        case "request_protocol":
            return facts.protocol
    return facts.header(attribute.lower()) or environ.get(attribute, "")


def _set_env_if(scope: Scope, words: list[str], flags: int = 0, attribute: str = "") -> None:
    name, pattern, *settings = [attribute, *words] if attribute else words
    if not settings or name.lower() in _OTHERS:
        raise ValueError("takes a header or Remote_Addr, Request_URI ..., an expression and variables")
    if not re.fullmatch(r"[\w-]+", name):
        raise ValueError(f"`{name}`: expressions for names of headers are not known here")
    names = []
    for setting in settings:
        key, equals, value = setting.partition("=")
        unset = key.startswith("!")
        names.append((key.removeprefix("!"), None if unset else value if equals else "1"))
    here = scope.part.values.get("set_env_if", ())
    if len(here) >= _MOST:
        raise ValueError(f"there may be {_MOST} of them")
    scope.part.values["set_env_if"] = (*here, Condition(name, expression(pattern, flags), names))


def _set_env(scope: Scope, words: list[str]) -> None:
    _environment(scope)[words[0]] = words[1] if len(words) > 1 else ""


def _server_admin(scope: Scope, words: list[str]) -> None:
    _environment(scope)["SERVER_ADMIN"] = words[0]


def _pass_env(scope: Scope, words: list[str]) -> None:
    for name in words:
        if name in os.environ:
            _environment(scope)[name] = os.environ[name]


def _unset_env(scope: Scope, words: list[str]) -> None:
    _environment(scope).update(dict.fromkeys(words))


def _environment(scope: Scope) -> dict[str, str | None]:
    environ: dict[str, str | None] = scope.part.values.setdefault("env", {})
    return environ


ADDING["set_env_if"] = lambda outer, inner: (*outer, *inner)
ADDING["env"] = lambda outer, inner: {**outer, **inner}

_agent = partial(_set_env_if, attribute="User-Agent")

ROWS = (
    Row("SetEnvIf", FILEINFO, (3, None), _set_env_if, "setenvif"),
    Row("SetEnvIfNoCase", FILEINFO, (3, None), partial(_set_env_if, flags=re.IGNORECASE), "setenvif"),
    Row("BrowserMatch", FILEINFO, (2, None), _agent, "setenvif"),
    Row("BrowserMatchNoCase", FILEINFO, (2, None), partial(_agent, flags=re.IGNORECASE), "setenvif"),
    Row("SetEnv", FILEINFO, (1, 2), _set_env, "env"),
    Row("UnsetEnv", FILEINFO, (1, None), _unset_env, "env"),
    Row("PassEnv", FILEINFO, (1, None), _pass_env, "env"),
    Row("ServerAdmin", SERVER, (1, 1), _server_admin),
)
