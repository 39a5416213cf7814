"""The directives that say who may have a file; `access` has what they come to."""

from __future__ import annotations

from functools import partial

from .access import ALL, Old, Requirement, requirement, sources
from .merging import ADDING, AUTHCONFIG, DIRECTORY, LIMIT
from .rows import Row, Scope, flag, obey, setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def _any(scope: Scope, words: list[str], kind: str = "any") -> None:
    section = Requirement(
        f"<{scope.entry.name}>", negated=kind == "none", together=kind == "all", methods=scope.methods
    )
    inner = scope.inner()
    inner.require = section
    obey(scope.entry.children or [], inner)
    if not section.parts:
        raise ValueError("requires nothing: put a Require into it")
    if kind != "all" and all(part.negated for part in section.parts):
        raise ValueError("has only negative requirements, which grant nothing: use <RequireAll>")
    if kind == "none" and (scope.require is None or not scope.require.together):
        raise ValueError("grants nothing: put it into <RequireAll>")
    if kind == "none" and any(part.negated for part in section.parts):
        raise ValueError("is negative already")
    _add(scope, section)


def _require(scope: Scope, words: list[str]) -> None:
    one = requirement(words, scope.methods)
    if one.negated and (scope.require is None or not scope.require.together):
        raise ValueError("a negative requirement grants nothing: put it into <RequireAll>")
    _add(scope, one)


def _add(scope: Scope, requirement: Requirement) -> None:
    section = scope.require
    if section is None:
        section = scope.part.values.setdefault("require", Requirement("<RequireAny>"))
    if len(section.parts) >= 1000:
        raise ValueError("has more than 1000 requirements")
    section.parts.append(requirement)


def _old(scope: Scope) -> Old:
    old: Old = scope.part.values.setdefault("old", Old())
    return old


def _order(scope: Scope, words: list[str]) -> None:
    order = words[0].lower()
    if order not in ("allow,deny", "deny,allow", "mutual-failure"):
        raise ValueError("takes Allow,Deny or Deny,Allow, without a blank")
    _old(scope).orders.append((scope.methods, order))


def _allow(scope: Scope, words: list[str]) -> None:
    if words[0].lower() != "from":
        raise ValueError("is followed by `from`")
    old = _old(scope)
    rules = old.allows if scope.entry.name.lower() == "allow" else old.denies
    rules += [(scope.methods, sources(word)) for word in words[1:]]


def _satisfy(scope: Scope, words: list[str]) -> None:
    if words[0].lower() not in ("all", "any"):
        raise ValueError("takes All or Any")
    _old(scope).satisfy.append((scope.methods, words[0].lower()))


def _auth_type(scope: Scope, words: list[str]) -> None:
    match words[0].lower():
        case "basic":
            scope.part.values["auth_type"] = "Basic"
        case "none":
            scope.part.values["auth_type"] = ""
        case _:
            raise ValueError("Basic and None are known here: make the passwords anew with htpasswd -B")


def _password_file(key: str) -> Callable[[Scope, list[str]], None]:
    def do(scope: Scope, words: list[str]) -> None:
        scope.part.values[key] = scope.file(words[0])

    return do


def _provider(scope: Scope, words: list[str]) -> None:
    if [word.lower() for word in words] != ["file"]:
        raise ValueError("users come from a file here: AuthBasicProvider file")


def _authoritative(scope: Scope, words: list[str]) -> None:
    if not flag(words[0]):
        raise ValueError("there is nobody else to ask for a password here: leave it On")


def _merging(scope: Scope, words: list[str]) -> None:
    if words[0].lower() != "off":
        raise ValueError("only Off is known here: say in this section all that it requires")
    scope.part.values.setdefault("require", Requirement("<RequireAny>"))


# One without a Require takes the outer one away, and grants nothing.
_CLOSED = requirement(["all", "denied"], ALL)
ADDING["require"] = lambda outer, inner: inner if inner.parts else _CLOSED

_send = setting("authz_send_forbidden", flag)

ROWS = (
    Row("RequireAny", AUTHCONFIG, (0, 0), _any, "authz_core"),
    Row("RequireAll", AUTHCONFIG, (0, 0), partial(_any, kind="all"), "authz_core"),
    Row("RequireNone", AUTHCONFIG, (0, 0), partial(_any, kind="none"), "authz_core"),
    Row("Require", AUTHCONFIG, (1, None), _require, "authz_core"),
    Row("AuthMerging", AUTHCONFIG, (1, 1), _merging, "authz_core"),
    Row("AuthzSendForbiddenOnFailure", DIRECTORY, (1, 1), _send, "authz_core"),
    Row("Order", LIMIT, (1, 1), _order, "access_compat"),
    Row("Allow", LIMIT, (2, None), _allow, "access_compat"),
    Row("Deny", LIMIT, (2, None), _allow, "access_compat"),
    Row("Satisfy", AUTHCONFIG, (1, 1), _satisfy, "access_compat"),
    Row("AuthType", AUTHCONFIG, (1, 1), _auth_type, "authn_core"),
    Row("AuthName", AUTHCONFIG, (1, 1), setting("auth_name"), "authn_core"),
    Row("AuthUserFile", AUTHCONFIG, (1, 1), _password_file("auth_user_file"), "authn_file"),
    Row("AuthGroupFile", AUTHCONFIG, (1, 1), _password_file("auth_group_file"), "authz_groupfile"),
    Row("CGIPassAuth", AUTHCONFIG, (1, 1), setting("pass_authorization", flag)),
    Row("AuthBasicProvider", AUTHCONFIG, (1, None), _provider, "auth_basic"),
    Row("AuthBasicAuthoritative", AUTHCONFIG, (1, 1), _authoritative, "auth_basic"),
)
