"""`cgicompat compare`: the same requests through plain CGI and our runners, side by side.

What is asked is worked out here, what is found goes to the terminal or into files; the comparison itself is
cgicompat.compare's.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import click

from cgicompat import config
from cgicompat.cli import options
from cgicompat.cli.request import Asked, find, place, request_options, root_of

if TYPE_CHECKING:
    from cgicompat.compare.case import Case
    from cgicompat.compare.report import Report
    from cgicompat.config import Settings
    from cgicompat.recordings.recording import Recording

_MOST = 5  # remarks


def _size(ctx: click.Context, parameter: click.Parameter, value: str) -> int:
    try:
        return config.size(value)
    except ValueError:
        raise click.BadParameter(
            f"{value!r}: allowed is a number of bytes, or one with K, M, G or T"
        ) from None


def _runners(ctx: click.Context, parameter: click.Parameter, value: str) -> tuple[str, ...]:
    names = tuple(filter(None, value.split(",")))
    if not {*names} <= {"cgi", "fork", "cgihandler"}:
        raise click.BadParameter(f"{value!r}: allowed are cgi, fork and cgihandler, with commas between")
    return names


@click.command("compare", short_help="Compare plain CGI with the other runners.")
@click.argument("targets", metavar="[SCRIPT[/PATH_INFO]|DIR]...", nargs=-1, type=click.Path())
@request_options
@click.option("--requests", metavar="FILE|DIR", type=click.Path(), help="Ask these recorded requests alone.")
@click.option("--all", "ask_all", is_flag=True, help="With --requests: ask scripts without any a plain GET.")
@click.option(
    "--runners",
    default="",
    metavar="NAME,...",
    callback=_runners,
    help="Runners to judge.  [default: fork,cgihandler; with another reference cgi too]",
)
@click.option(
    "--repeat",
    default=3,
    show_default=True,
    type=click.IntRange(2),
    metavar="N",
    help="Runs of each request under each runner.",
)
@click.option(
    "--reference",
    metavar="PROGRAM",
    default="",
    help="Interpreter of the reference: python2.7, say; or cgicompat, for its cgi runner.",
)
@click.option("--reference-url", metavar="URL", default="", help="A live server as the reference.")
@click.option("--unsafe", is_flag=True, help="Send the live server more than GET and HEAD.")
@click.option(
    "--original",
    metavar="FILE|DIR",
    type=click.Path(exists=True),
    help="What the reference runs instead: the script, or the directory, before it was changed.",
)
@click.option("--ignore", metavar="REGEX", multiple=True, help="Lines that do not count. May be repeated.")
@click.option("--in-place", is_flag=True, help="Run the scripts on the files themselves, not on copies.")
@click.option(
    "--copy-limit", metavar="SIZE", default="1G", show_default=True, callback=_size, help="Largest copy."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--junit", metavar="FILE", type=click.Path(), help="Write it as JUnit XML.")
@click.option("--html", metavar="FILE", type=click.Path(), help="Write it as one page of HTML.")
@click.option("--write-config", is_flag=True, help="Write the fastest safe runners into cgicompat.toml.")
@click.option(
    "--directory",
    metavar="DIR",
    type=click.Path(),
    help="The directory that would be served.  [default: the working one, or the script's]",
)
@options.flags("compare")
def command(
    asked: Asked,
    targets: tuple[str, ...],
    requests: str | None,
    ask_all: bool,
    runners: tuple[str, ...],
    repeat: int,
    reference: str,
    reference_url: str,
    unsafe: bool,
    original: str | None,
    ignore: tuple[str, ...],
    in_place: bool,
    copy_limit: int,
    as_json: bool,
    junit: str | None,
    html: str | None,
    write_config: bool,
    directory: str | None,
    **flags: object,
) -> None:
    """Asks each SCRIPT, or all scripts of DIR, the same under plain CGI, fork and cgihandler, and shows where
    the answers differ. Scripts run on a copy of their files. Exit status 0: no difference.

    \b
    cgicompat compare cgi-bin/search.py --query q=python
    cgicompat compare . --html report.html --write-config
    cgicompat compare cgi-bin/new.py --reference python2.7 --original old.py
    """
    from cgicompat.compare import terminal
    from cgicompat.compare.case import CompareError, Options
    from cgicompat.compare.engine import compare

    if reference and reference_url:
        raise click.UsageError("--reference and --reference-url exclude each other")
    if html:
        _check_html()
    settings, cases, remarks = _asked(asked, targets, requests, ask_all, directory, flags)
    chosen = Options(
        repeat, runners, reference, reference_url, original or "", in_place, copy_limit, ignore, unsafe
    )
    try:
        with terminal.progress() as tell:
            report = compare(settings, cases, chosen, tell)
        report.remarks += remarks
        if write_config:
            report.remarks.append(_write_config(settings, report))
    except CompareError as error:
        raise options.Failure(str(error)) from None
    if as_json:
        json.dump(report.as_json(), sys.stdout, indent=2)
        print()
    else:
        terminal.show(report)
    if junit:
        from cgicompat.compare.junit import document

        _write(junit, document(report))
    if html:
        from cgicompat.compare.html import page

        _write(html, page(report).encode("utf-8", "replace"))
    sys.exit(0 if report.same else 1)


def _asked(
    asked: Asked,
    targets: tuple[str, ...],
    requests: str | None,
    ask_all: bool,
    directory: str | None,
    flags: dict[str, object],
) -> tuple[Settings, list[Case], list[str]]:
    """Settings, requests, and what there is to say of these. Raises Mistake and Failure."""
    from cgicompat.recordings.recording import RecordingError, load_all

    try:
        recordings = load_all(requests) if requests else []
    except RecordingError as error:
        raise options.Failure(str(error)) from None
    folders = [target for target in targets if os.path.isdir(target)]
    scripts = [(target, *find(target)) for target in targets if target not in folders]
    if asked.anything and (folders or not scripts):
        raise click.UsageError("options of a request need a SCRIPT")
    if asked.anything and recordings:
        raise click.UsageError("options of a request and --requests exclude each other")
    if directory is None and len(folders) == 1 and not scripts:
        directory = _served(folders[0], flags)
    elif directory is None and scripts:
        directory = root_of(scripts[0][1])
        if directory == os.path.dirname(scripts[0][1]):
            directory = _served(directory, flags)
    settings = options.load(directory, flags)
    root = os.path.abspath(directory or ".")
    names = [(place(target, filename, root, settings), info) for target, filename, info in scripts]
    if folders or (not scripts and (ask_all or not recordings)):
        names += [(name, "") for name in _survey(settings, folders)]
    if not recordings:
        return settings, [_case(settings, asked, *name) for name in names], []
    recorded, remarks = _recorded(settings, recordings)
    named = dict(names)
    cases = [case for script, found in recorded.items() if not targets or script in named for case in found]
    if ask_all:
        cases += [_case(settings, asked, *name) for name in names if name[0] not in recorded]
    if not cases:
        why = "".join(f"\n{remark}" for remark in remarks[:_MOST])
        raise options.Failure(f"none of the requests in {requests} is for these scripts{why}")
    return settings, cases, remarks


def _served(folder: str, flags: dict[str, object]) -> str:
    """The directory that is served, for a folder of scripts in it."""
    folder = os.path.abspath(folder)
    parent, name = os.path.split(folder)
    return parent if name in options.load(folder, flags).cgi_bin else folder


def _survey(settings: Settings, folders: list[str]) -> list[str]:
    from cgicompat.survey import survey

    found = [script.filename for script in survey(settings, seconds=60).scripts]
    inside = [os.path.join(os.path.realpath(folder), "") for folder in folders]
    chosen = [name for name in found if not inside or any(map(name.startswith, inside))]
    if not chosen:
        raise options.Failure(f"no scripts in {', '.join(folders) or settings.directory}")
    return chosen


def _case(settings: Settings, asked: Asked, script: str, info: str) -> Case:
    """A request as the options describe it."""
    from cgicompat.compare.case import Case

    environ = asked.variables(settings, script, info)
    content = asked.content.read()
    asked.content.seek(0)
    return Case(f"{environ['REQUEST_METHOD']} {environ['REQUEST_URI']}", script, environ, content)


def _recorded(settings: Settings, recordings: list[Recording]) -> tuple[dict[str, list[Case]], list[str]]:
    """The recorded requests of each script, and what there is to say of them."""
    from cgicompat.compare.case import Case
    from cgicompat.recordings.place import placed
    from cgicompat.recordings.recording import RecordingError

    recorded: dict[str, list[Case]] = {}
    masked: set[str] = set()
    remarks = []
    for recording in recordings:
        try:
            recording = placed(recording, settings)
            case = Case(recording.label, recording.script, recording.environ, recording.body)
        except RecordingError as error:
            remarks.append(str(error))
            continue
        recorded.setdefault(recording.script, []).append(case)
        masked.update(recording.masked)
    if masked:
        remarks.append(
            f"recorded without {', '.join(sorted(masked))}, which were secret; see serve --record-secrets"
        )
    return recorded, remarks


def _check_html() -> None:
    from importlib.util import find_spec

    if find_spec("jinja2") is None:
        raise options.Failure("--html needs jinja2: pip install 'cgicompat[html]'")


def _write_config(settings: Settings, report: Report) -> str:
    from cgicompat.compare.configure import write

    runners = {script.filename: script.best for script in report.scripts if script.best}
    without = [script.path for script in report.scripts if script.runners and not script.best]
    file = settings.config or os.path.join(settings.directory, config.FILE_NAME)
    write(file, settings.directory, runners)
    said = f"{file} now has the runners of {len(runners)} script{'s' if len(runners) != 1 else ''}"
    return said + (f"; nothing is safe for {', '.join(without)}" if without else "")


def _write(file: str, content: bytes) -> None:
    try:
        with open(file, "wb") as stream:
            stream.write(content)
    except OSError as error:
        raise options.Failure(f"{file}: {error.strerror}") from None
