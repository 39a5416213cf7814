"""What a directive is to us, and how a tree of them is obeyed."""

from __future__ import annotations

import os

from . import reading
from .access import ALL, Methods, Requirement
from .merging import EVERY, FILEINFO, INDEXES, OPTIONS, SERVER, Part
from .reading import Directive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from .places import Alias, Users
    from .rewriting import Condition

ANYWHERE = EVERY | SERVER
OUTSIDE = SERVER | FILEINFO | INDEXES | OPTIONS  # what Apache takes outside of sections

TABLE: dict[str, Row] = {}  # by names in lower case; `directives` fills it


class Scope:
    """Where a directive is obeyed: the part that it adds to, what is allowed there, and the sections around.

    `server` is None in an .htaccess. `base` is what relative file names start from: ServerRoot.
    """

    def __init__(self, part: Part, allowed: int, server: Server | None, context: Context) -> None:
        self.part = part
        self.allowed = allowed
        self.server = server
        self.context = context
        self.entry: Directive
        self.methods: Methods = ALL
        self.require: Requirement | None = None  # the section of requirements that we are in
        self.in_files = False
        self.place: str | None = ""  # the directory, "" outside of any; None where a name alone is none
        self.conditions: list[Condition] = []  # for the next RewriteRule

    def words(self) -> list[str]:
        return reading.words(self.entry.text, self.context.defines)

    def inner(self, part: Part | None = None) -> Scope:
        scope = Scope(part or self.part, self.allowed, self.server, self.context)
        scope.methods, scope.require, scope.in_files = self.methods, self.require, self.in_files
        scope.place = self.place
        return scope

    def file(self, name: str) -> str:
        return os.path.join(self.context.root, name)


class Finding:
    """What became of a directive: it is `understood`, `ignored`, or `refused`, with the reason and what to do
    about it. `line` is 0 where that is said of a file as a whole."""

    __slots__ = ("file", "kind", "line", "name", "why")

    def __init__(self, kind: str, file: str, line: int, name: str, why: str = "") -> None:
        self.kind = kind
        self.file = file
        self.line = line
        self.name = name
        self.why = why


class Context:
    """What all of one configuration share: names for ${NAME}, ServerRoot, and what was left out: the lines
    of `ignored`. With a list of `findings` what became of each directive is added there, and no mistake ends
    it."""

    def __init__(self, defines: dict[str, str] | None = None, findings: list[Finding] | None = None) -> None:
        self.defines = defines or {}
        self.root = "/"
        self.ignored: list[str] = []
        self.findings = findings

    def note(self, kind: str, entry: Directive, why: str = "") -> None:
        if self.findings is not None:
            self.findings.append(Finding(kind, entry.file, entry.line, entry.title, why))
        elif kind == "refused":
            raise entry.mistake(why)


class Server:
    """The main server or a VirtualHost: its names, and its sections in order. A section of `directories` has
    the number of its path's parts, one of `matching` is for a regular expression."""

    def __init__(self, line: str = "", port: int = 0) -> None:
        self.line = line  # where it is said
        self.port = port
        self.names: list[Callable[[str], bool]] = []
        self.document_root = ""
        self.path = ""  # ServerPath: whose URLs are its, where a request names no host
        self.served = True  # its DocumentRoot is the directory that we serve
        self.part = Part()
        self.directories: list[tuple[int, Callable[[str], bool], Part]] = []
        self.matching: list[tuple[Callable[[str], bool], Part]] = []
        self.locations: list[tuple[Callable[[str], bool], Part]] = []
        self.hosts: list[Server] = []
        self.aliases: list[Alias] = []
        self.maps: dict[str, Callable[[str], str]] = {}  # those of RewriteMap
        self.users: Users | None = None  # what UserDir says, in whatever way


class Row:
    """One directive. `high` is None where it takes any number of words; `do` is called with them."""

    __slots__ = ("do", "high", "low", "module", "name", "where")

    def __init__(
        self,
        name: str,
        where: int,
        words: tuple[int, int | None],
        do: Callable[[Scope, list[str]], None],
        module: str = "core",
    ) -> None:
        self.name = name
        self.where = where
        self.low, self.high = words
        self.do = do
        self.module = module


def obey(entries: Iterable[Directive], scope: Scope) -> None:
    """Does what directives say. Raises Mistake."""
    context = scope.context
    for entry in entries:
        scope.entry = entry
        ignored = len(context.ignored)
        try:
            _obey_one(entry, scope)
        except ValueError as error:
            why = str(error)
        else:
            left_out = entry.children is None and len(context.ignored) > ignored
            context.note("ignored" if left_out else "understood", entry)
            continue
        context.note("refused", entry, why)


def _obey_one(entry: Directive, scope: Scope) -> None:
    """Raises ValueError that says what is wrong."""
    row = TABLE.get(entry.name.lower())
    if row is None:
        raise ValueError(_unknown(entry.name))
    if not row.where & scope.allowed:
        if row.do is leave_out and scope.server:
            row.do(scope, [])
            return
        raise ValueError("not allowed here" + ("" if scope.server else " (see AllowOverride)"))
    given = scope.words()
    if len(given) < row.low or (row.high is not None and len(given) > row.high):
        raise ValueError(_takes(row))
    row.do(scope, given)


def _unknown(name: str) -> str:
    if name.lower().startswith(("php_", "php5_", "php7_", "php8_", "suphp_")):
        return "this is for PHP, which does not run here: take it out, or put it into <IfModule mod_php.c>"
    return "not known here: take it out, put it into <IfModule> of its module, or correct its name"


def _takes(row: Row) -> str:
    if row.low == row.high:
        return f"takes {row.low or 'no'} argument{'s' * (row.low != 1)}"
    return f"takes {row.low} to {row.high} arguments" if row.high else f"takes {row.low} or more arguments"


def flag(word: str) -> bool:
    """On or Off. Raises ValueError."""
    if word.lower() not in ("on", "off"):
        raise ValueError("takes On or Off")
    return word.lower() == "on"


def leave_out(scope: Scope, words: list[str]) -> None:
    entry = scope.entry
    scope.context.ignored.append(f"{entry.file}:{entry.line}: {entry.name}")


def refuse(message: str) -> Callable[[Scope, list[str]], None]:
    def refuse_it(scope: Scope, words: list[str]) -> None:
        raise ValueError(message)

    return refuse_it


def setting(key: str, value: Callable[[str], Any] = str) -> Callable[[Scope, list[str]], None]:
    """What a directive with one word does whose value is `key` of the part."""

    def do(scope: Scope, words: list[str]) -> None:
        scope.part.values[key] = value(words[0])

    return do
