"""The WSGI application (PEP 3333): the same conversation with the pool as `asgi` has, over a blocking socket.

The response is a generator, so that output goes to the client as it comes. When a client leaves, servers
close the generator, which closes the connection to the pool and so ends the script; where the server shows us
the client's socket we notice that even while the script is silent.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import select
import socket
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_to_bytes

from cgicompat.response import is_length

from .body import Body
from .exchange import HALF_CLOSE, Aborted, End, Run
from .message import File, Reply, Request, page
from .names import Names
from .pools import RETRY_AFTER, Pools
from .site import Site, split_mount
from .static import whole_or_part

if TYPE_CHECKING:
    from cgicompat.config import Settings
    from cgicompat.pool import Pool

    from .exchange import Answer

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]

PIECE = 64 * 1024
LINGER = 8 * 1024 * 1024  # bytes of a refused body that are still taken, for the client to read why
_UTF8 = ("utf-8", "surrogateescape")
_GONE = select.POLLHUP | select.POLLERR
_ENDED = getattr(select, "POLLRDHUP", 0)  # its side


class CGI:
    """Serves the directory of `settings`, or only `script` (absolute) in it.

    The pool is `pool`, which its owner closes, or the one at `settings.socket`, or else a private one for
    each process, started by its first request and closed at its exit. With `listing` a directory without
    index.html shows what it holds.
    """

    def __init__(
        self,
        settings: Settings,
        pool: Pool | None = None,
        *,
        script: str | None = None,
        listing: bool = True,
    ) -> None:
        self.site = Site(settings, script, listing, Names().waited_for)
        self.pools = Pools(settings, pool)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ = _with_texts(environ)
        request = request_of(environ)
        answer = self.site.answer(request)
        if isinstance(answer, Run):
            return self._run(answer, environ, start_response)
        if isinstance(answer, File):
            return _send_file(answer, environ, start_response)
        return _send_reply(answer, environ, start_response)

    def _run(self, answer: Answer | None, environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        with contextlib.closing(Body()) as body:
            if isinstance(answer, Run):
                answer = _take_in(body, answer, environ)
            while isinstance(answer, Run):
                answer = yield from self._relay(answer, body, environ, start_response)
                body.close()
        if isinstance(answer, File):
            yield from _send_file(answer, environ, start_response)
        elif answer:
            yield from _send_reply(answer, environ, start_response)

    def _relay(
        self, run: Run, body: Body, environ: Environ, start_response: StartResponse
    ) -> Generator[bytes, None, Answer | None]:
        """One run of a script. Returns what the client is to be sent, if it has not been sent anything."""
        try:
            connection = _Connection(self.pools.address(), environ.get("gunicorn.socket"))
        except OSError as error:
            run.fail(503, f"cannot reach the pool: {error}", RETRY_AFTER)
            return run.next and run.next()
        with connection as pool:
            pool.send(run, body)
            started = False
            while not run.finished:
                data = run.feed(*pool.read(run.patience))
                if run.reply and not started:
                    started = True
                    _start(run.reply, start_response)
                if started:  # the first piece may be empty: it takes the head along
                    yield data
            if run.broken:
                raise Aborted(run.broken)
            answer = run.next and run.next()
            if isinstance(answer, Reply):
                yield from _send_reply(answer, environ, start_response)
                answer = None
            pool.drain()
        return answer


class _Connection:
    """A connection to the pool at `address`, a path or host and port. Raises OSError.

    `client` is the client's socket where the server lets us see it.
    """

    def __init__(self, address: str | tuple[str, int], client: socket.socket | None) -> None:
        self._private = isinstance(address, str)
        if isinstance(address, str):
            self._socket = socket.socket(socket.AF_UNIX)
            try:
                self._socket.connect(address)
            except OSError:
                self._socket.close()
                raise
        else:
            self._socket = socket.create_connection(address)
        self._client: socket.socket | None = None
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        if client and type(self._poll).__module__ == "select":  # gevent's knows nothing of hanging up
            self._client = client
            self._poll.register(client, _GONE | _ENDED)
        self._begun = time.monotonic()

    def __enter__(self) -> _Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, run: Run, body: Body) -> None:
        """Sends the request."""
        data = run.opening(body.size, self._private)
        try:
            while piece := body.read():
                self._socket.sendall(data + piece)
                data = b""
            self._socket.sendall(data + run.closing(self._private))
        except (BrokenPipeError, ConnectionResetError):
            pass  # read() will tell how it ended

    def read(self, within: float | None = None) -> tuple[bytes, End | None]:
        """What comes next, waiting for it, for so many seconds if it is said, and how the connection ended,
        if it has. Raises BrokenPipeError, which servers know how to take, once the client has left."""
        if self._client or within is not None:
            events = dict(self._poll.poll(within and math.ceil(within * 1000)))
            if self._client and (event := events.get(self._client.fileno())):
                if event & _GONE or time.monotonic() - self._begun > HALF_CLOSE:
                    raise BrokenPipeError(errno.EPIPE, "the client has left")
                self._poll.modify(self._client, _GONE)
                return self.read(within)
            if not events:
                return b"", None
        try:
            data = self._socket.recv(PIECE)
        except ConnectionResetError:
            return b"", End.RESET
        return data, None if data else End.EOF

    def drain(self) -> None:
        """Lets the script go on to its end, with nobody listening."""
        with contextlib.suppress(OSError):
            while self._socket.recv(PIECE):
                pass


def request_of(environ: Environ) -> Request:
    """The request that a WSGI environ stands for."""
    mount = _text(environ.get("SCRIPT_NAME", "")).rstrip("/")
    full = mount + _text(environ.get("PATH_INFO", ""))
    path = quote(full, errors="surrogateescape")
    query = _text(environ.get("QUERY_STRING", ""))
    # What the client sent, where the server tells, unless it has rewritten the path since.
    uri = _text(environ.get("RAW_URI") or environ.get("REQUEST_URI") or "")
    sent, authority = uri.partition("?")[0], ""
    if "://" in sent:  # an absolute target, which names the host
        authority, _, sent = sent.partition("://")[2].partition("/")
        sent = "/" + sent
    if unquote_to_bytes(sent.encode(*_UTF8)) == full.encode(*_UTF8):
        path = sent
    prefix, rest = split_mount(path, mount) or ("", path)
    names = {"CONTENT_TYPE": "content-type", "CONTENT_LENGTH": "content-length"}
    headers = [
        (names.get(key) or key[5:].replace("_", "-").lower(), _text(value))
        for key, value in environ.items()
        if key.startswith("HTTP_") or (key in names and value)
    ]
    if authority:
        headers = [(name, authority if name == "host" else value) for name, value in headers]
    client, server = environ.get("REMOTE_ADDR"), environ.get("SERVER_ADDR") or environ.get("SERVER_NAME")
    return Request(
        method=environ["REQUEST_METHOD"],
        mount=mount,
        prefix=prefix,
        path=rest,
        query=query,
        uri=uri or (f"{path}?{query}" if query else path),
        headers=headers,
        protocol=environ.get("SERVER_PROTOCOL", "HTTP/1.1"),
        scheme=environ.get("wsgi.url_scheme", "http"),
        server=(server, _port(environ.get("SERVER_PORT"))) if server else None,
        client=(client, _port(environ.get("REMOTE_PORT"))) if client else None,
        user=environ.get("REMOTE_USER") or "",
        auth_type=environ.get("AUTH_TYPE") or "",
    )


def _with_texts(environ: Environ) -> Environ:
    """The environ with the variables of CGI as PEP 3333 has them: some servers leave numbers there, or None
    (werkzeug.serving, REMOTE_PORT)."""
    odd = {
        name: "" if value is None else value.decode("latin-1") if isinstance(value, bytes) else str(value)
        for name, value in environ.items()
        if not isinstance(value, str) and "." not in name
    }
    return {**environ, **odd} if odd else environ


def _port(text: str | None) -> int:
    return int(text) if text and is_length(text) else 0


def _take_in(body: Body, run: Run, environ: Environ) -> Answer:
    """Receives the request's body for `run`. Returns it, or what is to be answered in its place."""
    try:
        for data in _pieces(environ):
            if body.size + len(data) > run.settings.max_body:
                return page(413)
            if body.add(data):
                body.flush()
        body.rewind()
    except _Incomplete:
        return page(400)
    except OSError as error:
        run.fail(500, f"cannot store the body: {error}")
        assert run.next
        return run.next()
    return run


class _Incomplete(Exception):
    """The request's body broke off, or was malformed."""


def _pieces(environ: Environ) -> Iterator[bytes]:
    """The request's body. Raises _Incomplete."""
    read = environ["wsgi.input"].read
    chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
    left = 0.0
    if length := environ.get("CONTENT_LENGTH"):
        if not is_length(length):
            raise _Incomplete
        left = int(length)
    elif environ.get("wsgi.input_terminated"):
        left = math.inf
    elif chunked:
        read = _uwsgi_reader()
        left = math.inf
    while left:
        try:
            data = read(min(PIECE, left))
        except Exception as error:  # each server has its own for a malformed or broken-off body
            raise _Incomplete from error
        if not data:
            if left < math.inf:
                raise _Incomplete
            return
        left -= len(data)
        yield data


def _uwsgi_reader() -> Callable[[float], bytes]:
    """uWSGI leaves chunked bodies to a function of its own. Raises _Incomplete under any other server."""
    try:
        from uwsgi import chunked_read  # type: ignore[import-untyped]
    except ImportError:
        raise _Incomplete from None
    return lambda _: chunked_read()


def _send_reply(reply: Reply, environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
    """Sends a complete reply."""
    _start(reply, start_response)
    yield b"" if environ["REQUEST_METHOD"] == "HEAD" else reply.body
    if reply.status == 413:
        # A connection closed while the client still sends is reset before the client has read why.
        taken = 0
        with contextlib.suppress(_Incomplete):
            for data in _pieces(environ):
                taken += len(data)
                if taken > LINGER:
                    break


def _send_file(file: File, environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
    """Sends a static file, or the part of it that is asked for."""
    try:
        stream = open(file.path, "rb")
    except OSError:  # gone since a moment ago
        yield from _send_reply(page(404), environ, start_response)
        return
    with stream:
        reply, offset, left = whole_or_part(file.request, file.path, os.fstat(stream.fileno()), file.kind)
        reply.headers += file.headers
        if file.change:
            reply.headers = file.change(reply.headers)
        yield from _send_reply(reply, environ, start_response)
        if environ["REQUEST_METHOD"] != "HEAD":
            stream.seek(offset)
            while left and (data := stream.read(min(PIECE, left))):
                left -= len(data)
                yield data


def _start(reply: Reply, start_response: StartResponse) -> None:
    start_response(f"{reply.status} {reply.reason}", reply.headers)


def _text(value: str) -> str:
    """WSGI's text, bytes as Latin-1, as text of the environment."""
    return value.encode("latin-1").decode(*_UTF8)
