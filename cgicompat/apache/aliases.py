"""The directives Alias and its kin, and UserDir; `places` has what they come to."""

from __future__ import annotations

import re

from .merging import SERVER
from .patterns import expression
from .places import Alias, Users
from .rows import Row, Scope
from .variables import substituted

_MOST = 100  # of one server


def _alias(scope: Scope, words: list[str], scripts: bool = False) -> None:
    path, target = words
    if not path.startswith("/"):
        raise ValueError("takes a URL path that begins with /")
    _add(scope, Alias(path, scope.file(target), scripts))


def _match(scope: Scope, words: list[str], scripts: bool = False) -> None:
    pattern, target = words[0], scope.file(words[1])
    fixed = re.split(r"[$\\&]", target, maxsplit=1)[0]
    base = fixed if fixed == target else fixed.rpartition("/")[0]
    if not base:
        raise ValueError("takes files below a directory that is spelled out, as in /srv/files/$1")
    search = expression(pattern).search

    def find(url: str) -> tuple[str, str] | None:
        match = search(url)
        file = substituted(target, match) if match else ""
        if ".." in file.split("/") or (file != base and not file.startswith(base + "/")):
            return None
        return base, file[len(base) + 1 :]

    _add(scope, Alias(pattern, base, scripts, find, key=(target,)))


def _add(scope: Scope, alias: Alias) -> None:
    assert scope.server
    if len(scope.server.aliases) >= _MOST:
        raise ValueError(f"there may be {_MOST} of them")
    scope.server.aliases.append(alias)


def _user_dir(scope: Scope, words: list[str]) -> None:
    assert scope.server
    users = scope.server.users = scope.server.users or Users()
    kind, *names = words
    match kind.lower():
        case "disabled" if names:
            users.disabled |= {*names}
        case "disabled":
            users.everybody = False
        case "enabled" if names:
            users.enabled |= {*names}
        case "enabled":
            raise ValueError("`UserDir enabled` is followed by the names of users")
        case _:
            if any("://" in word or ".." in word for word in words):
                raise ValueError("takes directories, as public_html or /home/*/www, and no URL")
            # Without a star the user's name comes last.
            places = [w if "*" in w or w[:1] != "/" else f"{w.rstrip('/')}/*" for w in words]
            if any(place.count("*") > 1 or (place[:1] != "/" and "*" in place) for place in places):
                raise ValueError("takes directories with one * for the user's name")
            users.places = tuple(place.rstrip("/") for place in places)
            if not any(one.last for one in scope.server.aliases):
                _add(scope, Alias("~", "", False, users.find, users.owner))


ROWS = (
    Row("Alias", SERVER, (2, 2), _alias, "alias"),
    Row("ScriptAlias", SERVER, (2, 2), lambda scope, words: _alias(scope, words, True), "alias"),
    Row("AliasMatch", SERVER, (2, 2), _match, "alias"),
    Row("ScriptAliasMatch", SERVER, (2, 2), lambda scope, words: _match(scope, words, True), "alias"),
    Row("UserDir", SERVER, (1, None), _user_dir, "userdir"),
)
