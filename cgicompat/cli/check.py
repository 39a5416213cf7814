"""`cgicompat check`: what a site's configuration comes to here, and which of its scripts will not run."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from cgicompat.cli import options

if TYPE_CHECKING:
    from cgicompat.survey import Finding, Survey

_SECONDS = 600.0


@click.command("check", short_help="Say what of a site is understood, and which scripts cannot run.")
@options.directory
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@options.flags("check")
def command(directory: str | None, as_json: bool, **flags: object) -> None:
    """Looks through DIR: what of Apache's configuration is understood, ignored and refused, and why scripts
    will not run. Nothing is run. Exit status 0: nothing is refused, and all scripts may run.

    \b
    cgicompat check /srv/www
    cgicompat check /srv/www --apache-conf /etc/apache2/apache2.conf --json
    """
    from cgicompat.survey import survey

    settings = options.load(directory, flags)
    found = survey(settings, _SECONDS)
    if as_json:
        json.dump(_as_json(found), sys.stdout, indent=2)
        print()
    else:
        if not settings.htaccess:
            click.echo("Option htaccess is off: no .htaccess is obeyed, whatever it forbids.")
        _show(found)
    sys.exit(0 if _fine(found) else 1)


def _fine(found: Survey) -> bool:
    return found.complete and not (found.refused or any(one.problem for one in found.scripts))


def _as_json(found: Survey) -> dict[str, object]:
    return {
        "fine": _fine(found),
        "complete": found.complete,
        "directives": [
            {"file": one.file, "line": one.line, "name": one.name, "outcome": one.kind, "reason": one.why}
            for one in found.findings
        ],
        "scripts": [
            {
                "path": one.path,
                "file": one.filename,
                "by_handler": one.handled,
                "problem": one.problem,
                "remarks": one.remarks,
            }
            for one in found.scripts
        ],
        "programs": [{"path": one.path, "file": one.filename, "hint": one.problem} for one in found.programs],
    }


def _show(found: Survey) -> None:
    from cgicompat.cli.report import count, printable

    def line(text: str, color: str | None = None, bold: bool | None = None) -> None:
        click.secho(printable(text), fg=color, bold=bold)

    files: dict[str, list[Finding]] = {}
    for finding in found.findings:
        files.setdefault(finding.file, []).append(finding)
    for file, findings in files.items():
        findings.sort(key=lambda one: one.line)
        line(file, bold=True)
        for kind in ("understood", "ignored"):
            if names := _names(findings, kind):
                line(f"  {kind}: {names}")
        for one in findings:
            if one.kind == "refused":
                where = f"line {one.line}: {one.name}: " if one.line else ""
                line(f"  refused: {where}{one.why}", "red")
    bad = [script for script in found.scripts if script.problem]
    if found.scripts:
        line(count(found.scripts), bold=True)
    for script in found.scripts:
        by = " (by its handler)" if script.handled else ""
        if script.problem:
            line(f"  {script.path}{by} cannot run: {script.problem}", "red")
        else:
            line(f"  {script.path}{by}")
        for remark in script.remarks:
            line(f"    perhaps not always: {remark}", "yellow")
    if found.programs:
        line(f"{count(found.programs, 'program')} outside of the folders for scripts", bold=True)
    for program in found.programs:
        line(f"  {program.path}: {program.problem}", "yellow")
    if not found.complete:
        line("The directory is large; not all of it was searched.", "red")
    parts = []
    if found.refused:
        parts.append(f"{count(found.refused, 'directive')} refused")
    if bad:
        parts.append(f"{count(bad)} cannot run")
    line(", ".join(parts) + "." if parts else "Nothing is refused, and nothing keeps a script from running.")


def _names(findings: list[Finding], kind: str) -> str:
    """Each directive with the lines that it is in."""
    lines: dict[str, list[str]] = {}
    for one in findings:
        if one.kind == kind:
            lines.setdefault(one.name, []).append(str(one.line))
    return ", ".join(f"{name} ({', '.join(numbers)})" for name, numbers in lines.items())
