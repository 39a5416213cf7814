"""Where an HTTP/1 message begins and ends, as Apache sees it, in front of a parser that knows less.

httptools takes no method that is not in its list, no bytes above ASCII in a URL, no header of several lines,
no blanks in what follows the size of a chunk; it takes trailers for headers, and a body for another request
where a client offers an upgrade (curl --http2 does). So messages are cut here: httptools gets each head by
itself, with a request line that it knows in place of an odd one, and chunked bodies without extensions and
trailers (RFC 9112).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from .message import VERBATIM
from .verbatim import VerbatimProtocol

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_HEAD = 64 * 1024  # bytes of request line and headers
MAX_LINE = 8 * 1024  # bytes of the line before a chunk
MAX_TRAILERS = 64 * 1024  # bytes of all lines after the last one

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_USUAL = re.compile(rb"(?:GET|POST|HEAD) /[!\"$-~]* HTTP/1\.[01]\r\n")
_LINE = re.compile(rb"(" + _TOKEN + rb") ([^\0- #\x7f]+)(?: HTTP/(1\.[0-9]|2\.0))?\r\n")
_BEGUN = re.compile(_TOKEN + rb"(?: |\Z)")  # what may become one
_ABSOLUTE = re.compile(rb"(?i:https?)://([^/?]*)(.*)")
_SIZE = re.compile(rb"0*([0-9A-Fa-f]{1,15})[ \t]*(?:;[\t -~\x80-\xff]*)?\r\n")
_FOLD = re.compile(rb"\r\n[ \t]+")  # RFC 9112 section 5.2
_UPGRADE = re.compile(rb"(?i)\nupgrade(?=[ \t]*:)")
_NO_UPGRADE = b"\nx-offered-upgrade"


class Malformed(ValueError):
    """What came is not HTTP."""


class RequestLine:
    """What a request line says (RFC 9112 section 3): `method`, `target` as sent, `version`; of the target
    `path` and `query`, and the `authority` where it names one."""

    def __init__(self, line: bytes) -> None:
        match = _LINE.fullmatch(line)
        if not match:
            raise Malformed("request line")
        method, self.target, version = match.groups()
        self.method = method.decode("ascii")
        self.version = (version or b"0.9").decode("ascii")
        absolute = _ABSOLUTE.fullmatch(self.target)
        self.authority: bytes | None = absolute[1] if absolute else None
        path, _, query = (absolute[2] if absolute else self.target).partition(b"?")
        self.path, self.query = path or b"/", query
        whole = method == b"CONNECT" or (method, path) == (b"OPTIONS", b"*")
        if not (absolute or whole or path.startswith(b"/")):
            raise Malformed("request target")
        if self.version == "0.9" and method != b"GET":
            raise Malformed("a request of HTTP/0.9 that is no GET")

    @property
    def stand_in(self) -> bytes:
        """A line in its place that every parser knows."""
        return b"GET / HTTP/%s\r\n" % {"0.9": b"1.0", "1.0": b"1.0", "2.0": b"2.0"}.get(self.version, b"1.1")


class Chunks:
    """Takes extensions and trailers out of a chunked body (RFC 9112 section 7.1), until that has `ended`."""

    def __init__(self) -> None:
        self.ended = False
        self._left = 0  # bytes of the chunk, its line end included
        self._line = b""  # what has come of a line
        self._trailers: int | None = None  # bytes of them, behind the last chunk

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """What of `data` remains, and what of it follows the body. Raises Malformed."""
        out, start = [], 0
        while start < len(data) and not self.ended:
            if self._left:
                piece = data[start : start + self._left]
                self._left -= len(piece)
                start += len(piece)
                out.append(piece)
                continue
            end = data.find(b"\n", start) + 1 or len(data)
            self._line += data[start:end]
            start = end
            if self._line.endswith(b"\n"):
                out.append(self._next(self._line))
                self._line = b""
            if len(self._line) > MAX_LINE:
                raise Malformed("line before a chunk is too long")
        return b"".join(out), data[start:]

    def _next(self, line: bytes) -> bytes:
        if self._trailers is None:
            match = _SIZE.fullmatch(line)
            if not match:
                raise Malformed("size of a chunk")
            if size := int(match[1], 16):
                self._left = size + 2
            else:
                self._trailers = 0
            return b"%x\r\n" % size
        self._trailers += len(line)
        if self._trailers > MAX_TRAILERS or not line.endswith(b"\r\n"):
            raise Malformed("trailers")
        self.ended = line == b"\r\n"
        return line if self.ended else b""


class FramedProtocol(VerbatimProtocol):
    """uvicorn's protocol, one message at a time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._held = b""  # of a head that has not come whole
        self._line: RequestLine | None = None  # of this request, where a stand-in took its place
        self._body: Chunks | int = 0  # that is to come, or bytes of it

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        feed = super().data_received
        try:
            while data and not self.transport.is_closing():
                if isinstance(self._body, Chunks):
                    piece, data = self._body.feed(data)
                    if self._body.ended:
                        self._body = 0
                    if piece:
                        feed(piece)
                elif self._body:
                    piece, data = data[: self._body], data[self._body :]
                    self._body -= len(piece)
                    feed(piece)
                else:
                    data = self._take_head(self._held + data, feed)
        except Malformed as error:
            self.refuse(f"Malformed {error}.")

    def refuse(self, why: str) -> None:
        """Ends the connection, with a 400 unless something else has been sent."""
        if self.transport.is_closing():
            return
        self.logger.warning(why)
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.close()
        else:
            self.send_400_response(why)

    def _take_head(self, data: bytes, feed: Callable[[bytes], None]) -> bytes:
        """Feeds the head that `data` begins with, if it is whole. Returns what follows. Raises Malformed."""
        self._held = b""
        usual = _USUAL.match(data)
        if not usual:
            data = data.lstrip(b"\r\n")  # as sent after a body by old browsers
            usual = _USUAL.match(data)
        start = 0
        if not usual:
            start = data.find(b"\n") + 1
            if start:
                self._line = RequestLine(data[:start])
                if self._line.version == "0.9":
                    feed(self._line.stand_in + b"\r\n")
                    return b""
            elif data and not _BEGUN.match(data):
                raise Malformed("request line")
        end = data.find(b"\r\n\r\n") + 4
        if max(end, len(data) if end < 4 else 0) > MAX_HEAD:
            raise Malformed("request: its head is too large")
        if end < 4:
            if b"\n\n" in data:
                raise Malformed("line end")
            self._held, self._line = data, None
            return b""
        head = data[:end] if usual else self._line.stand_in + data[start:end]  # type: ignore[union-attr]
        if b"\n " in head or b"\n\t" in head:
            head = _FOLD.sub(b" ", head)
        if b"\nupgrade" in head.lower():
            head = _UPGRADE.sub(_NO_UPGRADE, head)
        feed(head)
        return data[end:]

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        value = value.rstrip(b" \t")
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        elif name == b"transfer-encoding":
            self._body = Chunks()
        elif name == b"content-length":
            if not value.isdigit() or len(value) > 19:
                raise Malformed("Content-Length")
            self._body = int(value)
        elif name == _NO_UPGRADE[1:]:
            name = b"upgrade"
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        line, self._line = self._line, None
        if line and line.authority is not None:  # which counts, whatever Host says
            self.headers[:] = [
                (name, line.authority if name == b"host" else value) for name, value in self.headers
            ]
        version = line.version if line else self.parser.get_http_version()
        if version not in ("0.9", "1.0") and b"host" not in [name for name, _ in self.headers]:
            raise Malformed("request without Host")  # of more than one the application knows, too
        super().on_headers_complete()
        if line:
            self.scope["method"] = line.method
            self.scope["http_version"] = line.version
            self.scope["raw_path"] = line.path
            self.scope["path"] = unquote_to_bytes(line.path).decode("utf-8", "replace")
            self.scope["query_string"] = line.query
            self.scope["extensions"][VERBATIM] = {"target": line.target}
