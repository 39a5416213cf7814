"""What the ScriptAlias door does when a pool answers, with as little of Python as that takes.

cgi.py uses it, with all of Python around it. `cgicompat client` has it run alone where no compiler is for
client.c: without `site` and `os`, since nearly all the time of a request goes into the start of Python. Alone
it does as client.c does: whatever is otherwise is left to cgi.py. All is bytes, as the system has it.
"""

import posix  # and no __future__: that is a file to load
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import MutableMapping
    from typing import NoReturn


def main(program: str, client: str, pool: str) -> "NoReturn":
    """Answer this process's request, alone. `program` is the file that it runs, `client` the path of
    bin/cgicompat-cgi, `pool` the address of one where the environment names none (or "").
    """
    environ = posix.environ
    address = pool_address(environ) or pool.encode(errors="surrogateescape")
    named = environ.get(b"SCRIPT_FILENAME", b"")
    target = same_file(named, program)
    if address and b"GATEWAY_INTERFACE" in environ and (target or _is_plain(named)):
        try:
            connection = reach(address)
        except (OSError, ValueError):
            pass
        else:
            if not target or name_script(environ):
                hand_over(connection, address, environ)
            connection.close()
    environ[b"CGICOMPAT_SOCKET"] = address
    if target:
        environ[b"SCRIPT_FILENAME"] = client.encode(errors="surrogateescape")
    posix.execve(sys.executable, [sys.executable, client, *sys.argv[1:]], environ)


def pool_address(environ: "MutableMapping[bytes, bytes]") -> bytes:
    """The address of the pool that the environment names, or b""."""
    # Apache renames what it redirects.
    return environ.get(b"CGICOMPAT_SOCKET") or environ.get(b"REDIRECT_CGICOMPAT_SOCKET") or b""


def same_file(path: bytes | str, other: bytes | str) -> bool:
    """Whether both are the same file, which exists."""
    try:
        one, two = posix.stat(path), posix.stat(other)
    except OSError:
        return False
    return one.st_dev == two.st_dev and one.st_ino == two.st_ino


def _is_plain(path: bytes) -> bool:
    """Is it an absolute path that os.path.abspath would leave as it is?"""
    first, *others = path.split(b"/")
    return not first and bool(others) and not any(part in (b"", b".", b"..") for part in others)


def name_script(environ: "MutableMapping[bytes, bytes]") -> bool:
    """As the target of Apache's Action: makes the script in PATH_TRANSLATED, which PATH_INFO may follow, the
    one that the variables name. Returns False, and changes nothing, if there is none, or if it was no Action
    that led to us, which would have named its handler, but our own URL or a script's Location.
    """
    path = environ.get(b"PATH_TRANSLATED", b"")
    url = environ.get(b"PATH_INFO", b"")
    if not environ.get(b"REDIRECT_HANDLER"):
        return False
    script = path
    while script and not _is_file(script):
        script = script.rpartition(b"/")[0]
    if not script:
        return False
    extra = path[len(script) :]
    environ[b"SCRIPT_FILENAME"] = script
    environ[b"SCRIPT_NAME"] = url.removesuffix(extra)
    if extra:
        environ[b"PATH_INFO"] = extra
        environ[b"PATH_TRANSLATED"] = environ.get(b"DOCUMENT_ROOT", b"") + extra
    else:
        environ.pop(b"PATH_INFO", None)
        environ.pop(b"PATH_TRANSLATED", None)
    return True


def _is_file(path: bytes) -> bool:
    try:
        return posix.stat(path).st_mode & 0o170000 == 0o100000
    except OSError:
        return False


def reach(address: bytes) -> "_socket.socket":
    """A connection to the pool at unix:PATH or HOST:PORT. Raises OSError and ValueError."""
    import _socket  # `socket` takes longer to import than a small script runs

    if address.startswith(b"unix:"):
        connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        connection.connect(address.removeprefix(b"unix:"))
    else:
        host, _, port = address.decode("ascii").rpartition(":")
        connection = _socket.socket(_socket.AF_INET6 if ":" in host else _socket.AF_INET)
        connection.connect((host.strip("[]"), int(port)))
    return connection


def hand_over(
    connection: "_socket.socket", address: bytes, environ: "MutableMapping[bytes, bytes]"
) -> "NoReturn":
    """Have the pool answer, and end this process. As in client.c."""
    length = environ.get(b"CONTENT_LENGTH", b"")
    missing = int(length) if length.isdigit() and len(length) < 19 else 0
    refused: OSError | None = None
    try:
        connection.sendall(_head(length, environ))
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
    posix._exit(0)


def _head(length: bytes, environ: "MutableMapping[bytes, bytes]") -> bytes:
    """The head of the request, like scgi.encode."""
    # The web server that has started us has decided on the access.
    fields = [b"CONTENT_LENGTH", length or b"0", b"SCGI", b"1", b"CGICOMPAT_ACCESS", b"1"]
    for name, value in environ.items():
        ours = name.startswith(b"CGICOMPAT_") or name == b"REDIRECT_CGICOMPAT_SOCKET"
        if not ours and name not in (b"CONTENT_LENGTH", b"SCGI"):
            fields += (name, value)
    head = b"\0".join(fields) + b"\0"
    return b"%d:%s," % (len(head), head)


def _take(most: int) -> bytes:
    """Some of the request's body."""
    try:
        if data := posix.read(0, min(most, 65536)):
            return data
        raise EOFError("the client has gone")
    except (OSError, EOFError) as error:
        _fail(b"the request's body", error)


def _put(data: bytes) -> None:
    try:
        while data:
            data = data[posix.write(1, data) :]
    except OSError as error:
        _fail(b"the web server", error)


def _fail(what: bytes, error: Exception) -> "NoReturn":
    posix.write(2, b"cgicompat-cgi: %s: %s\n" % (what, reason(error).encode()))
    posix._exit(1)


def reason(error: Exception) -> str:
    """What went wrong, in words."""
    return getattr(error, "strerror", None) or str(error)
