"""The directives that we know, each a row of one table: where it may stand, what it takes, what it does.

A row does something, or it is refused with a message, or it says that the directive concerns Apache's own
processes and is left out. There is no fourth way: a name that is in no row is a Mistake, as in Apache. So
nothing of a configuration is passed over in silence.
"""

from __future__ import annotations

from . import (
    aliases,
    documents,
    handling,
    headers,
    others,
    reading,
    redirects,
    requiring,
    ruling,
    sections,
    types,
    variables,
)
from .merging import Part
from .reading import Mistake
from .rows import OUTSIDE, TABLE, Context, Finding, Scope, Server, obey

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

for _subject in (
    sections,
    aliases,
    requiring,
    handling,
    types,
    variables,
    redirects,
    documents,
    ruling,
    headers,
    others,
):
    TABLE.update({row.name.lower(): row for row in _subject.ROWS})

# What <IfModule> finds: the modules whose directives we have an answer for. Whoever asks for one of the
# others can do without it.
_ABSENT = {"proxy", "status", "filter", "deflate", "ssl", "actions", "negotiation", "auth_digest"}
MODULES = {row.module for row in TABLE.values()} - _ABSENT
MODULES |= {"authz_host", "authz_user", "cgi", "cgid", "mpm_event", "unixd", "http", "version"}


def htaccess(file: str, allowed: int, say: Callable[[str], None]) -> Part:
    """What one .htaccess says where `allowed` classes may stand; what is wrong makes a mistake of it."""
    context = Context()
    part = Part()
    scope = Scope(part, allowed, None, context)
    scope.place = file.rpartition("/")[0] or "/"
    try:
        obey(reading.Reader(MODULES, {}).read(file), scope)
    except Mistake as mistake:
        return Part(str(mistake))
    except OSError as error:
        return Part(f"{file}: cannot be read: {error.strerror}; make it readable, or take it away", 403)
    if context.ignored:
        say("ignored, as it concerns Apache alone: " + "; ".join(context.ignored))
    return part


def examined(file: str, allowed: int) -> list[Finding]:
    """What becomes of each directive of an .htaccess where `allowed` classes may stand."""
    findings: list[Finding] = []
    scope = Scope(Part(), allowed, None, Context(findings=findings))
    scope.place = file.rpartition("/")[0] or "/"
    try:
        obey(reading.Reader(MODULES, {}).read(file), scope)
    except Mistake as mistake:
        findings.append(found(mistake, file))
    except OSError as error:
        findings.append(Finding("refused", file, 0, "", f"cannot be read ({error.strerror}): chmod a+r it"))
    return findings


def found(mistake: Mistake, file: str) -> Finding:
    """A mistake, perhaps of a `file` as a whole, as what became of a directive."""
    return Finding("refused", mistake.file or file, mistake.line, mistake.name, mistake.why)


def server(
    file: str, defines: dict[str, str], findings: list[Finding] | None = None
) -> tuple[Server, Context]:
    """The main server that a configuration file describes, and its context. Raises Mistake; with a list of
    `findings` only for what cannot be read at all."""
    context = Context(defines, findings)
    main = Server(file)
    try:
        reader = reading.Reader(MODULES, context.defines, include=True)
        entries = reader.read(file)
        context.root = reader.root
    except OSError as error:
        raise Mistake(f"{error.filename or file}: cannot be read: {error.strerror}") from None
    obey(entries, Scope(main.part, OUTSIDE, main, context))
    return main, context
