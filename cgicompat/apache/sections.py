"""Sections for files, directories, locations, hosts and methods, and what names a server."""

from __future__ import annotations

import os
from functools import partial

from .access import ALL, Methods
from .merging import AUTHCONFIG, DIRECTORY, EVERY, FILEINFO, INDEXES, LIMIT, OPTIONS, SERVER, Part
from .patterns import search, wildcard
from .rows import ANYWHERE, OUTSIDE, Row, Scope, Server, obey, refuse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_INSIDE = EVERY | DIRECTORY  # what Apache takes in <Directory> and its like
_CLASSES = {
    "all": EVERY,
    "none": 0,
    "authconfig": AUTHCONFIG,
    "limit": LIMIT,
    "fileinfo": FILEINFO,
    "indexes": INDEXES,
    "options": OPTIONS,
}


def _files(scope: Scope, words: list[str], regular: bool = False) -> None:
    if scope.in_files:
        raise ValueError("stands in no other section for files")
    if words[0] == "~" and not regular:
        regular, words = True, words[1:]
    if len(words) != 1:
        raise ValueError("takes one name or pattern")
    section = Part()
    inner = scope.inner(section)
    inner.in_files = True
    inner.place = None
    inner.allowed = scope.allowed & ~SERVER | (DIRECTORY | EVERY if scope.server else 0)
    scope.part.files.append((search(words[0]) if regular else wildcard(words[0], path=False), section))
    obey(scope.entry.children or [], inner)


def _directory(scope: Scope, words: list[str], regular: bool = False) -> None:
    if words[0] == "~" and not regular:
        regular, words = True, words[1:]
    if len(words) != 1 or scope.server is None:
        raise ValueError("takes one path or pattern")
    named = not regular and not any(sign in words[0] for sign in "*?[")
    section = _section(scope, os.path.realpath(words[0]) if named else None)
    if regular:
        matches = search(words[0])
        # As Apache, with and without a slash at the end.
        scope.server.matching.append((lambda path: matches(path + "/") or matches(path), section))
        return
    path = os.path.normpath(words[0])
    if not path.startswith("/"):
        raise ValueError("takes an absolute path")
    depth = len([part for part in path.split("/") if part])
    scope.server.directories.append((depth, wildcard(path), section))


def _location(scope: Scope, words: list[str], regular: bool = False) -> None:
    if words[0] == "~" and not regular:
        regular, words = True, words[1:]
    if len(words) != 1 or scope.server is None:
        raise ValueError("takes one path or pattern")
    scope.server.locations.append((search(words[0]) if regular else _below(words[0]), _section(scope)))


def _below(location: str) -> Callable[[str], bool]:
    """Whether a URL path is `location` or below it."""
    if any(sign in location for sign in "*?["):
        whole = wildcard(location)
        deep = location.count("/")
        return lambda path: whole(path) or whole("/".join(path.split("/")[: deep + 1]))
    slash = location if location.endswith("/") else location + "/"
    return lambda path: path == location or path.startswith(slash)


def _section(scope: Scope, place: str | None = None) -> Part:
    section = Part()
    inner = scope.inner(section)
    inner.place = place
    inner.allowed = _INSIDE
    obey(scope.entry.children or [], inner)
    return section


def _virtual_host(scope: Scope, words: list[str]) -> None:
    assert scope.server
    entry = scope.entry
    ports = [word.rpartition(":")[2] for word in words]
    port = int(ports[0]) if ports[0].isascii() and ports[0].isdigit() else 0
    host = Server(f"{entry.file}:{entry.line}", port)
    inner = Scope(host.part, OUTSIDE, host, scope.context)
    obey(entry.children or [], inner)
    scope.server.hosts.append(host)


def _limit(scope: Scope, words: list[str], others: bool = False) -> None:
    if scope.methods is not ALL:
        raise ValueError("stands in no other <Limit>")
    inner = scope.inner()
    inner.methods = Methods(("GET" if word == "HEAD" else word for word in words), others)
    obey(scope.entry.children or [], inner)


def _override(scope: Scope, words: list[str]) -> None:
    allowed = 0
    for word in words:
        if word.lower() not in _CLASSES:
            raise ValueError(f"`{word}` is not known here; known are {', '.join(_CLASSES)}")
        allowed |= _CLASSES[word.lower()]
    scope.part.values["override"] = allowed


def _override_list(scope: Scope, words: list[str]) -> None:
    if [word.lower() for word in words] != ["none"]:
        raise ValueError("only None is known here: name classes by AllowOverride")


def _only(word: str) -> Callable[[Scope, list[str]], None]:
    """What a directive does that is always as if it said `word`."""

    def do(scope: Scope, words: list[str]) -> None:
        if words[0].lower() != word.lower():
            raise ValueError(f"only {word} is known here")

    return do


def _server_name(scope: Scope, words: list[str]) -> None:
    assert scope.server
    for word in words:
        name = word.partition("://")[2] or word
        scope.server.names.append(wildcard(name.partition(":")[0].lower(), path=False))


def _server_path(scope: Scope, words: list[str]) -> None:
    assert scope.server
    scope.server.path = words[0].rstrip("/")


def _document_root(scope: Scope, words: list[str]) -> None:
    assert scope.server
    scope.server.document_root = scope.file(words[0])


ROWS = (
    Row("Files", ANYWHERE, (1, 2), _files),
    Row("FilesMatch", ANYWHERE, (1, 1), partial(_files, regular=True)),
    Row("Directory", SERVER, (1, 2), _directory),
    Row("DirectoryMatch", SERVER, (1, 1), partial(_directory, regular=True)),
    Row("Location", SERVER, (1, 2), _location),
    Row("LocationMatch", SERVER, (1, 1), partial(_location, regular=True)),
    Row("VirtualHost", SERVER, (1, None), _virtual_host),
    Row("Limit", EVERY, (1, None), _limit),
    Row("LimitExcept", EVERY, (1, None), partial(_limit, others=True)),
    *(
        Row(name, ANYWHERE, (0, None), refuse("expressions are not known here: use other sections"))
        for name in ("If", "ElseIf", "Else")
    ),
    Row("AllowOverride", DIRECTORY, (1, None), _override),
    Row("AllowOverrideList", DIRECTORY, (1, None), _override_list),
    Row("AccessFileName", SERVER, (1, 1), _only(".htaccess")),
    Row("TraceEnable", SERVER, (1, 1), _only("Off")),
    Row("ServerName", SERVER, (1, 1), _server_name),
    Row("ServerAlias", SERVER, (1, None), _server_name),
    Row("ServerPath", SERVER, (1, 1), _server_path),
    Row("DocumentRoot", SERVER, (1, 1), _document_root),
)
