"""Read an SCGI request from a connection, up to the point where a script can run."""

from __future__ import annotations

import fcntl
import os
import select
import socket
import struct

from cgicompat import pages, scgi
from cgicompat.apache.access import Facts
from cgicompat.apache.merging import TooLong
from cgicompat.apache.site import obeyed
from cgicompat.errorlog import log
from cgicompat.request import Request, host_environ
from cgicompat.routing import HOPS, Router, Script

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cgicompat.apache.headers import Headers
    from cgicompat.apache.site import Lookup
    from cgicompat.config import Settings

# Seconds without a byte from the web server, which has the whole request before it calls us.
_PATIENCE = struct.pack("@ll", 60, 0)
_PEEK = 16  # a netstring's length
_CHUNK = 256 * 1024
_PIPE = 64 * 1024  # what a pipe mostly takes without a reader (pipe(7))


class Refused(Exception):
    """No script runs for this request; `answer` is the response, `log` a line for the error log."""

    def __init__(self, status: int, message: str, log: str = "", *headers: str):
        self.answer = pages.error(status, message, headers)
        self.log = log


class Intake:
    """Makes requests for one pool. A request is for a script inside the settings' directory, or refused."""

    def __init__(self, settings: Settings, host: dict[str, str], temporary: str):
        self._settings = settings
        self._temporary = temporary
        self._router = Router(settings)
        self._apache = obeyed(settings, log, self._router.alias)
        self._host = host_environ(host)

    def read(self, connection: socket.socket) -> tuple[Request, int] | None:
        """The request and an fd to read its body from; None where the peer left before it was complete.

        Raises Refused.
        """
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _PATIENCE)
        try:
            request = self._request(scgi.decode(_head(connection)))
            length = request.length
            if length > request.settings.max_body:
                _discard(connection, length)
                raise Refused(413, f"The request body may have {request.settings.max_body} bytes.")
            return request, self._body(connection, length)
        except scgi.ProtocolError as error:
            raise Refused(400, str(error), str(error)) from None
        except EOFError:
            return None
        except BlockingIOError:
            raise Refused(400, "The request did not arrive in time.", "a request did not arrive") from None

    def _request(self, environ: dict[str, str]) -> Request:
        gateway = environ.pop("CGICOMPAT_GATEWAY", "") == "1"
        decided = gateway or environ.pop("CGICOMPAT_ACCESS", "") == "1"
        names = "\0".join(environ)
        if "=" in names or "CGICOMPAT_" in names or "" in environ:
            for name in names.split("\0"):
                if name.startswith("CGICOMPAT_") or "=" in name or not name:
                    del environ[name]
        script = environ.get("SCRIPT_FILENAME", "")
        lookup = self._look(environ)
        if lookup and not decided and _changed(environ, lookup.begins):
            lookup = self._look(environ)
        # What our gateway sends is one by what the configuration said there.
        known = gateway and self._router.is_script(script)
        try:
            moved = not decided and self._translate(lookup, environ)
            if moved or not (known or self._router.is_script(script, lookup)):
                if gateway:
                    raise Refused(403, "This is not a script.", f"not a script of this pool: {script!r}")
                script, lookup = self._route(environ, lookup)
            hops = 0
            while lookup and not decided and self._decide(lookup, script, environ):
                if (hops := hops + 1) > HOPS:
                    raise Refused(500, "", f"{script}: more than {HOPS} rewritings")
                lookup = self._look(environ)
                self._translate(lookup, environ)
                script, lookup = self._route(environ, lookup)
        except TooLong as error:
            raise Refused(414, "", str(error)) from None
        settings = self._settings.for_script(script)
        if (
            lookup
            and not decided
            and (most := lookup.most_body(script, settings.max_body)) != settings.max_body
        ):
            settings = settings.but(max_body=most)
        environ.setdefault("GATEWAY_INTERFACE", "CGI/1.1")
        environ.setdefault("QUERY_STRING", "")
        environ.setdefault("SERVER_SOFTWARE", "cgicompat")
        if environ.get("CONTENT_LENGTH") == "0" and not environ.get("CONTENT_TYPE"):
            del environ["CONTENT_LENGTH"]  # SCGI's way to say that there is no body
        # httpoxy: whatever the web server lets through.
        environ.pop("HTTP_PROXY", None)
        told = gateway or (lookup and lookup.passes_authorization(script))  # our gateway has seen to it
        if not (settings.pass_authorization or told):
            environ.pop("HTTP_AUTHORIZATION", None)
        return Request(settings, script, {**self._host, **settings.env, **environ}, gateway)

    def _look(self, environ: dict[str, str]) -> Lookup | None:
        return self._apache.look(lambda: Facts.of(environ)) if self._apache else None

    def _translate(self, lookup: Lookup | None, environ: dict[str, str]) -> bool:
        """Makes it the request that the server's files have in its place, in `environ`. Was it another one?
        Raises Refused."""
        if lookup is None or not self._settings.apache_conf:
            return False
        found = lookup.translated()
        environ |= {name: text for name, text in lookup.env().items() if name not in environ}
        if found and found.status:
            raise _elsewhere(found.status, found.location)
        if found:
            environ |= {"SCRIPT_NAME": found.url, "PATH_INFO": "", "QUERY_STRING": found.query}
            lookup = self._look(environ) or lookup
        if moved := lookup.moved(environ.get("QUERY_STRING", "")):
            raise _elsewhere(*moved)
        return found is not None

    def _decide(self, lookup: Lookup, script: str, environ: dict[str, str]) -> bool:
        """Lets the request pass, with its user in `environ`, or raises Refused. True where rules have made it
        one for another URL, which is in `environ`."""
        decision = lookup.decide(script, not self._router.in_cgi_bin(script))
        if decision.status:
            challenge = [f"WWW-Authenticate: {decision.challenge}"] if decision.challenge else []
            raise Refused(decision.status, "", f"{script}: {decision.reason}", *challenge)
        if decision.user:
            environ["REMOTE_USER"], environ["AUTH_TYPE"] = decision.user, decision.auth_type
        ruled = lookup.rewritten(script, script + environ.get("PATH_INFO", ""))
        if ruled and ruled.status:
            raise _elsewhere(ruled.status, ruled.location)
        if moved := lookup.redirected(script, environ.get("QUERY_STRING", "")):
            raise _elsewhere(*moved)
        if ruled:
            environ["QUERY_STRING"] = ruled.query
            if ruled.url:
                environ |= {f"REDIRECT_{name}": text for name, text in lookup.env().items()}
                environ |= {"REDIRECT_STATUS": "200", "REDIRECT_URL": lookup.url()}
                environ |= {"SCRIPT_NAME": ruled.url, "PATH_INFO": ""}
                return True
        if environ.get("PATH_INFO") and not lookup.takes_path_info(script):
            raise Refused(404, "", f"{script}: AcceptPathInfo is Off")
        _changed(environ, lambda headers: lookup.asks(script, headers))
        if name := lookup.client_name():
            environ["REMOTE_HOST"] = name
        for name, text in lookup.variables(script).items():
            environ.setdefault(name, text)
        return False

    def _route(self, environ: dict[str, str], lookup: Lookup | None) -> tuple[str, Lookup | None]:
        """The script that the URL means, for web servers that send no file name of ours, and what is said of
        it where the URL, which is known now, may matter.

        REQUEST_URI comes last: it is what the client sent, before rewriting and internal redirects.
        """
        # Apache has the whole path in SCRIPT_NAME, lighttpd splits it, nginx sends DOCUMENT_URI; all decoded.
        decoded = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "") or environ.get("DOCUMENT_URI")
        path = decoded.replace("%", "%25") if decoded else environ.get("REQUEST_URI", "").partition("?")[0]
        route = self._router.route(path, lookup)
        if not isinstance(route, Script):
            status = getattr(route, "status", 404)
            asked = f'"{environ.get("REQUEST_METHOD", "-")} {environ.get("REQUEST_URI", "-")}"'
            raise Refused(status, "There is no such script.", f"no script for {path!r} {asked}")
        root = self._settings.directory
        environ["SCRIPT_FILENAME"] = route.filename
        environ["SCRIPT_NAME"] = route.script_name
        environ["DOCUMENT_ROOT"] = root
        environ.pop("PATH_TRANSLATED", None)
        environ["PATH_INFO"] = route.path_info
        if route.path_info:
            environ["PATH_TRANSLATED"] = root + route.path_info
        else:
            del environ["PATH_INFO"]
        return route.filename, self._look(environ) if self._settings.apache_conf else lookup

    def _body(self, connection: socket.socket, length: int) -> int:
        """An fd with exactly `length` bytes, all of them here: neither side can block on the other."""
        if length == 0:
            return os.open(os.devnull, os.O_RDONLY)
        if length <= _PIPE:
            data = b""
            while len(data) < length:
                data += _some(connection, length - len(data))
            return fd_with(data, self._temporary)
        return _file_with(_pieces(connection, length), self._temporary)


def _changed(environ: dict[str, str], change: Callable[[Headers], Headers]) -> bool:
    """Changes the headers of the request in `environ`, if there is something to change."""
    headers = [(name[5:].replace("_", "-"), environ[name]) for name in environ if name[:5] == "HTTP_"]
    if (asked := change(headers)) is headers:
        return False
    for name, _ in headers:
        del environ["HTTP_" + name.replace("-", "_")]
    environ |= {"HTTP_" + name.upper().replace("-", "_"): value for name, value in asked}
    return True


def _elsewhere(status: int, location: str) -> Refused:
    return Refused(status, "", "", *([f"Location: {location}"] if location else []))


def _pieces(connection: socket.socket, length: int) -> Iterator[bytes]:
    while length:
        data = _some(connection, length)
        length -= len(data)
        yield data


def fd_with(data: bytes, temporary: str) -> int:
    """An fd to read these bytes from, at most 64 KB: a pipe if that takes them, else a file in the directory
    `temporary`. Raises OSError."""
    reader, writer = os.pipe()
    try:
        # Of a user with many pipes they are small (pipe(7), pipe-user-pages-soft). In one piece, since odd
        # pieces do not fill its pages.
        if len(data) <= _size_of(writer):
            os.write(writer, data)
            return reader
    finally:
        os.close(writer)
    os.close(reader)
    return _file_with((data,), temporary)


def _file_with(pieces: Iterable[bytes], temporary: str) -> int:
    file = unnamed_file(temporary)
    try:
        for data in pieces:
            view = memoryview(data)
            while view:
                view = view[os.write(file, view) :]
        os.lseek(file, 0, os.SEEK_SET)
    except BaseException:
        os.close(file)
        raise
    return file


def _size_of(pipe: int) -> int:
    try:
        return fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)
    except AttributeError:  # not Linux
        return select.PIPE_BUF


def _some(connection: socket.socket, most: int) -> bytes:
    data = connection.recv(min(_CHUNK, most))
    if not data:
        raise EOFError
    return data


def _head(connection: socket.socket) -> bytes:
    """The head alone: what follows is left, since a gateway's further byte must stay unread."""
    data = connection.recv(_PEEK, socket.MSG_PEEK)
    size = scgi.header_size(data)
    head = b""
    while size is None or len(head) < size:
        more = connection.recv(1 if size is None else size - len(head))
        if not more:
            raise EOFError
        head += more
        size = scgi.header_size(head) if size is None else size
    return head


def unnamed_file(directory: str) -> int:
    """A new file, open for reading and writing, that goes away with its last descriptor."""
    if hasattr(os, "O_TMPFILE"):
        try:
            return os.open(directory, os.O_TMPFILE | os.O_RDWR, 0o600)
        except OSError:
            pass  # not every file system has it
    path = os.path.join(directory, f"body.{os.getpid()}")
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    os.unlink(path)
    return file


def _discard(connection: socket.socket, length: int) -> None:
    """Read what the peer is still sending, a bounded part of it, so that it can read our answer."""
    while 0 < length < 64 * 1024 * 1024:
        data = connection.recv(min(_CHUNK, length))
        if not data:
            return
        length -= len(data)
