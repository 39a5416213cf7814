"""The directives RewriteRule, RewriteCond and their kin; `rewriting` has what they come to."""

from __future__ import annotations

import os
import re
import stat

from . import maps
from .merging import ADDING, FILEINFO, SERVER
from .patterns import LONGEST, expression
from .rewriting import KNOWN, Condition, Mapped, Rewrite, Rule
from .rows import Row, Scope, flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .rewriting import Template

_RULES, _CONDITIONS = 1000, 100  # in one section, of one rule
_PIECE = re.compile(r"\\(.)|([$%])(\d)|%\{([^}]*)\}|(\$\{)", re.DOTALL)

# Flags by all of their names, and whether they take a value: never, always (True), or perhaps.
_NAMES = {
    "B": "B",
    "BNP": "BNP",
    "C": "C",
    "CHAIN": "C",
    "CO": "CO",
    "COOKIE": "CO",
    "DPI": "DPI",
    "DISCARDPATH": "DPI",
    "E": "E",
    "ENV": "E",
    "END": "END",
    "F": "F",
    "FORBIDDEN": "F",
    "G": "G",
    "GONE": "G",
    "L": "L",
    "LAST": "L",
    "N": "N",
    "NEXT": "N",
    "NC": "NC",
    "NOCASE": "NC",
    "NE": "NE",
    "NOESCAPE": "NE",
    "NS": "NS",
    "NOSUBREQ": "NS",
    "PT": "PT",
    "PASSTHROUGH": "PT",
    "QSA": "QSA",
    "QSAPPEND": "QSA",
    "QSD": "QSD",
    "QSDISCARD": "QSD",
    "QSL": "QSL",
    "QSLAST": "QSL",
    "R": "R",
    "REDIRECT": "R",
    "S": "S",
    "SKIP": "S",
    "UNSAFEALLOW3F": "UNSAFEALLOW3F",
    "UNSAFEPREFIXSTAT": "UNSAFEPREFIXSTAT",
}
_STATUS = {"permanent": 301, "temp": 302, "seeother": 303}
_COMPARED = ("-eq", "-ge", "-gt", "-le", "-lt", "-ne")


def _here(scope: Scope) -> Rewrite:
    if scope.place is None:
        raise ValueError("stands in no section for files, locations or patterns: put it outside")
    key = "rewrite" if scope.place else "rewrite_server"
    found: Rewrite = scope.part.values.setdefault(key, Rewrite(scope.place))
    return found


def _engine(scope: Scope, words: list[str]) -> None:
    _here(scope).engine = flag(words[0])


def _base(scope: Scope, words: list[str]) -> None:
    if not scope.place or not words[0].startswith("/"):
        raise ValueError("takes a URL path that begins with /, and is for a directory")
    _here(scope).base = words[0]


def _options(scope: Scope, words: list[str]) -> None:
    for word in words:
        match word.lower().partition("=")[0]:
            case "inherit":
                _here(scope).inherits = "after"
            case "inheritbefore":
                _here(scope).inherits = "before"
            case "maxredirects":
                pass  # without effect in Apache, too
            case _:
                raise ValueError("Inherit and InheritBefore are known here")


def _map(scope: Scope, words: list[str]) -> None:
    assert scope.server
    scope.server.maps[words[0]] = maps.named(words[1], scope.file)


def _condition(scope: Scope, words: list[str]) -> None:
    _here(scope)
    flags = _split(words[2]) if len(words) > 2 else {}
    names = {"NOCASE": "NC", "ORNEXT": "OR", "NOVARY": "NV"}
    given = {names.get(name, name) for name in flags}
    if not given <= {"NC", "OR", "NV"}:
        raise ValueError("the flags of a condition are NC, OR and NV")
    if words[0].lower() == "expr":
        raise ValueError("expressions are not known here: write %{NAME} and a pattern")
    pattern = words[1].removeprefix("!")
    one = Condition(_template(words[0]), _check(pattern, "NC" in given), pattern != words[1], "OR" in given)
    if len(scope.conditions) >= _CONDITIONS:
        raise ValueError(f"a rule may have {_CONDITIONS} conditions")
    scope.conditions.append(one)


def _check(pattern: str, fold: bool) -> Callable[[str], re.Match[str] | bool | None]:
    """Whether a text is as a condition asks."""
    if re.fullmatch(r"-[a-zA-Z]", pattern):
        return _file(pattern[1])
    if pattern[:3] in _COMPARED:
        operator, number = pattern[1:3], int(pattern[3:].strip() or "0")
        return lambda text: getattr(_number(text), f"__{operator}__")(number) is True
    if pattern[:1] in ("<", ">", "="):
        operator = pattern[:2] if pattern[:2] in ("<=", ">=") else pattern[0]
        wanted = pattern[len(operator) :]
        wanted = "" if wanted == '""' else wanted
        name = {"<": "lt", ">": "gt", "=": "eq", "<=": "le", ">=": "ge"}[operator]
        if fold:
            return lambda text: bool(getattr(text.lower(), f"__{name}__")(wanted.lower()))
        return lambda text: bool(getattr(text, f"__{name}__")(wanted))
    return expression(pattern, re.IGNORECASE if fold else 0).search


def _number(text: str) -> int:
    match = re.match(r"\s*[+-]?\d{1,18}", text, re.ASCII)
    return int(match[0]) if match else 0


def _file(kind: str) -> Callable[[str], bool]:
    checks: dict[str, Callable[[os.stat_result], bool]] = {
        "f": lambda status: stat.S_ISREG(status.st_mode),
        "d": lambda status: stat.S_ISDIR(status.st_mode),
        "s": lambda status: stat.S_ISREG(status.st_mode) and status.st_size > 0,
        "e": lambda status: True,
        **dict.fromkeys("lLh", lambda status: stat.S_ISLNK(status.st_mode)),
        "x": lambda status: bool(status.st_mode & 0o111),
    }
    if kind in "FU":
        raise ValueError(f"-{kind} is not known here: -f asks for a file, and access is asked for afterwards")
    if kind not in checks:
        raise ValueError(f"-{kind} is not known here; known are {' '.join('-' + name for name in checks)}")
    look, check = os.lstat if kind in "lLh" else os.stat, checks[kind]

    def ask(text: str) -> bool:
        try:
            return check(look(text))
        except (OSError, ValueError):
            return False

    return ask


def _rule(scope: Scope, words: list[str]) -> None:
    rewrite = _here(scope)
    flags, variables, cookies = {}, [], []
    for name, value in (_split(words[2]) if len(words) > 2 else {}).items():
        if name in ("P", "PROXY"):
            raise ValueError("there is no proxy here: keep the server in front for that")
        if name in ("H", "HANDLER", "T", "TYPE"):
            raise ValueError(f"{name} is not known here: use AddHandler, SetHandler, AddType or ForceType")
        if name.partition("\0")[0] not in _NAMES:
            raise ValueError(f"the flag {name} is not known here; known are {', '.join(_NAMES)}")
        short = _NAMES[name.partition("\0")[0]]
        if short == "CO":
            cookies.append(_template(_cookie(value)))
        elif short == "E":
            key, _, text = value.partition(":")
            variables.append((key, _template(text)))
        else:
            flags[short] = value
    _numbers(flags)
    pattern = words[0].removeprefix("!")
    found = expression(pattern, re.IGNORECASE if "NC" in flags else 0)
    target = None if words[1] == "-" else _template(words[1])
    if len(rewrite.rules) >= _RULES:
        raise ValueError(f"there may be {_RULES} of them")
    rule = Rule(found, pattern != words[0], target, flags, variables, cookies, scope.conditions)
    rewrite.rules += (rule,)
    scope.conditions = []


def _cookie(value: str) -> str:
    if len(value.lstrip(";").split(";" if value[:1] == ";" else ":")) < 3:
        raise ValueError("CO takes a name, a value and a domain: CO=name:value:.example.org")
    return value


def _numbers(flags: dict[str, str]) -> None:
    if "F" in flags or "G" in flags:
        flags["R"] = "403" if "F" in flags else "410"
    elif "R" in flags:
        value = flags["R"] or "302"
        flags["R"] = str(_STATUS.get(value.lower(), value))
        if not (
            value.lower() in _STATUS or (value.isascii() and value.isdigit() and 300 <= int(value) < 600)
        ):
            raise ValueError("R takes a status, 300 to 599")
    if "S" in flags and not (flags["S"].isascii() and flags["S"].isdigit() and len(flags["S"]) < 6):
        raise ValueError("S takes the number of rules to skip")
    if flags.get("B"):
        raise ValueError("B takes no list of characters here")


def _split(text: str) -> dict[str, str]:
    """The flags in [a,b=c], names in upper case. Several E or CO have each a name of its own."""
    if text[:1] != "[" or text[-1:] != "]":
        raise ValueError("flags stand in brackets, without blanks: [L,R=301]")
    found = {}
    for number, one in enumerate(text[1:-1].split(",")):
        name, _, value = one.strip().partition("=")
        name = name.upper()
        found[f"{name}\0{number}" if name in ("E", "ENV", "CO", "COOKIE") else name] = value
    return found


def _template(text: str) -> Template:
    if len(text) > LONGEST:
        raise ValueError(f"a target may have {LONGEST} characters")
    template: Template = []
    position = 0
    while match := _PIECE.search(text, position):
        template.append(text[position : match.start()] + (match[1] or ""))
        position = match.end()
        if match[5]:
            position = _closing(text, position)
            template.append(_mapped(text[match.end() : position - 1]))
        elif match[2]:
            template.append((match[2], match[3]))
        elif match[4] is not None:
            name = match[4]
            if not (name.startswith(("ENV:", "HTTP:")) or name in KNOWN):
                raise ValueError(f"%{{{name}}} is not known here")
            template.append(("%{", name))
    template.append(text[position:])
    return [part for part in template if part]


def _closing(text: str, position: int) -> int:
    """Where a map's } is behind, which may have others in it."""
    depth = 1
    while depth and position < len(text):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        position += 1
    if depth:
        raise ValueError("${ has no } of its own")
    return position


def _mapped(text: str) -> Mapped:
    name, _, rest = text.partition(":")
    depth = 0
    for position, character in enumerate(rest):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == "|" and not depth:
            return Mapped(name, _template(rest[:position]), _template(rest[position + 1 :]))
    return Mapped(name, _template(rest), [])


ADDING["rewrite"] = lambda outer, inner: inner.over(outer)
ADDING["rewrite_server"] = lambda outer, inner: inner.over(outer)

ROWS = (
    Row("RewriteEngine", FILEINFO | SERVER, (1, 1), _engine, "rewrite"),
    Row("RewriteBase", FILEINFO, (1, 1), _base, "rewrite"),
    Row("RewriteOptions", FILEINFO | SERVER, (1, None), _options, "rewrite"),
    Row("RewriteCond", FILEINFO | SERVER, (2, 3), _condition, "rewrite"),
    Row("RewriteRule", FILEINFO | SERVER, (2, 3), _rule, "rewrite"),
    Row("RewriteMap", SERVER, (2, 3), _map, "rewrite"),
)
