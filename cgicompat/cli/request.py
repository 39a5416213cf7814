"""A request as the shell describes it: the options, and what a server would make of them.

The options behave as curl's of the same name.
"""

from __future__ import annotations

import functools
import inspect
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable
from typing import Any, BinaryIO, TypeVar
from urllib.parse import quote

import click

from cgicompat import environ
from cgicompat.cli import options
from cgicompat.config import Settings

F = TypeVar("F", bound=Callable[..., Any])

FORM = "application/x-www-form-urlencoded"
HERE = "127.0.0.1"

_OPTIONS = (
    click.option(
        "--query",
        "queries",
        multiple=True,
        metavar="NAME=VALUE",
        help="Part of the query string; the value is encoded. +TEXT is taken as it is. May be repeated.",
    ),
    click.option(
        "-d",
        "--data",
        multiple=True,
        metavar="NAME=VALUE|@FILE",
        help="Form data, sent as it is, by POST. May be repeated.",
    ),
    click.option(
        "-F",
        "--form",
        "fields",
        multiple=True,
        metavar="NAME=VALUE|NAME=@FILE",
        help="Field of a multipart form, by POST; =@FILE uploads, =<FILE is a value in a file. "
        "May be repeated.",
    ),
    click.option("--body", metavar="FILE", help="Body of the request, by POST; - is standard input."),
    click.option("-X", "--method", metavar="METHOD", help="GET, or POST with a body, unless given."),
    click.option(
        "-H", "--header", "lines", multiple=True, metavar="'NAME: VALUE'", help="Header. May be repeated."
    ),
)


class Asked:
    """What the options ask for: a request for whatever script. To be closed, for the sake of `content`."""

    def __init__(
        self,
        queries: tuple[str, ...],
        data: tuple[str, ...],
        fields: tuple[str, ...],
        body: str | None,
        method: str | None,
        lines: tuple[str, ...],
    ) -> None:
        """Raises UsageError, and Mistake for a file that cannot be read."""
        if sum(map(bool, (data, fields, body))) > 1:
            raise click.UsageError("--data, --form and --body exclude each other")
        self.anything = any((queries, data, fields, body, method, lines))
        self._query = query_string(queries)
        self._headers = [header(line) for line in lines]
        try:
            self.content, self._kind = request_body(data, fields, body)
        except OSError as error:
            raise options.Mistake(f"{error.filename}: {error.strerror}") from None
        self._length = os.fstat(self.content.fileno()).st_size if data or fields or body else None
        self.method = method or ("GET" if self._length is None else "POST")

    def __enter__(self) -> Asked:
        return self

    def __exit__(self, *_: object) -> None:
        self.content.close()

    def variables(self, settings: Settings, filename: str, path_info: str = "") -> dict[str, str]:
        """The CGI variables that a server would make of it for the script `filename`."""
        variables = request(
            settings,
            filename,
            path_info,
            self._query,
            self.method,
            self._headers,
            self._kind,
            self._length,
        )
        return {**_configured(settings, filename, variables), **variables}


def _configured(settings: Settings, filename: str, variables: dict[str, str]) -> dict[str, str]:
    """Those that Apache's configuration adds (SetEnv, SetEnvIf). Raises Mistake."""
    from cgicompat.apache import reading
    from cgicompat.apache.merging import TooLong
    from cgicompat.apache.site import seen

    try:
        lookup = seen(settings, variables)
        if lookup is None:
            return {}
        if bar := lookup.bars(filename, runs=False):
            click.echo(f"A server would answer with {bar.status}: {bar.reason}", err=True)
        lookup.decide(filename)  # which asks what SetEnvIf says
        return lookup.variables(filename)
    except (reading.Mistake, TooLong) as error:
        raise options.Mistake(str(error)) from None


def request_options(function: F) -> F:
    """The options that describe a request, as the one argument `asked`."""

    @functools.wraps(function)
    def call(**arguments: Any) -> Any:
        own = inspect.signature(Asked).parameters
        with Asked(**{name: arguments.pop(name) for name in own}) as asked:
            return function(asked=asked, **arguments)

    for option in reversed(_OPTIONS):
        call = option(call)
    return call  # type: ignore[return-value]


def find(script: str) -> tuple[str, str]:
    """Absolute file name and PATH_INFO from the two in one. Raises Mistake."""
    parts = script.split("/")
    for i in range(1, len(parts) + 1):
        filename = "/".join(parts[:i])
        if os.path.isfile(filename):
            return os.path.abspath(filename), "".join("/" + part for part in parts[i:])
    what = "is a directory, not a script" if os.path.isdir(script) else "no such script"
    raise options.Mistake(f"{script}: {what}")


def root_of(filename: str) -> str:
    """The directory that would be served: the working one if the script is in it, else the script's."""
    here = os.getcwd()
    return here if filename.startswith(here.rstrip("/") + "/") else os.path.dirname(filename)


def place(script: str, filename: str, root: str, settings: Settings) -> str:
    """The file name of `script` by way of settings.directory, in which symbolic links are resolved. Raises
    Mistake where it is not in `root`."""
    if not filename.startswith(root.rstrip("/") + "/"):
        raise options.Mistake(f"{script} is not in {root}")
    return settings.directory.rstrip("/") + filename.removeprefix(root.rstrip("/"))


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
