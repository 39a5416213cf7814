"""What `serve` says when it starts: where, what, how, and which scripts will not run."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence

from cgicompat import identity
from cgicompat.config import Settings
from cgicompat.survey import Survey, misplaced

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

    def line(*parts: str | tuple[str, str]) -> None:
        console.print(Text.assemble(*parts), soft_wrap=True)

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
    if ignored:
        line(f"{count(ignored, 'directive')} ignored, for Apache's own processes:")
    for text in ignored[:MOST]:
        line("  " + printable(text))
    if len(ignored) > MOST:
        line(f"  and {len(ignored) - MOST} more")
    if found.refused:
        line(
            (
                f"{count(found.refused, 'directive')} refused; nothing in their directories is served:",
                "yellow",
            )
        )
    for one in found.refused[:MOST]:
        line(f"  {printable(one.file)}:{one.line}: {one.name}: {printable(one.why)}")
    if len(found.refused) > MOST:
        line(f"  and {len(found.refused) - MOST} more")
    if hint := misplaced(settings, found):
        line((printable(hint) + ".", "bold yellow"))
    good = [script for script in found.scripts if not script.problem]
    bad = [script for script in found.scripts if script.problem]
    if not found.scripts:
        folders = ", ".join(folder + "/" for folder in settings.cgi_bin)
        line((f"No scripts found. They belong into {folders}, or are named *.cgi.", "yellow"))
    if good:
        line(f"{count(good)}:")
    for script in good[:MOST]:
        line("  " + printable(script.path))
    if len(good) > MOST:
        line(f"  and {len(good) - MOST} more")
    doubtful = [(script.path, remark) for script in good for remark in script.remarks]
    for path, remark in doubtful[:MOST]:
        line("  ", (printable(path), "yellow"), ", perhaps not always: " + printable(remark))
    if len(doubtful) > MOST:
        line(f"  and {len(doubtful) - MOST} such remarks more: cgicompat check shows all")
    if bad:
        line((f"{count(bad)} cannot run:", "bold yellow"))
    for script in bad[:MOST]:
        line("  ", (printable(script.path), "yellow"), ": " + printable(script.problem))
    if len(bad) > MOST:
        line(f"  and {len(bad) - MOST} more")
    if found.programs:
        line((f"{count(found.programs, 'program')} outside of the folders for scripts:", "yellow"))
    for script in found.programs[:MOST]:
        line("  ", (printable(script.path), "yellow"), ": " + printable(script.problem))
    if len(found.programs) > MOST:
        line(f"  and {len(found.programs) - MOST} more")
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
