"""The CGI door: a web server has started this process for one request.

The script runs here, or in a running pool where CGICOMPAT_SOCKET names one. Every import counts, since each
request pays for it.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NoReturn


class Unclear(Exception):
    """Which script to run cannot be told, or it must not be."""


def main(program: str, arguments: list[str], bare: frozenset[str]) -> NoReturn:
    """What bin/cgicompat-cgi does; `program` is its path, `bare` the modules of a bare interpreter."""
    environ = os.environ
    try:
        script, arguments = find_script(program, arguments, environ)
    except Unclear as unclear:
        sys.stderr.write(f"cgicompat-cgi: {unclear}\n")
        if "GATEWAY_INTERFACE" in environ:
            print("Status: 403 Forbidden\nContent-Type: text/plain\n\n403 Forbidden")
            sys.exit(0)
        sys.exit(2)
    address = environ.get("CGICOMPAT_SOCKET") or environ.get("REDIRECT_CGICOMPAT_SOCKET")
    for name in ("CGICOMPAT_SOCKET", "REDIRECT_CGICOMPAT_SOCKET"):  # Apache renames what it redirects
        environ.pop(name, None)
    if address:
        hand_over(address, script, environ)
    from cgicompat.runners.process import run

    run(script, arguments, bare)


def find_script(program: str, arguments: list[str], environ: Mapping[str, str]) -> tuple[str, list[str]]:
    """The script's absolute path and its arguments. Raises Unclear.

    A web server passes words of the query as arguments (RFC 3875 section 4.4), so that these may name the
    script only where SCRIPT_FILENAME agrees. Where we are the target of Apache's Action, PATH_TRANSLATED
    names it, and REDIRECT_STATUS shows that nobody called us by our own URL.
    """
    named = environ.get("SCRIPT_FILENAME", "")
    if "GATEWAY_INTERFACE" not in environ:
        if not arguments:
            raise Unclear("which script? Usage: cgicompat-cgi SCRIPT [ARGUMENT...]")
        return os.path.abspath(arguments[0]), arguments[1:]
    if named and not _same(named, program):
        if arguments and _same(arguments[0], named):
            arguments = arguments[1:]
        return os.path.abspath(named), arguments
    if "REDIRECT_STATUS" not in environ:
        raise Unclear("called by its own URL; let `Action` and `AddHandler` name it instead")
    return _from_action(), arguments


def _from_action() -> str:
    """The script in PATH_TRANSLATED, which PATH_INFO may follow; sets the variables to what it expects."""
    path = os.environ.get("PATH_TRANSLATED", "")
    url = os.environ.get("PATH_INFO", "")
    script = path
    while script and not os.path.isfile(script):
        script = script.rpartition("/")[0]
    if not script:
        raise Unclear(f"there is no script at {path!r}")
    extra = path[len(script) :]
    root = os.environ.get("DOCUMENT_ROOT", "")
    os.environ["SCRIPT_FILENAME"] = script
    os.environ["SCRIPT_NAME"] = url.removesuffix(extra)
    if extra:
        os.environ["PATH_INFO"] = extra
        os.environ["PATH_TRANSLATED"] = root + extra
    else:
        del os.environ["PATH_INFO"], os.environ["PATH_TRANSLATED"]
    os.chdir(os.path.dirname(script))
    return script


def _same(path: str, other: str) -> bool:
    try:
        return os.path.samefile(path, other)
    except OSError:
        return False


def hand_over(address: str, script: str, environ: Mapping[str, str]) -> None:
    """Have a pool answer, and end this process; returns where the pool cannot be reached.

    client.c does the same.
    """
    import _socket  # `socket` takes longer to import than a small script runs

    from cgicompat.scgi import encode

    try:
        if address.startswith("unix:"):
            connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
            connection.connect(address.removeprefix("unix:"))
        else:
            host, _, port = address.rpartition(":")
            connection = _socket.socket(_socket.AF_INET6 if ":" in host else _socket.AF_INET)
            connection.connect((host.strip("[]"), int(port)))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"cgicompat-cgi: no pool at {address} ({_why(error)}): running here instead\n")
        return
    variables = {name: value for name, value in environ.items() if not name.startswith("CGICOMPAT_")}
    variables["SCRIPT_FILENAME"] = script
    length = variables.get("CONTENT_LENGTH", "")
    missing = int(length) if length.isdecimal() else 0
    refused: OSError | None = None
    try:
        connection.sendall(encode(variables))
        while missing:
            data = _take(missing)
            connection.sendall(data)
            missing -= len(data)
    except OSError as error:  # a pool need not take all of a body; its answer may say why
        refused = error
    answered = False
    try:
        while data := connection.recv(65536):
            answered = True
            _put(data)
    except OSError as error:
        if not refused:
            _fail(address, error)
    if refused and not answered:
        _fail(address, refused)
    os._exit(0)


def _take(most: int) -> bytes:
    """Some of the request's body."""
    try:
        if data := os.read(0, min(most, 65536)):
            return data
        raise EOFError("the client has gone")
    except (OSError, EOFError) as error:
        _fail("the request's body", error)


def _put(data: bytes) -> None:
    try:
        while data:
            data = data[os.write(1, data) :]
    except OSError as error:
        _fail("the web server", error)


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _fail(what: str, error: Exception) -> NoReturn:
    sys.stderr.write(f"cgicompat-cgi: {what}: {_why(error)}\n")
    os._exit(1)
