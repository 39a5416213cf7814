"""What `serve` says when it starts: where, what, how, and which scripts will not run."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from typing import TypeAlias

from cgicompat import identity
from cgicompat.config import Settings
from cgicompat.survey import Survey, misplaced

_Part: TypeAlias = str | tuple[str, str]  # of a line: a text, with its style

MOST = 20  # lines of a list


def url(settings: Settings, port: int) -> str:
    """An address at which this machine reaches the server."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.bind, settings.bind)
    scheme = "https" if settings.certfile else "http"
    return f"{scheme}://[{host}]:{port}/" if ":" in host else f"{scheme}://{host}:{port}/"


def show(settings: Settings, port: int, found: Survey, ignored: Sequence[str]) -> None:
    """Prints the report to standard error. `ignored` are directives of apache_conf, by file and line."""
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, highlight=False)

    def line(*parts: _Part) -> None:
        console.print(Text.assemble(*parts), soft_wrap=True)

    def some(head: Sequence[_Part], rows: Sequence[Sequence[_Part]], more: str = "more") -> None:
        """The first rows of a list, if it has any."""
        if rows and head:
            line(*head)
        for row in rows[:MOST]:
            line("  ", *row)
        if len(rows) > MOST:
            line(f"  and {len(rows) - MOST} {more}")

    def about(path: str, says: str, what: str) -> list[_Part]:
        return [(printable(path), "yellow"), says + printable(what)]

    low, high = settings.workers
    everywhere = " and all other addresses of this machine" if settings.bind in ("0.0.0.0", "::") else ""
    address = url(settings, port)
    line("Serving ", (printable(settings.directory), "bold"), " at ", (address, "bold cyan"), everywhere)
    line(
        f"Runner {settings.runner}, {low if low == high else f'{low} to {high}'} workers, "
        f"Python {platform.python_version()}",
        f", settings of {printable(settings.config)}" if settings.config else "",
    )
    if not settings.htaccess:
        line(("Option htaccess is off: no .htaccess is obeyed, whatever it forbids.", "yellow"))
    texts = [[printable(text)] for text in ignored]
    some([f"{count(ignored, 'directive')} ignored, for Apache's own processes:"], texts)
    head = f"{count(found.refused, 'directive')} refused; nothing in their directories is served:"
    refused = [
        [f"{printable(one.file)}:{one.line}: {one.name}: {printable(one.why)}"] for one in found.refused
    ]
    some([(head, "yellow")], refused)
    if hint := misplaced(settings, found):
        line((printable(hint) + ".", "bold yellow"))
    good = [script for script in found.scripts if not script.problem]
    bad = [script for script in found.scripts if script.problem]
    if not found.scripts:
        folders = ", ".join(folder + "/" for folder in settings.cgi_bin)
        line((f"No scripts found. They belong into {folders}, or are named *.cgi.", "yellow"))
    some([f"{count(good)}:"], [[printable(script.path)] for script in good])
    doubtful = [
        about(script.path, ", perhaps not always: ", remark) for script in good for remark in script.remarks
    ]
    some([], doubtful, "such remarks more: cgicompat check shows all")
    cannot = [about(script.path, ": ", script.problem) for script in bad]
    some([(f"{count(bad)} cannot run:", "bold yellow")], cannot)
    programs = [about(script.path, ": ", script.problem) for script in found.programs]
    some([(f"{count(found.programs, 'program')} outside of the folders for scripts:", "yellow")], programs)
    if not found.complete:
        line("The directory is large; not all of it was searched.")
    if os.geteuid() == 0:
        line((identity.ROOT, "yellow"))
    if settings.console:
        line("Console: ", (f"{address}_cgicompat/", "bold cyan"))
    line("Ctrl-C ends it.")


def faults(settings: Settings, found: Survey) -> list[str]:
    """Lines about what will not work, for a log: no more than MOST, and one."""
    lines = [f"{hint}." for hint in [misplaced(settings, found)] if hint]
    lines += [
        f"{script.path} cannot run: {script.problem}"
        if script.problem
        else f"{script.path}, perhaps not always: {'; '.join(script.remarks)}"
        for script in found.scripts
        if script.problem or script.remarks
    ]
    if len(lines) > MOST:
        lines = [*lines[:MOST], f"and {len(lines) - MOST} more: cgicompat check shows all"]
    return [printable(line) for line in lines]


def count(found: Sequence[object], what: str = "script") -> str:
    """ "1 script", "2 scripts"."""
    return f"{len(found)} {what}{'s' if len(found) > 1 else ''}"


def printable(text: str) -> str:
    """File names may hold anything; a terminal must not get it."""
    return "".join(character if character.isprintable() else "?" for character in text)
