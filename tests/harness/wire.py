"""Requests written byte by byte and answers read byte by byte: a client library would mend what is tested.

An Exchange is one request under way over a socket or a pair of pipes. It writes and reads whichever is
possible, so that neither side can block the other, and can stop half way to look at what has come.
"""

from __future__ import annotations

import os
import re
import select
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

Headers = Iterable[tuple[str, str]]


@dataclass
class Response:
    """What came back. `whole` is false where the connection showed that something is missing."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes
    raw: bytes
    whole: bool = True
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def all(self, name: str) -> list[str]:
        """The values of every header of that name."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        """The value of a header that must not come twice."""
        values = self.all(name)
        assert len(values) < 2, f"{name} comes {len(values)} times"
        return values[0] if values else None

    @property
    def pid(self) -> int:
        """The process that ran a script with the usual head."""
        return int(self.header("X-Pid") or 0)

    @property
    def lines(self) -> list[str]:
        return self.body.decode().splitlines()


class Exchange:
    """One request under way; `writer` -1 means that everything goes through the socket or pipe `reader`."""

    def __init__(
        self,
        parse: Callable[[bytes, bool], Response],
        reader: int,
        pending: bytes | Iterable[bytes],
        writer: int = -1,
        process: subprocess.Popen[bytes] | None = None,
    ) -> None:
        self.parse, self.reader, self.writer, self.process = parse, reader, writer, process
        self.pieces = iter([pending] if isinstance(pending, bytes) else pending)
        self.piece = memoryview(b"")
        self.raw = bytearray()
        self.ended = self.reset = False
        for fd in {reader, self._out()} - {-1}:
            os.set_blocking(fd, False)

    def _out(self) -> int:
        return self.reader if self.writer == -1 else self.writer

    def _refill(self) -> bool:
        """Is there something to write? A pipe is closed once there is not, a socket is not."""
        while not self.piece and self.pieces is not None:
            self.piece = memoryview(next(self.pieces, b""))
            if not self.piece:
                self._stop_writing()
        return bool(self.piece)

    def _stop_writing(self) -> None:
        self.piece, self.pieces = memoryview(b""), None
        if self.writer != -1:
            os.close(self.writer)
            self.writer = -1

    def pump(self, enough: Callable[[bytearray], object] = lambda raw: False, timeout: float = 30) -> None:
        """Write and read until the other side ends or `enough(what has come)` is true."""
        deadline = time.monotonic() + timeout
        while not self.ended and not enough(self.raw):
            out = [self._out()] if self._refill() else []
            ready = select.select([self.reader], out, [], max(0, deadline - time.monotonic()))
            if not any(ready):
                raise TimeoutError(f"no more than {bytes(self.raw[-2000:])!r} in {timeout} s")
            if ready[1]:
                try:
                    self.piece = self.piece[os.write(self._out(), self.piece) :]
                except (BrokenPipeError, ConnectionResetError):
                    self._stop_writing()
            if ready[0]:
                self._read()

    def _read(self) -> None:
        try:
            data = os.read(self.reader, 1 << 18)
        except ConnectionResetError:
            data, self.reset = b"", True
        self.raw += data
        if not data:
            self.drop()

    def wait_for(self, text: bytes, timeout: float = 30) -> None:
        """Read until `text` has come."""
        self.pump(lambda raw: text in raw, timeout)
        assert text in self.raw, f"ended without {text!r}: {bytes(self.raw)!r}"

    def finish(self, timeout: float = 30) -> Response:
        """Read until the other side ends."""
        self.pump(timeout=timeout)
        response = self.parse(bytes(self.raw), self.reset)
        response.process = self.process
        return response

    def end_side(self) -> None:
        """Write what there is, and say that nothing follows."""
        while self._refill():
            select.select([], [self._out()], [], 10)
            self.piece = self.piece[os.write(self._out(), self.piece) :]
        with socket.socket(fileno=os.dup(self.reader)) as end:
            end.shutdown(socket.SHUT_WR)

    def drop(self) -> None:
        """Go away, whatever is under way."""
        if not self.ended:
            self.ended = True
            self._stop_writing()
            os.close(self.reader)


def connect(address: tuple[str, int] | str) -> int:
    """The fd of a connection to (host, port) or to the path of a unix socket."""
    if isinstance(address, str):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(address)
    else:
        sock = socket.create_connection(address, timeout=10)
    return sock.detach()


def http_request(method: str, target: str, headers: Headers = (), body: bytes = b"") -> bytes:
    """An HTTP/1.1 request; Host, Connection: close and Content-Length are added where missing."""
    headers = list(headers)
    names = {name.lower() for name, _ in headers}
    extra = [("Host", "localhost")] if "host" not in names else []
    if "connection" not in names:
        extra.append(("Connection", "close"))
    if not names & {"content-length", "transfer-encoding"} and (body or method in ("POST", "PUT")):
        extra.append(("Content-Length", str(len(body))))
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in extra + headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def _headers(block: bytes) -> list[tuple[str, str]]:
    pairs = (line.partition(":") for line in block.decode("latin-1").splitlines() if line)
    return [(name, value.strip()) for name, _, value in pairs]


def parse_http(raw: bytes, reset: bool = False, method: str = "GET") -> Response:
    """An HTTP/1.x response that ends with its connection, or what came of one."""
    head, blank, rest = raw.partition(b"\r\n\r\n")
    line, _, block = head.partition(b"\r\n")
    if not blank or not re.match(rb"HTTP/1\.[01] \d\d\d( |$)", line):
        return Response(0, "", [], raw, raw, whole=False)
    _, status, reason = (line.decode("latin-1") + " ").split(" ", 2)
    response = Response(int(status), reason.strip(), _headers(block), rest, raw, whole=not reset)
    if response.header("Transfer-Encoding") == "chunked":
        response.body, ended = _dechunk(rest)
        response.whole &= ended
    elif (length := response.header("Content-Length")) and method != "HEAD" and response.status != 304:
        response.whole &= len(rest) == int(length)
    return response


def _dechunk(data: bytes) -> tuple[bytes, bool]:
    body = b""
    while True:
        size, newline, data = data.partition(b"\r\n")
        if not newline:
            return body, False
        length = int(size.partition(b";")[0], 16)
        if not length:
            return body, data == b"\r\n"
        body += data[:length]
        if data[length : length + 2] != b"\r\n":
            return body, False
        data = data[length + 2 :]


def parse_cgi(raw: bytes, reset: bool = False) -> Response:
    """A CGI response with the status that a web server would give it; without a head that is 500."""
    match = re.match(rb"((?:[^\r\n]+\r?\n)+)\r?\n", raw)
    if not match:
        return Response(500, "", [], raw, raw, whole=False)
    headers = _headers(match[1])
    response = Response(200, "", headers, raw[match.end() :], raw, whole=not reset)
    if status := response.header("Status"):
        code, _, response.reason = status.partition(" ")
        response.status = int(code)
    elif response.header("Location"):
        response.status = 302
    return response


def scgi_request(environ: Mapping[str, str], body: bytes) -> bytes:
    """An SCGI request as nginx sends it."""
    fields = {"CONTENT_LENGTH": str(len(body)), "SCGI": "1", **environ}
    head = "".join(f"{name}\0{value}\0" for name, value in fields.items()).encode("utf-8", "surrogateescape")
    return b"%d:%s,%s" % (len(head), head, body)
