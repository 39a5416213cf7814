"""`cgicompat run`: one request from the shell, for looking at a script without a server.

The flags behave as curl's of the same name. What comes out is the body; what goes wrong is said on standard
error, where the script's own complaints go too.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
import tempfile
from typing import BinaryIO
from urllib.parse import quote

import click

from cgicompat import environ
from cgicompat.cli import options
from cgicompat.config import Settings
from cgicompat.response import BadResponse, Head, Parser

FORM = "application/x-www-form-urlencoded"
HERE = "127.0.0.1"


@click.command("run", short_help="Run one request from the shell.")
@click.argument("script", metavar="SCRIPT[/PATH_INFO]", type=click.Path())
@click.option(
    "--query",
    "queries",
    multiple=True,
    metavar="NAME=VALUE",
    help="Part of the query string; the value is encoded. +TEXT is taken as it is. May be repeated.",
)
@click.option(
    "-d",
    "--data",
    multiple=True,
    metavar="NAME=VALUE|@FILE",
    help="Form data, sent as it is, by POST. May be repeated.",
)
@click.option(
    "-F",
    "--form",
    "fields",
    multiple=True,
    metavar="NAME=VALUE|NAME=@FILE",
    help="Field of a multipart form, by POST; =@FILE uploads, =<FILE is a value in a file. May be repeated.",
)
@click.option("--body", metavar="FILE", help="Body of the request, by POST; - is standard input.")
@click.option("-X", "--method", metavar="METHOD", help="GET, or POST with a body, unless given.")
@click.option(
    "-H", "--header", "lines", multiple=True, metavar="'NAME: VALUE'", help="Header. May be repeated."
)
@click.option("-i", "--include", is_flag=True, help="Show the response's head too.")
@click.option(
    "--directory",
    metavar="DIR",
    type=click.Path(),
    help="The directory that would be served.  [default: the working one, or the script's]",
)
@options.flags("run")
def command(
    script: str,
    queries: tuple[str, ...],
    data: tuple[str, ...],
    fields: tuple[str, ...],
    body: str | None,
    method: str | None,
    lines: tuple[str, ...],
    include: bool,
    directory: str | None,
    **flags: object,
) -> None:
    """Runs SCRIPT for one request, and shows what it answers. The exit status is the script's.

    \b
    cgicompat run cgi-bin/search.py --query q=python
    cgicompat run cgi-bin/upload.py -F file=@photo.jpg -i
    """
    from cgicompat.pool import run_once

    if sum(map(bool, (data, fields, body))) > 1:
        raise click.UsageError("--data, --form and --body exclude each other")
    filename, path_info = find(script)
    root = os.path.abspath(directory or _root(filename))
    settings = options.load(root, flags)
    if not filename.startswith(root.rstrip("/") + "/"):
        raise options.Mistake(f"{script} is not in {root}")
    filename = settings.directory.rstrip("/") + filename.removeprefix(root.rstrip("/"))
    headers = [header(line) for line in lines]
    try:
        content, kind = request_body(data, fields, body)
    except OSError as error:
        raise options.Mistake(f"{error.filename}: {error.strerror}") from None
    with content:
        length = None
        if data or fields or body:
            length = os.fstat(content.fileno()).st_size
            method = method or "POST"
        method = method or "GET"
        query = query_string(queries)
        variables = request(settings, filename, path_info, query, method, headers, kind, length)
        output = Output(os.path.basename(filename).startswith("nph-"), method != "HEAD", include)
        status = run_once(settings, variables, content, output.feed)
    output.close()
    sys.exit(status or int(output.bad))


def find(script: str) -> tuple[str, str]:
    """Absolute file name and PATH_INFO from the two in one. Raises Mistake."""
    parts = script.split("/")
    for i in range(1, len(parts) + 1):
        filename = "/".join(parts[:i])
        if os.path.isfile(filename):
            return os.path.abspath(filename), "".join("/" + part for part in parts[i:])
    what = "is a directory, not a script" if os.path.isdir(script) else "no such script"
    raise options.Mistake(f"{script}: {what}")


def _root(filename: str) -> str:
    here = os.getcwd()
    return here if filename.startswith(here.rstrip("/") + "/") else os.path.dirname(filename)


def query_string(parts: tuple[str, ...]) -> str:
    """As curl's --url-query: NAME=VALUE with the value encoded, VALUE alone too, +TEXT as it is."""
    encoded = []
    for part in parts:
        name, equals, value = part.partition("=")
        if part.startswith("+"):
            encoded.append(part[1:])
        elif equals:
            encoded.append(f"{name}={_quoted(value)}")
        else:
            encoded.append(_quoted(part))
    return "&".join(encoded)


def _quoted(text: str, safe: str = "") -> str:
    return quote(text, safe, errors="surrogateescape")


def header(line: str) -> tuple[str, str]:
    """("name", "value") of a line as in HTTP. Raises BadParameter."""
    name, colon, value = line.partition(":")
    if not colon or not name.strip():
        raise click.BadParameter(f"{line!r}: allowed is 'NAME: VALUE'", param_hint="--header")
    return name.strip().lower(), value.strip()


def request_body(
    data: tuple[str, ...], fields: tuple[str, ...], body: str | None
) -> tuple[BinaryIO, str | None]:
    """A file with the body, and its type. Raises OSError, and BadParameter for a field."""
    if body is not None:
        file = _open(body)
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return file, None
        with file:
            return _spooled([file]), None
    if data:
        pieces: list[bytes | BinaryIO] = []
        for text in data:
            pieces += [b"&", _data(text)]
        return _spooled(pieces[1:]), FORM
    if fields:
        boundary = os.urandom(16).hex()
        pieces = []
        for text in fields:
            pieces += [f"--{boundary}\r\n".encode(), *_field(text), b"\r\n"]
        return _spooled(
            [*pieces, f"--{boundary}--\r\n".encode()]
        ), f"multipart/form-data; boundary={boundary}"
    return _spooled([]), None


def _open(name: str) -> BinaryIO:
    return open(name if name != "-" else 0, "rb", closefd=name != "-")


def _spooled(pieces: list[bytes | BinaryIO]) -> BinaryIO:
    spool = tempfile.TemporaryFile()
    for piece in pieces:
        if isinstance(piece, bytes):
            spool.write(piece)
        else:
            with piece:
                shutil.copyfileobj(piece, spool)
    spool.seek(0)
    return spool


def _data(text: str) -> bytes:
    """@FILE is read without its line ends, as curl does."""
    if not text.startswith("@"):
        return os.fsencode(text)
    with _open(text[1:]) as file:
        return file.read().translate(None, b"\r\n\0")


def _field(text: str) -> list[bytes | BinaryIO]:
    """One part of a multipart body: NAME=VALUE, NAME=<FILE, NAME=@FILE[;type=TYPE][;filename=NAME]."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.BadParameter(f"{text!r}: allowed is NAME=VALUE or NAME=@FILE", param_hint="--form")
    disposition = f'Content-Disposition: form-data; name="{_in_quotes(name)}"'
    if value.startswith("<"):
        return [os.fsencode(f"{disposition}\r\n\r\n"), _open(value[1:])]
    if not value.startswith("@"):
        return [os.fsencode(f"{disposition}\r\n\r\n{value}")]
    path = value[1:]
    attributes = {}
    while found := re.fullmatch(r"(.*);\s*(type|filename)=([^;]*)", path, re.DOTALL):
        path = found[1]
        attributes[found[2]] = found[3]
    shown = attributes.get("filename", os.path.basename(path))
    kind = attributes.get("type") or _guess(shown)
    start = f'{disposition}; filename="{_in_quotes(shown)}"\r\nContent-Type: {kind}\r\n\r\n'
    return [os.fsencode(start), _open(path)]


def _in_quotes(text: str) -> str:
    """As browsers do (WHATWG HTML, multipart form data)."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _guess(name: str) -> str:
    import mimetypes

    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def request(
    settings: Settings,
    filename: str,
    path_info: str,
    query: str,
    method: str,
    headers: list[tuple[str, str]],
    kind: str | None,
    length: int | None,
) -> dict[str, str]:
    """The variables that a server would make of it. `kind` and `length` are the body's, None without one."""
    script_name = filename.removeprefix(settings.directory.rstrip("/"))
    usual = {"host": "localhost", "user-agent": environ.SOFTWARE, "accept": "*/*"}
    if kind:
        usual["content-type"] = kind
    if length is not None:
        usual["content-length"] = str(length)
    for name, _ in headers:
        usual.pop(name, None)
    uri = _quoted(script_name + path_info, "/!$&'()*+,;=:@") + ("?" + query if query else "")
    return environ.build(
        method=method,
        protocol="HTTP/1.1",
        scheme="http",
        uri=uri,
        query=query,
        headers=[*usual.items(), *(pair for pair in headers if pair[1])],  # "NAME:" only takes away
        filename=filename,
        script_name=script_name,
        path_info=path_info,
        document_root=settings.directory,
        server=(HERE, 80),
        client=(HERE, 0),
        length=length or 0,
        pass_authorization=settings.for_script(filename).pass_authorization,
    )


class Output:
    """Takes what the script prints and shows what a client would get. `bad` tells that it would be a 500."""

    def __init__(self, nph: bool, has_body: bool, include: bool) -> None:
        self.bad = False
        self._parser = Parser(nph)
        self._has_body = has_body
        self._include = include
        self._begun = False

    def feed(self, data: bytes) -> None:
        if self.bad:
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
        if not self.bad:
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
        if head.local_redirect:
            click.echo(f"A server would now answer with {head.local_redirect}, from the Location.", err=True)

    def _complain(self, error: BadResponse) -> None:
        self.bad = True
        click.echo(f"Not a CGI response: {error}", err=True)
