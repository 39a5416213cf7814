"""The CGI door: a web server has started this process for one request.

The script runs in a running pool where CGICOMPAT_SOCKET names one, else here: in this process or, where there
is a cgicompat.toml for it, as that says. Every import counts, since each request pays for it.
"""

from __future__ import annotations

import os
import sys

from cgicompat.gateways import client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


class Unclear(Exception):
    """Which script to run cannot be told, or it must not be."""


def main(program: str, arguments: list[str], bare: frozenset[str]) -> NoReturn:
    """What bin/cgicompat-cgi does; `program` is its path, `bare` the modules of a bare interpreter."""
    environ = os.environb
    try:
        script, arguments = find_script(program, arguments)
    except Unclear as unclear:
        sys.stderr.write(f"cgicompat-cgi: {unclear}\n")
        if b"GATEWAY_INTERFACE" in environ:
            print("Status: 403 Forbidden\nContent-Type: text/plain\n\n403 Forbidden")
            sys.exit(0)
        sys.exit(2)
    address = client.pool_address(environ)
    for name in (b"CGICOMPAT_SOCKET", b"REDIRECT_CGICOMPAT_SOCKET"):
        environ.pop(name, None)
    if address:
        try:
            connection = client.reach(address)
        except (OSError, ValueError) as error:
            why = f"no pool at {os.fsdecode(address)} ({client.reason(error)})"
            sys.stderr.write(f"cgicompat-cgi: {why}: running here instead\n")
        else:
            environ[b"SCRIPT_FILENAME"] = os.fsencode(script)
            client.hand_over(connection, address, environ)
    if b"GATEWAY_INTERFACE" in environ and (directory := configured_directory(script)):
        from cgicompat.gateways import configured

        configured.run(script, directory)
    from cgicompat.runners.process import run

    run(script, arguments, bare)


def configured_directory(script: str) -> str:
    """The directory whose cgicompat.toml is for `script`: the one that CGICOMPAT_DIRECTORY names, or the
    document root, as a pool would be told, or else the next one above the script. "" where there is none."""
    environ = os.environ
    if named := environ.get("CGICOMPAT_DIRECTORY") or environ.get("REDIRECT_CGICOMPAT_DIRECTORY"):
        return named
    root = environ.get("DOCUMENT_ROOT", "").rstrip("/")
    above = script
    places = [root] if root and script.startswith(root + "/") else []
    while len(above) > 1:
        above = os.path.dirname(above)
        places.append(above)
    for place in places:
        if _is_trusted(f"{place.rstrip('/')}/cgicompat.toml", script):
            return place
    elsewhere = "CGICOMPAT_CONFIG" in environ or "REDIRECT_CGICOMPAT_CONFIG" in environ
    return places[0] if elsewhere else ""


def _is_trusted(file: str, script: str) -> bool:
    """Is the file there, and not one that somebody else has put into, say, /tmp?"""
    try:
        return os.stat(file).st_uid in (0, os.geteuid(), os.stat(script).st_uid)
    except OSError:
        return False


def find_script(program: str, arguments: list[str]) -> tuple[str, list[str]]:
    """The script's absolute path and its arguments. Raises Unclear.

    A web server passes words of the query as arguments (RFC 3875 section 4.4), so that these may name the
    script only where SCRIPT_FILENAME agrees. Where we are the target of Apache's Action, PATH_TRANSLATED
    names it; it may be any file where our URL, or a script's Location, has led to us.
    """
    environ = os.environ
    named = environ.get("SCRIPT_FILENAME", "")
    if "GATEWAY_INTERFACE" not in environ:
        if not arguments:
            raise Unclear("which script? Usage: cgicompat-cgi SCRIPT [ARGUMENT...]")
        return os.path.abspath(arguments[0]), arguments[1:]
    if named and not client.same_file(named, program):
        for i, word in enumerate(arguments[:2]):  # before the script stands an option of its #! line, if any
            if client.same_file(word, named):
                arguments = arguments[i + 1 :]
                break
        return os.path.abspath(named), arguments
    if not environ.get("REDIRECT_HANDLER"):
        raise Unclear("called by its own URL or a Location; let `Action` and `AddHandler` name it instead")
    if not client.name_script(os.environb):
        raise Unclear(f"there is no script at {environ.get('PATH_TRANSLATED', '')!r}")
    script = environ["SCRIPT_FILENAME"]
    os.chdir(os.path.dirname(script))
    return script, arguments
