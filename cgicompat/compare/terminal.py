"""A comparison on the terminal: a table, then what there is to say in words."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from cgicompat.compare.engine import Progress as Tell
from cgicompat.compare.report import DIFFERS, SAME, Report, ScriptReport
from cgicompat.guards.change import SPENT, WITH_MEMORY

STYLES = {SAME: "green", DIFFERS: "bold red"}
_OTHER = "yellow"


@contextmanager
def progress() -> Iterator[Tell]:
    """A bar on stderr, where that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", table_column=None), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("")

        def tell(done: int, total: int, what: str) -> None:
            bar.update(task, completed=done, total=total, description=printable(what)[:60])

        yield tell


def show(report: Report) -> None:
    """Prints the table and the words to standard output."""
    console = Console(highlight=False, soft_wrap=True)
    runners = [name for name in ("cgi", "fork", "cgihandler") if name in _runners(report)]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("script", overflow="fold")
    table.add_column("verdict", no_wrap=True)
    for name in ("reference", *runners):
        table.add_column(name, justify="right", no_wrap=True)
    for script in report.scripts:
        table.add_row(
            printable(script.path),
            Text(script.verdict.partition(":")[0].partition(";")[0], _style(script)),
            *(_time(script, name) for name in ("reference", *runners)),
        )
    console.print(table)
    if len(report.scripts) == 1:
        console.print()
        console.print(_times(report.scripts[0]))
    for script in report.scripts:
        lines = [] if script.same else [Text(printable(script.verdict))]
        lines += [Text(printable(remark), "dim") for remark in script.remarks]
        lines += [
            Text(f"the audit found {printable(str(leak))}")
            for leak in script.leaks
            if leak.fate in (SPENT, WITH_MEMORY)
        ]
        if lines:
            console.print()
            console.print(Text(printable(script.path), "bold"))
            for line in lines:
                console.print(Text("  ").append(line))
            if script.best and not script.same:
                section = script.section.splitlines()
                console.print(Text("  In cgicompat.toml:  " + "  ".join(section), "cyan"))
    console.print()
    for remark in report.remarks:
        console.print(Text(printable(remark), "dim"))
    same = sum(script.same for script in report.scripts)
    count = len(report.scripts)
    console.print(
        f"{same} of {count} script{'s' if count > 1 else ''} the same everywhere. "
        f"Reference: {printable(report.reference)}. {report.seconds:.1f} s."
    )


def _times(script: ScriptReport) -> Table:
    """All that was measured."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("runner")
    for name in ("median", "shortest", "longest", "CPU", "memory"):
        table.add_column(name, justify="right")
    for case in script.cases:
        for runner in ("reference", *script.runners):
            if times := case.times(runner):
                seconds = (times.median, times.least, times.most, times.cpu)
                label = runner if len(script.cases) == 1 else f"{runner}, {printable(case.case.name)}"
                table.add_row(label, *map(duration, seconds), memory(times.peak))
    return table


def memory(size: int) -> str:
    """Bytes for people; nothing where they are not known."""
    return f"{size / (1 << 20):.1f} MB" if size else ""


def duration(seconds: float) -> str:
    """Seconds for people."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"


def printable(text: str) -> str:
    """Scripts may print anything; a terminal must not get it."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _runners(report: Report) -> set[str]:
    return {name for script in report.scripts for name in script.runners}


def _style(script: ScriptReport) -> str:
    return STYLES.get(script.state_of_all, _OTHER)


def _time(script: ScriptReport, runner: str) -> Text:
    if runner != "reference" and runner not in script.runners:
        return Text("-", "dim")
    seconds = sum(times.median for case in script.cases if (times := case.times(runner)))
    style = "" if runner == "reference" else STYLES.get(script.state(runner), _OTHER)
    return Text(duration(seconds), style)
