"""Parser of what a CGI script prints (RFC 3875 section 6), without I/O.

Bytes come in as they arrive and are cut into lines; each line is judged when it is whole, so neither the
result nor an error depends on how the output was cut into pieces, and never more than one line waits. At the
blank line the head is made, and from then on bytes pass untouched. Where the RFC is silent we do as Apache's
ap_scan_script_header does.
"""

from __future__ import annotations

from http import HTTPStatus

_PHRASES = {status.value: status.phrase for status in HTTPStatus}

MAX_LINE = 8 * 1024
MAX_HEAD = 64 * 1024

# Of several of these the last counts: a traceback page printed amid the headers brings its own type.
_SINGLE = ("content-type", "content-length", "content-range", "etag", "last-modified", "location")
# The connection belongs to the server; a comment is cgitb's "<!--: spam", which is there to end any HTML that
# may be open.
_DROPPED = {
    *("status", "<!--", "connection", "keep-alive", "proxy-connection"),
    *("te", "trailer", "transfer-encoding", "upgrade"),
}
# The server's to say, unless an nph script speaks for it.
_SERVER = {"date", "server"}
_TOKEN = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CONTROLS = bytes(set(range(32)) - {9}) + b"\x7f"


class BadResponse(Exception):
    """The output is no CGI response; the message says why, for the error log."""


class Head:
    """Status and headers of a response.

    `reason` is the phrase that goes with `status`, `explicit` says whether the script chose it. `headers` are
    pairs in the script's order, text is Latin-1 (the bytes as they are). `local_redirect` is the path, with a
    query perhaps, which the server itself is to answer with (RFC 3875 section 6.2.2). `raw` is the whole head
    as it came, where an nph script speaks for the server (section 5).
    """

    __slots__ = ("explicit", "headers", "local_redirect", "raw", "reason", "status")

    def __init__(
        self,
        status: int,
        reason: str,
        explicit: bool,
        headers: list[tuple[str, str]],
        local_redirect: str | None,
        raw: bytes,
    ) -> None:
        self.status = status
        self.reason = reason or phrase(status)
        self.explicit = explicit
        self.headers = headers
        self.local_redirect = local_redirect
        self.raw = raw

    def get(self, name: str) -> str | None:
        """The value of the first header called `name` (in lower case)."""
        return first(self.headers, name)

    @property
    def untyped(self) -> bool:
        """Has the script forgotten to say what it sends?"""
        return not (self.explicit or self.get("content-type") or self.get("location"))


def first(headers: list[tuple[str, str]], name: str) -> str | None:
    """The value of the first header called `name` (in lower case)."""
    for key, value in headers:
        if key.lower() == name:
            return value
    return None


def phrase(status: int) -> str:
    """The reason phrase that usually goes with a status."""
    return _PHRASES.get(status, "Unknown")


def is_nph(filename: str) -> bool:
    """Whether a script, by its name, writes the status line itself (RFC 3875 section 5)."""
    return filename.rpartition("/")[2].startswith("nph-")


class Parser:
    """Feed it output, close it at the end. `head` is None until the blank line after the headers has come.

    With `nph` (a script whose name begins with nph-) a Location says nothing about the status.
    """

    def __init__(self, nph: bool = False) -> None:
        self.head: Head | None = None
        self._nph = nph
        self._rest = b""
        self._block = bytearray()
        self._interim = b""  # heads of interim responses, before the one that counts
        self._status: tuple[int, str] | None = None
        self._headers: list[tuple[str, str]] = []

    def feed(self, data: bytes) -> bytes:
        """Takes the next piece of output, gives back what of it belongs to the body. Raises BadResponse."""
        if self.head is not None:
            return data
        data = self._rest + data
        start = 0
        while (end := data.find(b"\n", start, start + MAX_LINE + 1)) >= 0:
            line = data[start:end].removesuffix(b"\r")
            self._block += data[start : end + 1]
            start = end + 1
            if len(self._interim) + len(self._block) > MAX_HEAD:
                raise BadResponse(f"headers of more than {MAX_HEAD} bytes")
            if not line and self._status and self._status[0] < 200 and self._status[0] != 101:
                self._interim += self._block
                self._block.clear()
                self._status = None
                self._headers.clear()
                continue
            if not line:
                self.head = self._make_head()
                self._rest = b""
                return data[start:]
            self._line(line)
        self._rest = data[start:]
        if len(self._rest) > MAX_LINE:
            raise BadResponse(f"header line of more than {MAX_LINE} bytes: {_shown(self._rest)}")
        return b""

    def close(self) -> None:
        """Says that the output has ended. Raises BadResponse where the head is incomplete."""
        if self.head is None:
            begun = self._interim or self._block or self._rest
            raise BadResponse("output ended within the headers" if begun else "no output")

    def _line(self, line: bytes) -> None:
        if line.translate(None, _CONTROLS) != line:
            raise BadResponse(f"control character in header: {_shown(line)}")
        name, colon, value = line.partition(b":")
        name = name.rstrip()
        if line.startswith(b"HTTP/") and not (self._headers or self._status):
            least = 100 if self._nph else 200
            self._status = _status(line.partition(b" ")[2].decode("latin-1"), least)
        elif line.startswith((b" ", b"\t")) and self._headers:
            key, before = self._headers[-1]
            self._headers[-1] = key, f"{before} {line.strip().decode('latin-1')}".strip()
        elif name.startswith(b"<!--"):
            self._headers.append(("<!--", ""))
        elif colon and name and not name.translate(None, _TOKEN):
            self._headers.append((name.decode("ascii"), value.strip().decode("latin-1")))
        else:
            raise BadResponse(f"malformed header: {_shown(line)}")

    def _make_head(self) -> Head:
        last = {name.lower(): i for i, (name, _) in enumerate(self._headers)}
        if "status" in last:
            self._status = _status(self._headers[last["status"]][1])
        raw = self._interim + self._block if self._nph and self._block.startswith(b"HTTP/") else b""
        dropped = _DROPPED if raw else _DROPPED | _SERVER
        if "content-length" in last:
            lengths = {value for name, value in self._headers if name.lower() == "content-length"}
            if not (len(lengths) == 1 and all(map(is_length, lengths))):
                dropped = dropped | {"content-length"}
        headers = [
            (name, value)
            for i, (name, value) in enumerate(self._headers)
            if (key := name.lower()) not in dropped and (key not in _SINGLE or i == last[key])
        ]
        location = self._headers[last["location"]][1] if "location" in last else ""
        status, reason = self._status or (200, "")
        local_redirect = None
        if location and status == 200 and not self._nph:
            if location.startswith("/") and not location.startswith("//"):
                local_redirect = location
            else:
                status, reason = 302, ""
        return Head(status, reason, self._status is not None, headers, local_redirect, raw)


def _status(text: str, least: int = 200) -> tuple[int, str]:
    """Status and phrase from "404", "404 Gone Fishing"."""
    code, _, reason = text.strip().replace("\t", " ").partition(" ")
    if not (len(code) == 3 and code.isascii() and code.isdigit() and least <= int(code) <= 599):
        raise BadResponse(f"invalid status {text[:60]!r}")
    return int(code), reason.strip()


def is_length(value: str) -> bool:
    """Whether a Content-Length is a number, and one that can be meant."""
    return value.isascii() and value.isdigit() and len(value) < 19


def _shown(line: bytes) -> str:
    return repr(line[:60].decode("utf-8", "backslashreplace"))
