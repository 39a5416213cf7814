"""`cgicompat run`: one request from the shell, for looking at a script without a server.

The flags behave as curl's of the same name. What comes out is the body; what goes wrong is said on standard
error, where the script's own complaints go too.
"""

from __future__ import annotations

import os
import sys

import click

from cgicompat.cli import options
from cgicompat.cli.request import Asked, find, place, request_options, root_of
from cgicompat.response import BadResponse, Head, Parser, is_nph


@click.command("run", short_help="Run one request from the shell.")
@click.argument("script", metavar="SCRIPT[/PATH_INFO]", type=click.Path())
@request_options
@click.option("-i", "--include", is_flag=True, help="Show the response's head too.")
@click.option(
    "--directory",
    metavar="DIR",
    type=click.Path(),
    help="The directory that would be served.  [default: the working one, or the script's]",
)
@options.flags("run")
def command(asked: Asked, script: str, include: bool, directory: str | None, **flags: object) -> None:
    """Runs SCRIPT for one request, and shows what it answers. The exit status is the script's.

    \b
    cgicompat run cgi-bin/search.py --query q=python
    cgicompat run cgi-bin/upload.py -F file=@photo.jpg -i
    """
    from cgicompat.pool import run_once

    filename, path_info = find(script)
    root = os.path.abspath(directory or root_of(filename))
    settings = options.load(root, flags)
    filename = place(script, filename, root, settings)
    variables = asked.variables(settings, filename, path_info)
    output = Output(is_nph(filename), asked.method != "HEAD", include)
    status = run_once(settings, variables, asked.content, output.feed)
    output.close()
    sys.exit(status)


class Output:
    """Takes what the script prints and shows what a client would get."""

    def __init__(self, nph: bool, has_body: bool, include: bool) -> None:
        self._bad = False
        self._parser = Parser(nph)
        self._has_body = has_body
        self._include = include
        self._begun = False

    def feed(self, data: bytes) -> None:
        if self._bad:
            return
        try:
            body = self._parser.feed(data)
        except BadResponse as error:
            self._complain(error)
            return
        if self._parser.head and not self._begun:
            self._begun = True
            self._show(self._parser.head)
        if self._has_body:
            sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()

    def close(self) -> None:
        """The output has ended."""
        if not self._bad:
            try:
                self._parser.close()
            except BadResponse as error:
                self._complain(error)

    def _show(self, head: Head) -> None:
        if self._include:
            lines = [
                f"HTTP/1.1 {head.status} {head.reason}",
                *(f"{name}: {value}" for name, value in head.headers),
            ]
            sys.stdout.buffer.write("".join(line + "\r\n" for line in [*lines, ""]).encode("latin-1"))
        if head.untyped:
            click.echo("No Content-Type in its header, so that clients have to guess.", err=True)
        if head.local_redirect:
            click.echo(f"A server would now answer with {head.local_redirect}, from the Location.", err=True)

    def _complain(self, error: BadResponse) -> None:
        self._bad = True
        click.echo(f"Not a CGI response: {error}", err=True)
