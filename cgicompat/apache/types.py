"""What a file that is sent is said to be: Content-Type, Content-Encoding, Content-Language.

Source: mod_mime (find_ct) and server/core.c (ForceType, AddDefaultCharset).
"""

from __future__ import annotations

from .merging import ADDING, FILEINFO
from .rows import Row, Scope

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .merging import Values

_KINDS = ("type", "charset", "encoding", "language")
_UNKNOWN = "application/octet-stream"
_MOST = 1000  # endings in one section


def headers(values: Values, name: str, guess: Callable[[str], str]) -> list[tuple[str, str]]:
    """The headers of a file called `name`; Content-Type is the first of them. `guess` knows the type that a
    name has elsewhere."""
    endings = name.lower().split(".")[1:]
    content = values.get("force_type") or _type(values.get("types", {}), name, endings, guess)
    charset = _told(values, "charset", endings)
    default = values.get("default_charset", "")
    if charset and "charset=" not in content:
        content += f"; charset={charset[-1]}"
    elif default and content in ("text/html", "text/plain"):
        content += f"; charset={default}"
    return [("Content-Type", content), *coded(values, name)]


def coded(values: Values, name: str) -> list[tuple[str, str]]:
    """The headers that name encodings and language by a file's name, that of a script too."""
    endings = name.lower().split(".")[1:]
    encodings, languages = _told(values, "encoding", endings), _told(values, "language", endings)
    result = [("Content-Encoding", ", ".join(encodings))] if encodings else []
    return [*result, ("Content-Language", languages[-1])] if languages else result


def _told(values: Values, kind: str, endings: list[str]) -> list[str]:
    known = values.get(kind + "s")
    return [known[ending] for ending in endings if known.get(ending)] if known else []


def _type(types: dict[str, str], name: str, endings: list[str], guess: Callable[[str], str]) -> str:
    """That of the last ending that has one."""
    for ending in reversed(endings):
        kind = types[ending] if ending in types else guess("x." + ending)
        if kind and kind != _UNKNOWN:
            return kind
    return guess(name.partition(".")[0])


def _printable(text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        raise ValueError("a header has only printable ASCII characters")
    return text


def _add(key: str) -> Callable[[Scope, list[str]], None]:
    def add(scope: Scope, words: list[str]) -> None:
        value = _printable(words[0])
        if key == "types" and (
            "/" not in value or "httpd-php" in value or value == "text/x-server-parsed-html"
        ):
            raise ValueError(f"`{value}` is no type of a file that is sent: take it out")
        _put(scope, key, words[1:], value)

    return add


def _remove(key: str) -> Callable[[Scope, list[str]], None]:
    return lambda scope, words: _put(scope, key, words, "")


def _put(scope: Scope, key: str, endings: list[str], value: str) -> None:
    known = scope.part.values.setdefault(key, {})
    known |= {ending.lower().removeprefix("."): value for ending in endings}
    if len(known) > _MOST:
        raise ValueError(f"there may be {_MOST} endings")


def _force(scope: Scope, words: list[str]) -> None:
    value = _printable(words[0])
    scope.part.values["force_type"] = "" if value.lower() == "none" else value


def _default_charset(scope: Scope, words: list[str]) -> None:
    value = {"on": "iso-8859-1", "off": ""}.get(words[0].lower(), _printable(words[0]))
    scope.part.values["default_charset"] = value


for _kind in _KINDS:
    ADDING[_kind + "s"] = lambda outer, inner: {**outer, **inner}

ROWS = (
    *(
        row
        for kind in _KINDS
        for row in (
            Row(f"Add{kind.title()}", FILEINFO, (2, None), _add(kind + "s"), "mime"),
            Row(f"Remove{kind.title()}", FILEINFO, (1, None), _remove(kind + "s"), "mime"),
        )
    ),
    Row("ForceType", FILEINFO, (1, 1), _force),
    Row("AddDefaultCharset", FILEINFO, (1, 1), _default_charset),
)
