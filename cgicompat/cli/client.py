"""`cgicompat client`: makes a program of gateways/client.c, or of client.py for want of a compiler.

What it must know of this installation (the interpreter, cgicompat-cgi) is written into it. It is made beside
its place and then moved there, so that a web server always finds a whole program.
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

_GATEWAYS = Path(__file__).resolve().parents[1] / "gateways"
_NAME = "cgicompat-cgi"


@click.command("client", short_help="Make a faster cgicompat-cgi, for requests to a pool.")
@click.argument("path", metavar="PATH", type=click.Path(path_type=Path))
@click.option(
    "--socket", metavar="ADDRESS", default="", help="The pool to ask where CGICOMPAT_SOCKET names none."
)
@click.option("--python", is_flag=True, help="In Python, even where there is a compiler.")
def command(path: Path, socket: str, python: bool) -> None:
    """Writes to PATH a program that does what cgicompat-cgi does, and hands requests over to a pool in a
    fraction of the time: in C where there is a compiler ($CC, $CFLAGS; cc and -O2 by default), else in Python
    without all that it does not need. It leaves to cgicompat-cgi, where that is now, what is not for a pool.

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
        raise options.Mistake(f"{path} is what the new one needs: choose another path")
    try:
        address = config.address(socket) if socket else ""
    except ValueError:
        raise options.Mistake(f"--socket {socket}: must be unix:PATH or HOST:PORT") from None
    try:
        with tempfile.TemporaryDirectory(prefix=f".{_NAME}-", dir=path.parent) as directory:
            program = Path(directory, _NAME)
            problem = "" if python else _compile(program, str(client), address)
            if python or problem:
                _write(program, str(client), address)
            program.chmod(0o755)
            program.replace(path)
    except OSError as error:
        raise options.Failure(f"cannot write {path}: {error.strerror}") from None
    click.echo(f"Made {path}, {'in Python' if python or problem else 'in C'}.")
    if problem:
        click.echo(f"{problem}. In C it would be many times as fast (Debian: apt install gcc).", err=True)


def _python_client() -> Path:
    """bin/cgicompat-cgi as it was installed, or that of the repository."""
    files = []
    try:
        files = importlib.metadata.files("cgicompat") or []
    except importlib.metadata.PackageNotFoundError:
        pass
    places = [Path(str(file.locate())) for file in files if file.name == _NAME]
    for place in (*places, _GATEWAYS.parents[1] / "bin" / _NAME):
        if place.is_file():
            return place.resolve()
    raise options.Failure(f"{_NAME} is not there, which came with cgicompat: install it again")


def _compile(program: Path, client: str, address: str) -> str:
    """Compile client.c; what is wrong, where that cannot be done.

    A static program starts faster, but not every system has what that takes.
    """
    texts = {"PYTHON": sys.executable, "CLIENT": client, "SOCKET": address}
    words = [
        *shlex.split(os.environ.get("CC") or "cc"),
        *shlex.split(os.environ.get("CFLAGS") or "-O2"),
        "-std=c11",
        *(f"-D{name}={_literal(text)}" for name, text in texts.items()),
        str(_GATEWAYS / "client.c"),
        "-o",
        str(program),
    ]
    try:
        run = subprocess.run([*words, "-static"], stdin=subprocess.DEVNULL, capture_output=True)
        if run.returncode:
            run = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=2)
    except OSError as error:
        return f"No C compiler ({words[0]}: {error.strerror})"
    if run.returncode or not program.is_file():
        return f"{words[0]} cannot compile it (exit status {run.returncode})"
    return ""


def _literal(text: str) -> str:
    """A C string, whatever is in the text."""
    plain = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-:[] "
    return '"' + "".join(chr(b) if b in plain else f"\\{b:03o}" for b in os.fsencode(text)) + '"'


def _write(program: Path, client: str, address: str) -> None:
    """Write a Python program that runs client.py alone."""
    if " " in sys.executable or len(sys.executable) > 100:
        raise options.Failure(f"{sys.executable} cannot stand in a #! line")
    program.write_text(
        f"""\
#!{sys.executable} -IS
# Runs a CGI script in a pool. Made by `cgicompat client`.
from _frozen_importlib_external import SourceFileLoader  # importlib has more to load

names = {{"__name__": "client"}}
exec(SourceFileLoader("client", {str(_GATEWAYS / "client.py")!a}).get_code("client"), names)
names["main"](__file__, {client!a}, {address!a})
""",
        encoding="utf-8",
    )
