"""`cgicompat client`: compiles gateways/client.c, the ScriptAlias door without the start of a Python.

What the program must know of this installation (the interpreter, the Python client) is compiled in. It is
compiled beside its place and then moved there, so that a web server always finds a whole program.
"""

from __future__ import annotations

import importlib.metadata
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from cgicompat import config
from cgicompat.cli import options

_PACKAGE = Path(__file__).resolve().parents[1]
_NAME = "cgicompat-cgi"


@click.command("client", short_help="Build a faster client for ScriptAlias, Action and #! lines.")
@click.argument("path", metavar="PATH", type=click.Path(path_type=Path))
@click.option(
    "--socket", metavar="ADDRESS", default="", help="The pool to ask where CGICOMPAT_SOCKET names none."
)
def command(path: Path, socket: str) -> None:
    """Writes to PATH a program in C that does what cgicompat-cgi does, and hands requests over to a pool in a
    fraction of the time. It needs a C compiler, now and here ($CC, $CFLAGS; cc and -O2 by default), and goes
    on needing cgicompat-cgi, to which it leaves whatever is not for a pool.

    \b
    cgicompat client /usr/local/lib/cgicompat/cgicompat-cgi
    cgicompat client ~/bin/cgicompat-cgi --socket unix:/home/me/pool.sock
    """
    client = _python_client()
    if _NAME not in path.name:
        raise options.Mistake(
            f"{path}: its name must contain {_NAME}, which says in a script's #! line that this is Python"
        )
    if path.exists() and path.samefile(client):
        raise options.Mistake(f"{path} is the Python client, which the one in C needs: choose another path")
    try:
        address = config.address(socket) if socket else ""
    except ValueError:
        raise options.Mistake(f"--socket {socket}: must be unix:PATH or HOST:PORT") from None
    try:
        _build(path, {"PYTHON": sys.executable, "CLIENT": str(client), "SOCKET": address})
    except OSError as error:
        raise options.Failure(f"cannot write {path}: {error.strerror}") from None
    click.echo(f"Built {path}; it can stand wherever {client} does.")


def _python_client() -> Path:
    """bin/cgicompat-cgi as it was installed, or that of the repository."""
    files = []
    try:
        files = importlib.metadata.files("cgicompat") or []
    except importlib.metadata.PackageNotFoundError:
        pass
    places = [Path(str(file.locate())) for file in files if file.name == _NAME]
    for place in (*places, _PACKAGE.parent / "bin" / _NAME):
        if place.is_file():
            return place.resolve()
    raise options.Failure(f"{_NAME} is not there, which came with cgicompat: install it again")


def _build(path: Path, texts: dict[str, str]) -> None:
    """Compile the client with these texts known to it; static, where the system has what that takes, since it
    starts faster. Raises OSError, and Failure where that is no use.
    """
    words = [
        *shlex.split(os.environ.get("CC") or "cc"),
        *shlex.split(os.environ.get("CFLAGS") or "-O2"),
        "-std=c11",
        *(f"-D{name}={_literal(text)}" for name, text in texts.items()),
        str(_PACKAGE / "gateways" / "client.c"),
    ]
    with tempfile.TemporaryDirectory(prefix=f".{_NAME}-", dir=path.parent) as directory:
        program = Path(directory, _NAME)
        words += ["-o", str(program)]
        try:
            run = subprocess.run([*words, "-static"], stdin=subprocess.DEVNULL, capture_output=True)
            if run.returncode:
                run = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=2)
        except OSError as error:
            raise options.Failure(
                f"no C compiler ({words[0]}: {error.strerror}): install one (Debian: apt install gcc) "
                f"or name it by $CC; without one, {_NAME} does the same, only slower"
            ) from None
        if run.returncode or not program.is_file():
            raise options.Failure(
                f"{words[0]} could not compile it (exit status {run.returncode}); "
                f"without it, {_NAME} does the same, only slower"
            )
        program.chmod(0o755)
        program.replace(path)


def _literal(text: str) -> str:
    """A C string, whatever is in the text."""
    plain = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-:[] "
    return '"' + "".join(chr(b) if b in plain else f"\\{b:03o}" for b in os.fsencode(text)) + '"'
