"""Headers that a configuration changes: Header, RequestHeader, Expires and FileETag.

Sources: mod_headers (do_headers_fixup), mod_expires (set_expiration_fields). As in Apache there are two
tables: one for answers as they should be, and `always` another, which goes out with errors too. What a script
prints is in the second (util_script.c), but for a few names.
"""

from __future__ import annotations

import re
import time
from functools import partial

from .merging import ADDING, FILEINFO, INDEXES, SERVER
from .patterns import expression
from .rows import Row, Scope, flag, leave_out
from .variables import substituted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import TypeAlias

    from .merging import Values

    Headers: TypeAlias = list[tuple[str, str]]

_MOST = 1000  # in one section
_FIRST = {"content-type", "content-length", "content-range", "last-modified", "location"}
_ACTIONS = ("set", "setifempty", "append", "merge", "add", "unset", "edit", "edit*")
_UNITS = {"year": 31536000, "month": 2592000, "week": 604800, "day": 86400, "hour": 3600, "minute": 60}
_UNITS["second"] = 1
_NAME = re.compile(r"[\w!#$&'*+.^`|~-]+", re.ASCII)
_FILTERS = {"NONE", "DEFLATE", "INFLATE", "BROTLI_COMPRESS"}
_FORMAT = re.compile(r"%(?:\{([^}]*)\}e|([%tD])|.)", re.DOTALL)


class Change:
    """One Header: does `action` to the header `name`. With `condition` only where that variable is there, or
    with a ! is not."""

    __slots__ = ("action", "always", "condition", "name", "replace", "value")

    def __init__(
        self,
        action: str,
        name: str,
        value: str,
        condition: str,
        always: bool,
        replace: Callable[[str], str] | None = None,
    ) -> None:
        self.action = action
        self.name = name
        self.value = value
        self.condition = condition
        self.always = always
        self.replace = replace

    def do(self, headers: Headers, environ: Mapping[str, str], begun: float) -> Headers:
        """The headers, changed."""
        absent, variable = self.condition[:1] == "!", self.condition.removeprefix("!")
        if variable and (variable in environ) == absent:
            return headers
        name = self.name.lower()
        there = [value for key, value in headers if key.lower() == name]
        others = [(key, value) for key, value in headers if key.lower() != name]
        value = _filled(self.value, environ, begun)
        match self.action:
            case "unset":
                return others
            case "edit" | "edit*":
                change = self.replace
                return [(k, change(v)) if change and k.lower() == name else (k, v) for k, v in headers]
            case "add":
                return [*headers, (self.name, value)]
            case "setifempty" if there:
                return headers
            case "merge" if value in [one.strip() for text in there for one in text.split(",")]:
                return headers
            case "append" | "merge" if there:
                return [*others, (self.name, ", ".join([*there, value]))]
        return [*others, (self.name, value)]


def changed(
    values: Values,
    headers: Headers,
    environ: Mapping[str, str],
    status: int,
    page: bool,
    said: Headers | None,
) -> Headers:
    """The headers of an answer as the configuration wants them; `page` says that it is one of the server's
    own for a `status`, not what was asked for. `said` are those that a script's name brings (types.coded),
    None where it is no script's answer."""
    begun = time.time()
    script = said is not None
    late = [one for one in headers if script and one[0].lower() not in _FIRST]
    early = [one for one in headers if one not in late]
    failed = page and status >= 300
    if values.get("etag") is False and not script:
        early = [one for one in early if one[0].lower() != "etag"]
    if "early_headers" in values:
        first: dict[bool, Headers] = {True: [], False: []}
        for one in values["early_headers"]:
            first[one.always] = one.do(first[one.always], {}, begun)
        late = _added(late, first[True])
        known = {name.lower() for name, _ in early}
        early = early + [one for one in first[False] if not failed and one[0].lower() not in known]
    if not failed and status < 400 and values.get("expires_active"):
        early, late = _expiring(values, early, late, begun)
    for one in values.get("headers", ()):
        if one.always:
            late = one.do(late, environ, begun)
        elif not failed:
            early = one.do(early, environ, begun)
    if script and (charset := values.get("default_charset")):
        early = [(name, _with_charset(name, text, charset)) for name, text in early]
    if said:
        names = {name.lower() for name, _ in said}
        late = [one for one in late if one[0].lower() not in names]
        early = [one for one in early if one[0].lower() not in names] + said
    return late + early


def _added(headers: Headers, first: Headers) -> Headers:
    """What a script prints, where there are the headers of `first` already (APR_OVERLAP_TABLES_MERGE)."""
    joined = [
        (name, ", ".join([text, *(more for key, more in headers if key.lower() == name.lower())]))
        for name, text in first
    ]
    names = {name.lower() for name, _ in first}
    return joined + [one for one in headers if one[0].lower() not in names]


def _with_charset(name: str, text: str, charset: str) -> str:
    """A Content-Type as a script says it, with AddDefaultCharset (server/core.c, ap_make_content_type)."""
    kind = text.partition(";")[0].strip().lower()
    needed = name.lower() == "content-type" and kind in ("text/html", "text/plain")
    return text if not needed or "charset=" in text.lower() else f"{text}; charset={charset}"


def asked(changes: Iterable[Change], headers: Headers, environ: Mapping[str, str]) -> Headers:
    """The headers of a request as RequestHeader wants them."""
    for one in changes:
        headers = one.do(headers, environ, time.time())
    return headers


def _expiring(values: Values, early: Headers, late: Headers, now: float) -> tuple[Headers, Headers]:
    known = {key.lower(): value for key, value in early + late}
    kind = known.get("content-type", "").partition(";")[0].strip().lower()
    by_type = values.get("expires_types", {})
    rule = by_type.get(kind) or by_type.get(kind.partition("/")[0] + "/*") or values.get("expires_default")
    if not rule or "expires" in known:
        return early, late
    base, seconds = rule
    from email.utils import formatdate, parsedate_to_datetime

    start = now
    if base == "m":
        if "last-modified" not in known:
            return early, late
        start = parsedate_to_datetime(known["last-modified"]).timestamp()
    age = max(int(start + seconds - now), 0)
    early = Change("append", "Cache-Control", f"max-age={age}", "", False).do(early, {}, now)
    return [*early, ("Expires", formatdate(max(start + seconds, now), usegmt=True))], late


def _filled(text: str, environ: Mapping[str, str], begun: float) -> str:
    if "%" not in text:
        return text

    def part(match: re.Match[str]) -> str:
        if match[1] is not None:
            value = environ.get(match[1], "(null)")
            return "".join(c if c.isprintable() else " " for c in value)
        return {"%": "%", "t": f"t={int(begun * 1e6)}", "D": "D=0"}[match[2]]

    return _FORMAT.sub(part, text)


def _header(scope: Scope, words: list[str], key: str = "headers") -> None:
    always = words[0].lower() == "always"
    if words[0].lower() in ("always", "onsuccess") and key == "headers":
        words = words[1:]
    action, name, *rest = [*words, "", ""][: max(len(words), 2)]
    action, name = action.lower(), name.removesuffix(":")
    if action not in _ACTIONS:
        raise ValueError(f"`{action}` is not known here; known are {', '.join(_ACTIONS)}")
    if not _NAME.fullmatch(name) or name.lower() in ("content-length", "transfer-encoding"):
        raise ValueError("takes the name of a header, and none of those for lengths")
    takes = 0 if action == "unset" else 2 if action.startswith("edit") else 1
    values, more = rest[:takes], rest[takes:]
    condition = more.pop(0)[4:] if more and more[0].lower().startswith("env=") else ""
    if more and more[0].lower() == "early" and not condition:
        if not scope.allowed & SERVER:  # where Apache takes it, too, and never looks at it
            leave_out(scope, words)
            return
        if key == "request_headers" and name.lower() == "host":
            raise ValueError("the virtual host is chosen before that: take `early` out")
        more.pop(0)
        key = f"early_{key}"
    if any(word.lower().startswith("expr=") for word in rest):
        raise ValueError("expressions are not known here: write SetEnvIf, and env=NAME")
    if len(values) < takes or more:
        raise ValueError(
            f"`{action}` is followed by a name and {takes} values, and perhaps env=NAME or early"
        )
    replace = _replacing(values[0], values[1], action == "edit*") if takes == 2 else None
    value = values[0] if takes == 1 else ""
    if not all(one.isprintable() for one in values):
        raise ValueError("a header has only printable characters")
    if any(found[1] is None and found[2] is None for found in _FORMAT.finditer(value)):
        raise ValueError("in a value %t, %D, %{NAME}e and %% are known here")
    here = scope.part.values.get(key, ())
    if len(here) >= _MOST:
        raise ValueError(f"there may be {_MOST} of them")
    scope.part.values[key] = (*here, Change(action, name, value, condition, always, replace))


def _replacing(pattern: str, target: str, everywhere: bool) -> Callable[[str], str]:
    search = expression(pattern).search

    def replace(text: str) -> str:
        done = ""
        while match := search(text):
            done += text[: match.start()] + substituted(target, match)
            text = text[match.end() :]
            if not everywhere or not match[0]:
                break
        return done + text

    return replace


def _time(words: list[str]) -> tuple[str, int]:
    """From what, "a" (access) or "m" (modification), and how many seconds (mod_expires, check_code)."""
    text = " ".join(words).lower()
    if match := re.fullmatch(r"([am])(\d{1,10})", text, re.ASCII):
        return match[1], int(match[2])
    base, *rest = text.split()
    if base not in ("access", "now", "modification"):
        raise ValueError("takes `access plus 1 month` and the like, or A and seconds")
    rest = rest[1:] if rest[:1] == ["plus"] else rest
    seconds = 0
    if not rest or len(rest) % 2:
        raise ValueError("takes numbers with years, months, weeks, days, hours, minutes or seconds")
    for number, unit in zip(rest[::2], rest[1::2], strict=True):
        known = unit.removesuffix("s") in _UNITS and len(number) < 10
        if not (known and number.isascii() and number.isdigit()):
            raise ValueError("takes numbers with years, months, weeks, days, hours, minutes or seconds")
        seconds += int(number) * _UNITS[unit.removesuffix("s")]
    return base[0].replace("n", "a"), seconds


def _expires_active(scope: Scope, words: list[str]) -> None:
    scope.part.values["expires_active"] = flag(words[0])


def _expires_default(scope: Scope, words: list[str]) -> None:
    scope.part.values["expires_default"] = _time(words)


def _expires_type(scope: Scope, words: list[str]) -> None:
    scope.part.values.setdefault("expires_types", {})[words[0].lower()] = _time(words[1:])


def _etag(scope: Scope, words: list[str]) -> None:
    names = {word.lstrip("+-").lower() for word in words}
    if not names <= {"none", "all", "inode", "mtime", "size", "digest"}:
        raise ValueError("takes None, All, INode, MTime and Size")
    scope.part.values["etag"] = names != {"none"}


def _filter(scope: Scope, words: list[str]) -> None:
    if words[0].upper() == "INCLUDES" and len(words) > 1:
        here = scope.part.values.get("includes", frozenset())
        scope.part.values["includes"] = here | {ending.lower().removeprefix(".") for ending in words[1:]}
    elif {one.upper() for one in words[0].split(";")} <= _FILTERS:
        leave_out(scope, words)
    else:
        raise ValueError(
            "of filters DEFLATE is known here, which the server in front is left to: take it out"
        )


def _filter_types(scope: Scope, words: list[str]) -> None:
    _filter(scope, words[:1])


for _key in ("headers", "request_headers", "early_headers", "early_request_headers"):
    ADDING[_key] = lambda outer, inner: (*outer, *inner)
ADDING["expires_types"] = lambda outer, inner: {**outer, **inner}

_WHERE = FILEINFO | SERVER
ROWS = (
    Row("Header", _WHERE, (2, None), _header, "headers"),
    Row("RequestHeader", _WHERE, (2, None), partial(_header, key="request_headers"), "headers"),
    Row("ExpiresActive", INDEXES | SERVER, (1, 1), _expires_active, "expires"),
    Row("ExpiresDefault", INDEXES | SERVER, (1, None), _expires_default, "expires"),
    Row("ExpiresByType", INDEXES | SERVER, (2, None), _expires_type, "expires"),
    Row("FileETag", _WHERE, (1, None), _etag),
    Row("SetOutputFilter", _WHERE, (1, 1), _filter),
    Row("AddOutputFilter", _WHERE, (2, None), _filter, "mime"),
    Row("RemoveOutputFilter", _WHERE, (1, None), leave_out, "mime"),
    Row("AddOutputFilterByType", _WHERE, (2, None), _filter_types, "filter"),
    *(
        Row(name, _WHERE, (1, None), leave_out, "deflate")
        for name in (
            "DeflateCompressionLevel",
            "DeflateMemLevel",
            "DeflateWindowSize",
            "DeflateBufferSize",
            "DeflateFilterNote",
            "DeflateAlterETag",
        )
    ),
)
