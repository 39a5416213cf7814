"""`cgicompat replay`: recorded requests once more, to a runner, to a server, or under the debugger."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

import click

from cgicompat.cli import options

if TYPE_CHECKING:
    from cgicompat.compare.replay import Result
    from cgicompat.config import Settings
    from cgicompat.recordings.recording import Recording

_MOST = 12  # lines of a difference


@click.command("replay", short_help="Send recorded requests again, and compare.")
@click.argument("paths", metavar="DIR|FILE...", nargs=-1, required=True, type=click.Path())
@click.option("--url", metavar="URL", default="", help="Send them to this server.")
@click.option("--unsafe", is_flag=True, help="Send the server more than GET and HEAD.")
@click.option("--in-place", is_flag=True, help="Run the scripts on the files themselves, not on copies.")
@click.option("--pdb", "debug_it", is_flag=True, help="Run one request under the debugger, in this terminal.")
@click.option("-v", "--verbose", is_flag=True, help="Show differences in full, and stderr.")
@click.option(
    "--directory",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False),
    help="The directory that is served.  [default: the working one]",
)
@options.flags("replay")
def command(
    paths: tuple[str, ...],
    url: str,
    unsafe: bool,
    in_place: bool,
    debug_it: bool,
    verbose: bool,
    directory: str | None,
    **flags: object,
) -> None:
    """Sends requests again that `--record` has written, and shows where the answers differ from the recorded
    ones. Scripts are those of the directory that is served, and run on a copy of it. Exit status 0: no
    difference.

    \b
    cgicompat replay recordings/ --directory /srv/www --runner cgihandler
    cgicompat replay recordings/ --url http://127.0.0.1:8000
    cgicompat replay recordings/20260101T120000.000000-500-shop.py-17.json --pdb
    """
    from cgicompat.compare.case import CompareError
    from cgicompat.compare.replay import replay, replay_at
    from cgicompat.recordings.recording import RecordingError, load_all

    try:
        recordings = [recording for path in paths for recording in load_all(path)]
    except RecordingError as error:
        raise options.Mistake(str(error)) from None
    settings = options.load(directory, flags)
    if debug_it:
        if len(recordings) != 1:
            raise options.Mistake(f"--pdb takes one recording, and these are {len(recordings)}")
        sys.exit(_debug(settings, recordings[0]))
    runner = str(flags.get("runner") or "")

    def tell(result: Result) -> None:
        _show(result, verbose)

    try:
        if url:
            results = replay_at(url, settings, recordings, unsafe, tell)
        else:
            results = replay(settings, recordings, runner, in_place, tell)
    except CompareError as error:
        raise options.Failure(str(error)) from None
    different = sum(bool(result.differences) for result in results)
    failed = sum(bool(result.problem) for result in results)
    skipped = sum(bool(result.skipped) for result in results)
    same = len(results) - different - failed - skipped
    counts = [(same, "the same"), (different, "different"), (failed, "not sent"), (skipped, "left out")]
    click.echo(", ".join(f"{count} {what}" for count, what in counts if count))
    sys.exit(int(same != len(results)))


def _show(result: Result, verbose: bool) -> None:
    recording = result.recording
    label = _printable(recording.label)
    took = f"{result.seconds * 1000:.0f} ms (recorded: {recording.seconds * 1000:.0f} ms)"
    if result.problem or result.skipped:
        word, colour, more = ("not sent", "red", "") if result.problem else ("left out", "yellow", "")
    elif result.differences:
        word, colour, more = "differs", "red", took
    else:
        word, colour, more = "same", "green", took
    click.echo(f"{click.style(f'{word:8}', colour, bold=True)}  {label}  {click.style(more, dim=True)}")
    for line in filter(None, (result.problem, result.skipped)):
        click.echo(f"  {_printable(line)}")
    if result.same and not verbose:
        return
    if recording.path and result.differences:
        click.echo(click.style(f"  {_printable(recording.path)}", dim=True))
    for part, lines in result.differences.items():
        click.echo(f"  {part}")
        shown = lines if verbose else lines[:_MOST]
        for line in shown:
            click.secho(f"    {_printable(line)}", fg="red" if line.startswith("-") else "green")
        if len(lines) > len(shown):
            click.echo(f"    and {len(lines) - len(shown)} more lines (--verbose shows them)")
    if result.differences and recording.masked:
        click.echo(f"  Masked in the recording: {', '.join(recording.masked)}")
    if verbose and result.unstable:
        click.echo("  unstable")
        for line in result.unstable:
            click.secho(f"    ~ {_printable(line)}", fg="yellow")
    if verbose and result.errors:
        click.echo("  stderr")
        for line in result.errors.decode("utf-8", "replace").splitlines():
            click.echo(f"    {_printable(line)}")


def _printable(text: str) -> str:
    """Nothing in it drives the terminal."""
    return "".join(character if character.isprintable() or character == "\t" else "?" for character in text)


def _debug(settings: Settings, recording: Recording) -> int:
    """The script in this terminal; its exit status."""
    from cgicompat import compare
    from cgicompat.bare import clean_environ
    from cgicompat.recordings.place import placed
    from cgicompat.recordings.recording import RecordingError
    from cgicompat.request import Request, host_environ
    from cgicompat.runners.script import INTERPRETER, kind

    try:
        recording = placed(recording, settings)
    except RecordingError as error:
        raise options.Failure(str(error)) from None
    settings = settings.for_script(recording.script)
    environ = {**host_environ(os.environ), **settings.env, **recording.environ}
    request = Request(settings, recording.script, environ)
    try:
        its = kind(recording.script)
        here = settings.interpreter is None and its.python and (not its.another or its.another.runs_us)
        body = recording.body
        open("/dev/tty").close()
    except RecordingError as error:
        raise options.Failure(str(error)) from None
    except OSError as error:
        what = (
            "--pdb needs a terminal"
            if error.filename == "/dev/tty"
            else f"{error.filename}: {error.strerror}"
        )
        raise options.Failure(what) from None
    if not here:
        raise options.Failure(f"{recording.script}: only Python scripts have a debugger")
    program = os.path.join(os.path.dirname(compare.__file__), "postmortem.py")
    python = {name: value for name, value in clean_environ(settings).items() if name.startswith("PYTHON")}
    with tempfile.TemporaryFile() as file:
        file.write(body)
        file.seek(0)
        command = [INTERPRETER, program, recording.script, *request.arguments]
        run = subprocess.run(command, stdin=file, env={**python, **environ}, cwd=request.directory)
    return run.returncode if run.returncode >= 0 else 128 - run.returncode
