"""The `cgi` module that left Python in 3.13: forms, uploads and the small helpers of CGI scripts.

Drop-in for the one of Python 3.12: the same names, signatures and results, on the same input. What differs is
that every form has limits (below), that input is scanned in blocks instead of line by line, and that nothing
is imported before it is needed: importing this module loads no other.

How a form is read: FieldStorage parses the request's head and asks a _Body for the parts. _Body knows cgi's
forgiving rules (a boundary is any line that is the boundary once its right end is stripped) and keeps to them
whatever comes in. What is well-formed by the strict rules of RFC 7578 it hands to multipart's
PushMultipartParser, block by block, and takes the result only where both sets of rules must agree on it; from
the first block where they might not, it goes on by itself. Nothing beyond Content-Length is ever read.

Limits: over one of them FieldStorage raises ValueError with an attribute `http_status` of 413, and its
temporary files are closed. Each is a keyword of FieldStorage, with a default that the environment of the
process can change (numbers may end in K, M or G):

    keyword          environment              default
    max_num_fields   CGICOMPAT_FORM_FIELDS    10000    fields in a request
    max_header       CGICOMPAT_FORM_HEADER    64K      bytes of header lines of one part
    max_memory       CGICOMPAT_FORM_MEMORY    16M      bytes of text fields and headers in a request
    max_depth        CGICOMPAT_FORM_DEPTH     5        multiparts inside each other, the form included
    spool            CGICOMPAT_FORM_SPOOL     64K      bytes of one value kept in memory; more go to a file

`maxlen`, 0 by default, limits Content-Length as it always did.
"""

from __future__ import annotations

import os
import sys
import sys as _sys  # for ourselves: scripts and tests put something else into `cgi.sys`
from _collections_abc import Mapping  # collections.abc, without the package around it
from codecs import getincrementaldecoder
from io import BytesIO, StringIO, TextIOWrapper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, MutableMapping
    from types import TracebackType
    from typing import IO, Any, ClassVar

    Items = list["FieldStorage | MiniFieldStorage"]
del TYPE_CHECKING

__all__ = [
    "FieldStorage",
    "FormContentDict",
    "MiniFieldStorage",
    "SvFormContentDict",
    "escape",
    "parse",
    "parse_header",
    "parse_multipart",
    "parse_qs",
    "parse_qsl",
    "print_arguments",
    "print_directory",
    "print_environ",
    "print_environ_usage",
    "print_exception",
    "print_form",
    "test",
]

__version__ = "2.6"

maxlen = 0  # the largest Content-Length accepted, 0 for any

_LINE = 1 << 16  # bytes; as far as a line is looked at in one piece, as cgi always did
_BLOCK = 1 << 16  # bytes read and written at a time
_LIMITS = {  # keyword of FieldStorage: variable, default
    "max_num_fields": ("CGICOMPAT_FORM_FIELDS", 10_000),
    "max_header": ("CGICOMPAT_FORM_HEADER", 1 << 16),
    "max_memory": ("CGICOMPAT_FORM_MEMORY", 16 << 20),
    "max_depth": ("CGICOMPAT_FORM_DEPTH", 5),
    "spool": ("CGICOMPAT_FORM_SPOOL", 1 << 16),
}


def __getattr__(name: str) -> Any:
    """The modules that scripts reach through this one (`cgi.html`, `cgi.urllib`), imported when they are."""
    if name in ("html", "locale", "tempfile", "urllib", "warnings"):
        return __import__("urllib.parse" if name == "urllib" else name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class _LimitExceeded(ValueError):
    """A request over one of the limits; a server may answer it with `http_status`."""

    http_status = 413


def _limit(keyword: str) -> int:
    """Return the limit that the environment sets, or the default."""
    variable, default = _LIMITS[keyword]
    text = os.environ.get(variable)
    if text is None:
        return default
    try:
        digits = text.rstrip("KMG")
        return int(digits) << {"": 0, "K": 10, "M": 20, "G": 30}[text[len(digits) :]]
    except (KeyError, ValueError):
        raise ValueError(f"{variable}={text!r}: must be a whole number, which may end in K, M or G") from None


# Logging: `log` is initlog at first, then dolog or nolog.

logfile = ""
logfp: Any = None


def initlog(*allargs: Any) -> None:
    """Write a log message `format % args` to `logfp`, or else to the file named by `logfile`, opened to
    append; with neither, or where it cannot be opened, logging is off from now on. Scripts call this as
    `log`."""
    global log, logfp
    if logfile and not logfp:
        try:
            logfp = open(logfile, "a", encoding="locale")
        except OSError:
            pass
    log = dolog if logfp else nolog
    log(*allargs)


def dolog(fmt: str, *args: Any) -> None:
    """Write one line to `logfp`."""
    logfp.write(fmt % args + "\n")


def nolog(*allargs: Any) -> None:
    """Write nothing."""


def closelog() -> None:
    """Close the log file and forget its name."""
    global log, logfile, logfp
    logfile = ""
    if logfp:
        logfp.close()
        logfp = None
    log = initlog


log: Callable[..., None] = initlog


# Headers


def parse_header(line: str) -> tuple[str, dict[str, str]]:
    """Return the value of a Content-Type-like header and its options, names in lower case, quotes removed.

    >>> parse_header('form-data; name="a;b"; Filename=x')
    ('form-data', {'name': 'a;b', 'filename': 'x'})
    """
    if ";" not in line:
        return line.strip(), {}
    pieces = []
    start = scanned = quotes = 0
    while True:
        end = line.find(";", scanned)
        stop = end if end >= 0 else len(line)
        quotes += line.count('"', scanned, stop) - line.count('\\"', scanned, stop)
        scanned = stop + 1
        if end < 0 or quotes % 2 == 0:
            pieces.append(line[start:stop].strip())
            start, quotes = scanned, 0
        if end < 0:
            break
    options = {}
    for piece in pieces[1:]:
        name, equals, value = piece.partition("=")
        if equals:
            value = value.strip()
            if len(value) >= 2 and value[0] == value[-1] == '"':
                value = value[1:-1].replace("\\\\", "\\").replace('\\"', '"')
            options[name.strip().lower()] = value
    return pieces[0], options


class _Headers(Mapping[str, str]):
    """The headers of a part, read as email.parser reads them; any other method is that of the
    email.message.Message which it would have made. A part's Content-Length is left out: it was never
    believed."""

    def __init__(self, text: str) -> None:
        headers: list[tuple[str, list[str]]] = []
        foldable = False
        for line in StringIO(text, newline=""):  # ends lines at CR too, as email does
            name, colon, value = line.partition(":")
            if line[0] in " \t":
                if foldable:
                    headers[-1][1].append(line)
            elif line.startswith("From ") or (colon and not name):
                foldable = False
            elif colon and name.isascii() and name.isprintable() and " " not in name:
                headers.append((name, [value.lstrip(" \t")]))
                foldable = True
            else:
                break
        self._pairs = [
            (name, "".join(lines).rstrip("\r\n"))
            for name, lines in headers
            if name.lower() != "content-length"
        ]
        self._first = {name.lower(): value for name, value in reversed(self._pairs)}

    def __getitem__(self, name: str) -> str:
        return self._first[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._first

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, _ in self._pairs])

    def __len__(self) -> int:
        return len(self._pairs)

    def items(self) -> Any:
        """Return the headers as (name, value), repeated ones too."""
        return list(self._pairs)

    def values(self) -> Any:
        return [value for _, value in self._pairs]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        from email.message import Message

        message = Message()
        for field, value in self._pairs:
            message[field] = value
        return getattr(message, name)


def valid_boundary(s: str | bytes) -> object:
    """Return something true if `s` may be a multipart boundary (RFC 2046 5.1.1, but up to 201 characters)."""
    import re

    if isinstance(s, bytes):
        return re.match(b"^[ -~]{0,200}[!-~]$", s)
    return re.match("^[ -~]{0,200}[!-~]$", s)


# Reading the body


class _Body:
    """The request's body: counted, bounded, scanned in blocks. It is the `fp` of every part.

    `_buf` always keeps the byte before `_pos`, so that a line's start is seen as a newline just before it.
    """

    def __init__(self, fp: Any, length: int, limits: dict[str, int | None]) -> None:
        """Read `fp`: `length` bytes, or to its end if `length` is negative. Then it is read by lines, so that
        a socket that stays open is never read beyond the last boundary."""
        self._fp = fp
        self._left = length
        self._length = length
        self._limits = limits
        self._text = 0  # bytes of text fields, of small files, depth: each up to its limit
        self._files = 0
        self._depth = 0
        self._buf = b"\n"
        self._pos = 1
        self._base = -1  # where _buf[0] is in the body
        self._end = False
        self._strict: Iterator[bytes | None] = iter(())

    def tell(self) -> int:
        return self._base + self._pos

    @property
    def cut(self) -> bool:
        """True if Content-Length, not the end of the data, is where reading ended."""
        return self._left == 0

    def _pull(self) -> bytes:
        if self._left < 0:
            data = self._fp.readline(_LINE)
        elif self._left:
            data = self._fp.read(min(_BLOCK, self._left))
        else:
            data = b""
        if not isinstance(data, bytes):
            raise ValueError(f"{self._fp} should return bytes, got {type(data).__name__}")
        if not data:
            self._end = True
        elif self._left >= 0:
            self._left -= len(data)
        return data

    def _fill(self) -> bool:
        """Add a block to the buffer and drop what was used; False at the end."""
        data = self._pull()
        used = self._pos - 1
        self._buf = self._buf[used:] + data
        self._base += used
        self._pos = 1
        return bool(data)

    def limit(self, keyword: str) -> int:
        """Return a limit: the keyword's value where it was given."""
        value = self._limits.get(keyword)
        if value is None:
            value = self._limits[keyword] = _limit(keyword)
        return value

    def count_text(self, size: int) -> None:
        """Count text, which has to fit into memory."""
        self._text += size
        if self._text > self.limit("max_memory"):
            raise _LimitExceeded("Maximum size of text fields exceeded")

    def room_for(self, size: int) -> bool:
        """True if a file of `size` bytes may stay in memory, besides the text."""
        return self._files + size <= self.limit("max_memory")

    def count_file(self, size: int) -> None:
        """Count a file that stays in memory."""
        self._files += size

    def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes, or all there are, as text: to stay in memory."""
        blocks = [self._buf[self._pos - 1 :]]
        have = len(blocks[0]) - 1
        while size < 0 or have < size:
            if have > self.limit("max_memory") or not (block := self._pull()):
                break
            blocks.append(block)
            have += len(block)
        self._base += self._pos - 1
        self._buf = b"".join(blocks)
        self._pos = 1 + (min(size, have) if size >= 0 else have)
        self.count_text(self._pos - 1)
        return self._buf[1 : self._pos]

    def readline(self, size: int = -1) -> bytes:
        """Read up to and with the next newline, or `size` bytes."""
        size = size if size >= 0 else self.limit("max_memory") + 1
        searched = 0
        while True:
            stop = self._buf.find(b"\n", self._pos + searched, self._pos + size) + 1
            if stop or len(self._buf) - self._pos >= size:
                break
            searched = len(self._buf) - self._pos
            if not self._fill():
                break
        start, self._pos = self._pos, stop or min(self._pos + size, len(self._buf))
        return self._buf[start : self._pos]

    def open(self, boundary: bytes, trusted: bool) -> None:
        """Go behind the first line that is the boundary; one multipart deeper. Parts that are not `trusted`
        to read by header() and copy() alone may use read() and readline()."""
        self._depth += 1
        if self._depth > self.limit("max_depth"):
            raise _LimitExceeded("Multiparts are nested too deeply")
        marker = b"--" + boundary
        found = False
        while not found:
            buf, start = self._buf, self._pos
            hit = buf.find(marker, start)
            if hit >= 0:
                self._pos = max(start, buf.rfind(b"\n", start, hit) + 1)
                at_start = buf[self._pos - 1] == 10
                found = self.readline(_LINE).strip() == marker and at_start
                continue
            self._pos = max(start, buf.rfind(b"\n", start) + 1, len(buf) - _LINE)
            if not self._fill():
                self._pos = len(self._buf)
                break
        self._strict = self._well_formed(boundary) if trusted else iter(())

    def close(self) -> None:
        """Leave the multipart that open() entered."""
        self._depth -= 1

    def header(self) -> bytes:
        """Read the header lines of a part, and the blank line behind them; nothing at the end."""
        if (head := next(self._strict, None)) is not None:
            self._pos += len(head)
        else:
            lines = []
            size = 0
            limit = self.limit("max_header")
            while size <= limit:
                lines.append(line := self.readline(limit + 1 - size))
                size += len(line)
                if not line.strip():
                    break
            else:
                raise _LimitExceeded("Maximum size of a part's header exceeded")
            head = b"".join(lines)
        self.count_text(len(head))
        return head

    def copy(self, boundary: bytes, write: Callable[[bytes], object]) -> int:
        """Pass on what comes before the next line that is the boundary, without the line end before it, and
        go behind that line. Return 1 if it is the last boundary, 0 if another part follows or Content-Length
        is reached, -1 at the end of the data."""
        for piece in self._strict:
            if piece is None:
                self._pos += 2  # CR LF
                return int(self.readline(_LINE).rstrip() != b"--" + boundary)
            write(piece)
            self._pos += len(piece)
        opening = b"\n--" + boundary
        last = opening + b"--"
        while True:
            buf, start = self._buf, self._pos
            hit = buf.find(opening, start - 1)
            while hit >= 0:
                stop = buf.find(b"\n", hit + 1, hit + 1 + _LINE) + 1
                if not stop:
                    if not self._end and len(buf) - hit <= _LINE:
                        break  # the line is not all here
                    stop = min(len(buf), hit + 1 + _LINE)
                line = buf[hit:stop].rstrip()
                if line in (opening, last):
                    if (end := self._before_newline(hit)) > start:
                        write(buf[start:end])
                    self._pos = stop
                    return int(line == last)
                hit = buf.find(opening, stop - 1)
            else:
                # Not here; but the end of the buffer may be the beginning of it.
                hit = buf.rfind(b"\n", max(start - 1, len(buf) - len(opening) + 1))
            end = self._before_newline(hit if hit >= 0 else len(buf))
            if self._end:
                end = self._before_newline(len(buf) - buf.endswith(b"\n"))
            if end > start:
                write(buf[start:end])
                self._pos = end
            if self._end:
                self._pos = len(buf)
                return 0 if self.cut else -1
            self._fill()

    def _before_newline(self, at: int) -> int:
        """Where a line ends whose LF, or the buffer's end, is `at`: before a CR that may belong to that."""
        return at - (at > self._pos and self._buf[at - 1] == 13)

    def copy_all(self, write: Callable[[bytes], object]) -> int:
        """Pass on everything up to the end; return -1 if that was before Content-Length."""
        if rest := self._buf[self._pos :]:
            write(rest)
        self._base += len(self._buf) - 1
        self._buf, self._pos = self._buf[-1:], 1
        while data := self._pull():
            write(data)
            self._base += len(data)
        return 0 if self.cut else -1

    # The strict way. A block holds whole lines with whole part headers, or the middle of one long line, and
    # ends before the line ends that may belong to a boundary, so that the parser keeps nothing back from one
    # block to the next.

    def _well_formed(self, boundary: bytes) -> Iterator[bytes | None]:
        """Yield the header of each part, then its content in pieces, then None: as PushMultipartParser finds
        them, while there is no doubt that copy() and header() would find the same."""
        parser = _push_parser(boundary, self._length, self.limit("max_header"))
        if parser is None:
            return
        opening = b"\n--" + boundary
        list(parser.parse(opening[1:] + b"\r\n"))
        block, _ = self._block(opening, True)
        bounded = True
        while block:
            if bounded or self._end:
                try:
                    events = list(parser.parse(block))
                except ValueError:
                    return
                if not self._agree(block, events, opening):
                    return
                yield from events
                if events[-1] is None:
                    return
            else:
                yield block  # content by anyone's rules
            block, bounded = self._block(opening, False)

    def _block(self, opening: bytes, in_header: bool) -> tuple[bytes, bool]:
        """Return the next block, empty if there is none, and whether a line in it begins with the
        boundary."""
        longest = self.limit("max_header") + _BLOCK
        while True:
            buf, start = self._buf, self._pos
            end = len(buf)
            if not self._end:
                newline = max(buf.rfind(b"\n", start), start)
                if end - newline <= _LINE:
                    end = newline
            hit = buf.rfind(opening, start, end)
            header = hit + len(opening) if hit >= 0 else start if in_header else -1
            if header >= 0 and not buf.startswith(b"--", header) and buf.find(b"\r\n\r\n", header, end) < 0:
                end = max(hit, start)
            block = buf[start:end]
            if not self._end and block[-1:] in b"\r\n":
                block = block.rstrip(b"\r\n")
            if block or self._end or len(buf) - start > longest:
                return block, hit >= 0
            self._fill()

    def _agree(self, block: bytes, events: list[Any], opening: bytes) -> bool:
        """Put header lines in place of the parser's segments; False if cgi's rules might see something else
        in the block than the parser did."""
        at = parts = 0
        for i, event in enumerate(events):
            if event is None:
                parts += 1
                at = block.find(b"\n", at + 2) + 1
                continue
            if not isinstance(event, bytes):
                events[i] = event = block[at : block.find(b"\r\n\r\n", at) + 4]
                if event.count(b"\n") != event.count(b"\r\n") or len(event) > self.limit("max_header"):
                    return False
            at += len(event)
        if not events or block.count(opening) != parts:
            return False
        if events[-1] is None:
            line = block[block.rfind(opening) + 1 :].partition(b"\n")[0]
            return line.rstrip() == opening[1:] + b"--"
        return not self._end and at == len(block)  # all is accounted for, nothing kept back


def _push_parser(boundary: bytes, length: int, header: int) -> Any:
    """Return a strict PushMultipartParser, or None where _Body does better alone: without a Content-Length it
    reads line by line; importing multipart takes longer than reading a small form; and a `multipart` beside
    the script is not the one that is meant."""
    there = not _sys.modules.keys().isdisjoint(("multipart", "cgicompat._multipart"))
    if length < 0 or (length < _BLOCK and not there):
        return None
    if "multipart" not in _sys.modules:
        from _frozen_importlib_external import PathFinder

        stdlib = os.path.dirname(os.__file__)
        ahead = _sys.path[: _sys.path.index(stdlib)] if stdlib in _sys.path else _sys.path
        if PathFinder.find_spec("multipart", ahead):
            return None
    try:
        try:
            from multipart import PushMultipartParser  # type: ignore[import-untyped]
        except ImportError:
            from cgicompat._multipart import PushMultipartParser
        # latin-1 only carries the bytes; FieldStorage decodes them.
        return PushMultipartParser(
            boundary, max_header_size=header, max_header_count=header, header_charset="latin-1", strict=True
        )
    except (ImportError, ValueError):  # it is not there, or does not like the boundary
        return None


class _Sink:
    """Where the content of one part goes: kept in memory, or in a file once it is larger than `spool`."""

    def __init__(self, field: FieldStorage, body: _Body) -> None:
        self._field = field
        self._body = body
        self._binary = field._binary_file
        self._decode = getincrementaldecoder(field.encoding)(field.errors).decode
        self._kept: list[bytes] = []
        self._size = 0
        self._file: IO[Any] | None = None
        self._spool = body.limit("spool")
        if type(field).make_file is not FieldStorage.make_file:
            self._spool = 1000 if field.length < 0 else -1

    def write(self, data: bytes) -> None:
        self._kept.append(data)
        self._size += len(data)
        if not self._binary:
            self._body.count_text(len(data))
        elif self._file is None and not self._body.room_for(self._size):
            self._spool = 0
        if self._size > self._spool:
            self._to_file()

    def _to_file(self) -> None:
        if self._file is None:
            self._field.file = self._file = self._field.make_file()
            self._spool = _BLOCK
        data = b"".join(self._kept)
        whole = len(data) - len(data) % _BLOCK  # writes within pages are slow
        if whole:
            self._file.write(data[:whole] if self._binary else self._decode(data[:whole]))
        self._kept = [data[whole:]]
        self._size = len(data) - whole

    def close(self) -> None:
        """Leave the field's `file` ready to be read."""
        data = b"".join(self._kept)
        if self._file is not None:
            self._file.write(data if self._binary else self._decode(data, True))
            self._file.seek(0)
        elif self._binary:
            self._body.count_file(len(data))
            self._field.file = BytesIO(data)
        else:
            self._field.file = StringIO(data.decode(self._field.encoding, self._field.errors))


# Forms


def _split_query(
    query: str,
    keep_blank_values: bool | int,
    strict_parsing: bool | int,
    encoding: str,
    errors: str,
    separator: str,
    room: int,
) -> list[tuple[str, str]]:
    """urllib.parse.parse_qsl, which takes longer to import than most queries to read."""
    if isinstance(separator, bytes):
        separator = separator.decode("ascii")
    if not separator or not isinstance(separator, str):
        raise ValueError("Separator must be of type string or bytes.")
    if not query:
        return []
    if query.count(separator) >= room:
        raise _LimitExceeded("Max number of fields exceeded")
    pairs = []
    for field in query.split(separator):
        name, equals, value = field.partition("=")
        if not equals and strict_parsing:
            raise ValueError(f"bad query field: {field!r}")
        if value or (keep_blank_values and field):
            pairs.append((name.replace("+", " "), value.replace("+", " ")))
    if "%" in query:
        from urllib.parse import unquote

        return [
            (
                unquote(name, encoding, errors) if "%" in name else name,
                unquote(value, encoding, errors) if "%" in value else value,
            )
            for name, value in pairs
        ]
    return pairs


class MiniFieldStorage:
    """A field that came without a file or headers: from the query string or a urlencoded form."""

    filename = None
    list = None
    type = None
    file = None
    type_options: ClassVar[dict[str, str]] = {}
    disposition = None
    disposition_options: ClassVar[dict[str, str]] = {}
    headers: ClassVar[dict[str, str]] = {}

    def __init__(self, name: str, value: str) -> None:
        self.name = name
        self.value = value

    def __repr__(self) -> str:
        return f"MiniFieldStorage({self.name!r}, {self.value!r})"


class FieldStorage:
    """The form of a request, or one part of it.

    A form is like a dictionary of its fields: `form["x"]` is a field, or a list of fields when there are
    several of that name; `getvalue`, `getfirst` and `getlist` give values. A field has

    name       as in the form, or None
    value      str; bytes for a file; the list of fields for a form, or for a part that is multipart itself
    filename   as the client calls it (do not trust it), or None: not a file
    file       the content to read from: bytes for a file, otherwise str; None in a form
    list       the fields of a form, otherwise None
    headers    a mapping of the header lines of the part, or of the request's type and length
    type, type_options                  from Content-Type
    disposition, disposition_options    from Content-Disposition

    A request that is not a form (PUT, or another Content-Type) is one field with `value` and `file`.
    To keep uploads elsewhere than in temporary files, override make_file().
    """

    FieldStorageClass: Any = None  # what parts are made of; None for the form's own class
    bufsize = 8 * 1024  # as it was; blocks are larger

    def __init__(
        self,
        fp: Any = None,
        headers: Any = None,
        outerboundary: bytes = b"",
        environ: Mapping[str, str] = os.environ,
        keep_blank_values: bool | int = 0,
        strict_parsing: bool | int = 0,
        limit: int | None = None,
        encoding: str = "utf-8",
        errors: str = "replace",
        max_num_fields: int | None = None,
        separator: str = "&",
        *,
        max_header: int | None = None,
        max_memory: int | None = None,
        max_depth: int | None = None,
        spool: int | None = None,
    ) -> None:
        """Read the request, or with `headers` what they describe.

        fp                  binary or text file; default: standard input. GET and HEAD read the query string.
        headers             a mapping in place of CONTENT_TYPE and CONTENT_LENGTH from environ
        outerboundary       the boundary that ends this part (parts only)
        environ             the CGI variables (RFC 3875 4.1)
        keep_blank_values   if true, urlencoded fields without a value are kept
        strict_parsing      if true, urlencoded fields without "=" raise ValueError
        limit               bytes left of the form (parts only)
        encoding, errors    of names and text values
        max_num_fields, max_header, max_memory, max_depth, spool
                            limits; see the module
        separator           of urlencoded fields

        Raises ValueError for an invalid boundary and over a limit, TypeError for arguments of another type.
        """
        method = environ.get("REQUEST_METHOD", "GET").upper()
        self.keep_blank_values = keep_blank_values
        self.strict_parsing = strict_parsing
        self.max_num_fields = max_num_fields
        self.separator = separator
        self.encoding = encoding
        self.errors = errors
        self.limit = limit
        self.bytes_read = 0
        self.done = 0  # 1: the last boundary was read, -1: the data ended
        self.list: Items | None = None
        self.file: IO[Any] | None = None
        self.qs_on_post: str | None = None
        if method in ("GET", "HEAD"):
            fp = BytesIO(_query_string(environ))
            if headers is None:
                headers = {"content-type": "application/x-www-form-urlencoded"}
        if headers is None:
            headers = {"content-type": "application/x-www-form-urlencoded"} if method == "POST" else {}
            for variable, name in (("CONTENT_TYPE", "content-type"), ("CONTENT_LENGTH", "content-length")):
                if variable in environ:
                    headers[name] = environ[variable]
            self.qs_on_post = environ.get("QUERY_STRING")
        elif not isinstance(headers, Mapping) and not hasattr(headers, "get_content_type"):
            raise TypeError("headers must be mapping or an instance of email.message.Message")
        self.headers = headers
        if fp is None:
            fp = sys.stdin.buffer
        elif isinstance(fp, TextIOWrapper):
            fp = fp.buffer
        elif not (hasattr(fp, "read") and hasattr(fp, "readline")):
            raise TypeError("fp must be file pointer")
        self.fp = fp
        if not isinstance(outerboundary, bytes):
            raise TypeError(f"outerboundary must be bytes, not {type(outerboundary).__name__}")
        self.outerboundary = outerboundary

        self._read_headers(method)
        self._binary_file = self.filename is not None or self.length >= 0
        if isinstance(fp, _Body):
            self._body = fp
        else:
            length = self.length if self.length >= 0 or self.limit is None else self.limit
            self._body = _Body(
                fp,
                length,
                {"max_header": max_header, "max_memory": max_memory, "max_depth": max_depth, "spool": spool},
            )
        try:
            if self.type == "application/x-www-form-urlencoded":
                self.read_urlencoded()
            elif self.type.startswith("multipart/"):
                self.read_multi(environ, keep_blank_values, strict_parsing)
            else:
                self.read_single()
        except BaseException:
            self._close()
            raise

    def _read_headers(self, method: str) -> None:
        """Take what the headers say: disposition, type, length. A part without a type is text, a request that
        is POST is a urlencoded form."""
        self.disposition, self.disposition_options = parse_header(self.headers.get("content-disposition", ""))
        self.name = self.disposition_options.get("name")
        self.filename = self.disposition_options.get("filename")
        default = (
            "text/plain" if self.outerboundary or method != "POST" else "application/x-www-form-urlencoded"
        )
        self.type, self.type_options = parse_header(self.headers.get("content-type", default))
        self.innerboundary = self.type_options.get("boundary", "").encode(self.encoding, self.errors)
        try:
            self.length = int(self.headers.get("content-length", -1))
        except ValueError:
            self.length = -1
        if maxlen and self.length > maxlen:
            raise _LimitExceeded("Maximum content length exceeded")
        if self.limit is None and self.length >= 0:
            self.limit = self.length

    def _close(self) -> None:
        if self.file is not None:
            self.file.close()
        for field in self.list or ():
            if isinstance(field, FieldStorage):
                field._close()

    def __del__(self) -> None:
        if file := self.__dict__.get("file"):
            file.close()

    def __enter__(self) -> FieldStorage:
        return self

    def __exit__(
        self, type: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._close()

    def __repr__(self) -> str:
        return f"FieldStorage({self.name!r}, {self.filename!r}, {self.value!r})"

    def __iter__(self) -> Iterator[Any]:
        return iter(self.keys())

    def __getattr__(self, name: str) -> Any:
        # Not a property: scripts assign to `value`.
        if name != "value":
            raise AttributeError(name)
        if self.file is None:
            return self.list
        self.file.seek(0)
        value = self.file.read()
        self.file.seek(0)
        return value

    def _fields(self) -> Items:
        if self.list is None:
            raise TypeError("not indexable")
        return self.list

    def __getitem__(self, key: str | None) -> Any:
        found = [field for field in self._fields() if field.name == key]
        if not found:
            raise KeyError(key)
        return found if len(found) > 1 else found[0]

    def getvalue(self, key: str | None, default: Any = None) -> Any:
        """Return the value of the field `key`, a list of values if there are several, `default` if there is
        none."""
        try:
            field = self[key]
        except KeyError:
            return default
        return [item.value for item in field] if isinstance(field, list) else field.value

    def getfirst(self, key: str | None, default: Any = None) -> Any:
        """Return the first value of the field `key`, or `default`."""
        try:
            field = self[key]
        except KeyError:
            return default
        return field[0].value if isinstance(field, list) else field.value

    def getlist(self, key: str | None) -> Any:
        """Return the list of values of the field `key`, which may be empty."""
        try:
            field = self[key]
        except KeyError:
            return []
        return [item.value for item in field] if isinstance(field, list) else [field.value]

    def keys(self) -> Any:
        """Return the list of the fields' names, each once."""
        return list(dict.fromkeys(field.name for field in self._fields()))

    def __contains__(self, key: str | None) -> bool:
        return any(field.name == key for field in self._fields())

    def __len__(self) -> int:
        return len(self.keys())

    def __bool__(self) -> bool:
        if self.list is None:
            raise TypeError("Cannot be converted to bool.")
        return bool(self.list)

    def _room(self) -> int:
        return _limit("max_num_fields") if self.max_num_fields is None else self.max_num_fields

    def _mini_fields(self, query: str) -> Items:
        pairs = _split_query(
            query,
            self.keep_blank_values,
            self.strict_parsing,
            self.encoding,
            self.errors,
            self.separator,
            self._room(),
        )
        return [MiniFieldStorage(name, value) for name, value in pairs]

    def read_urlencoded(self) -> None:
        """Read fields in the form of a query string."""
        query = self._body.read(self.length).decode(self.encoding, self.errors)
        if self.qs_on_post:
            query += "&" + self.qs_on_post
        self.list = self._mini_fields(query)
        self.skip_lines()

    def read_multi(
        self, environ: Mapping[str, str], keep_blank_values: bool | int, strict_parsing: bool | int
    ) -> None:
        """Read parts up to the last boundary."""
        boundary = self.innerboundary
        if not valid_boundary(boundary):
            raise ValueError(f"Invalid boundary in multipart form: {boundary!r}")
        self.list = self._mini_fields(self.qs_on_post) if self.qs_on_post else []
        room = self._room() - len(self.list)
        make = self.FieldStorageClass or self.__class__
        body = self._body
        start = body.tell()
        body.open(boundary, getattr(make, "read_single", None) is FieldStorage.read_single)
        self.bytes_read += body.tell() - start
        while head := body.header():
            self.bytes_read += len(head)
            part = make(
                body,
                _Headers(head.decode(self.encoding, self.errors)),
                boundary,
                environ,
                keep_blank_values,
                strict_parsing,
                None if self.limit is None else self.limit - self.bytes_read,
                self.encoding,
                self.errors,
                room,
                self.separator,
            )
            self.list.append(part)
            self.bytes_read += part.bytes_read
            room -= 1 + len(part.list or ())
            if room < 0:
                raise _LimitExceeded("Max number of fields exceeded")
            if part.done or self.bytes_read >= self.length > 0:
                break
        body.close()
        self.skip_lines()

    def read_single(self) -> None:
        """Read one value, into memory at first and into make_file() when it gets larger."""
        body = self._body
        start = body.tell()
        sink = _Sink(self, body)
        if self.length < 0 and self.outerboundary:
            self.done = body.copy(self.outerboundary, sink.write)
        else:
            self.done = body.copy_all(sink.write)
        sink.close()
        self.bytes_read += body.tell() - start

    def skip_lines(self) -> None:
        """Read a part that has ended by itself to the end of the whole form: what cgi of Python 3 did."""
        if not self.outerboundary or self.done:
            return
        tail = b""

        def keep(data: bytes) -> None:
            nonlocal tail
            tail = (tail + data)[-_LINE - 1 :]

        start = self._body.tell()
        self._body.copy_all(keep)
        self.bytes_read += self._body.tell() - start
        line = tail.rpartition(b"\n")[2]
        last = len(line) <= _LINE and line.strip() == b"--" + self.outerboundary + b"--"
        self.done = 1 if last and line.endswith(b"--") else -1

    def make_file(self) -> IO[Any]:
        """Return a new file for a value too large for memory: written, rewound, read.

        It is binary if `_binary_file` is true (an upload, or a whole request), otherwise for text. This one
        has no name and vanishes when it is closed. An override is called for values of more than 1,000 bytes.
        """
        import tempfile

        if self._binary_file:
            return tempfile.TemporaryFile("wb+")
        return tempfile.TemporaryFile("w+", encoding="utf-8", errors="surrogatepass", newline="\n")


def _query_string(environ: Mapping[str, str]) -> bytes:
    query = environ["QUERY_STRING"] if "QUERY_STRING" in environ else (sys.argv[1:] or [""])[0]
    if query.isascii():
        return query.encode()
    import locale

    return query.encode(locale.getpreferredencoding(), "surrogateescape")


# Forms as plain dictionaries, older than FieldStorage


def parse(
    fp: Any = None,
    environ: MutableMapping[str, str] = os.environ,
    keep_blank_values: bool | int = 0,
    strict_parsing: bool | int = 0,
    separator: str = "&",
) -> dict[Any, list[Any]]:
    """Return the fields of a request, or of `fp`, as a dictionary of lists of values; arguments as
    FieldStorage's.

    As ever, it writes what it read of a urlencoded form into environ["QUERY_STRING"]."""
    if fp is None:
        fp = sys.stdin
    encoding = getattr(fp, "encoding", "latin-1")
    if isinstance(fp, TextIOWrapper):
        fp = fp.buffer
    environ.setdefault("REQUEST_METHOD", "GET")
    query = ""
    if environ["REQUEST_METHOD"] == "POST":
        type, options = parse_header(environ["CONTENT_TYPE"])
        if type == "multipart/form-data":
            if "CONTENT_LENGTH" in environ:
                options["CONTENT-LENGTH"] = environ["CONTENT_LENGTH"]
            return parse_multipart(fp, options, separator=separator)
        if type == "application/x-www-form-urlencoded":
            length, limit = int(environ["CONTENT_LENGTH"]), _limit("max_memory")
            if maxlen and length > maxlen:
                raise _LimitExceeded("Maximum content length exceeded")
            data = fp.read(length if 0 <= length <= limit else limit + 1)
            if len(data) > limit:
                raise _LimitExceeded("Maximum size of text fields exceeded")
            query = data.decode(encoding)
    if "QUERY_STRING" in environ or sys.argv[1:]:
        more = environ["QUERY_STRING"] if "QUERY_STRING" in environ else sys.argv[1]
        query = f"{query}&{more}" if query else more
    environ["QUERY_STRING"] = query
    fields: dict[Any, list[Any]] = {}
    for name, value in _split_query(
        query, keep_blank_values, strict_parsing, encoding, "replace", separator, _limit("max_num_fields")
    ):
        fields.setdefault(name, []).append(value)
    return fields


def parse_multipart(
    fp: Any, pdict: Mapping[str, Any], encoding: str = "utf-8", errors: str = "replace", separator: str = "&"
) -> dict[Any, list[Any]]:
    """Return the fields of multipart input as a dictionary of lists of values: str, or bytes for files.

    `pdict` holds what parse_header() found in Content-Type: "boundary" as bytes or str, and perhaps
    "CONTENT-LENGTH"."""
    boundary = pdict["boundary"]
    if isinstance(boundary, bytes):
        boundary = boundary.decode("ascii")
    headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
    if "CONTENT-LENGTH" in pdict:
        headers["content-length"] = pdict["CONTENT-LENGTH"]
    environ = {"REQUEST_METHOD": "POST"}
    form = FieldStorage(fp, headers, b"", environ, encoding=encoding, errors=errors, separator=separator)
    return {name: form.getlist(name) for name in form}


def parse_qs(*args: Any, **keywords: Any) -> dict[Any, list[Any]]:
    """urllib.parse.parse_qs, under its name of Python 2."""
    from urllib.parse import parse_qs

    return parse_qs(*args, **keywords)


def parse_qsl(*args: Any, **keywords: Any) -> list[tuple[Any, Any]]:
    """urllib.parse.parse_qsl, under its name of Python 2."""
    from urllib.parse import parse_qsl

    return parse_qsl(*args, **keywords)


class FormContentDict(dict[str, "list[str]"]):
    """The fields of a request as a dictionary of lists of values, as in Python 2."""

    def __init__(
        self,
        environ: MutableMapping[str, str] = os.environ,
        keep_blank_values: bool | int = 0,
        strict_parsing: bool | int = 0,
    ) -> None:
        super().__init__(parse(None, environ, keep_blank_values, strict_parsing))
        self.query_string = environ["QUERY_STRING"]

    @property
    def dict(self) -> FormContentDict:
        return self

    def has_key(self, key: str) -> bool:
        return key in self


class SvFormContentDict(FormContentDict):
    """FormContentDict for fields that come once: `[]`, values() and items() give the value itself, and a list
    of values only where there are several."""

    def __getitem__(self, key: str) -> Any:
        values = super().__getitem__(key)
        return values if len(values) > 1 else values[0]

    def getlist(self, key: str) -> Any:
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        try:
            return self[key]
        except KeyError:
            return default

    def values(self) -> Any:
        return [self[key] for key in self]

    def items(self) -> Any:
        return [(key, self[key]) for key in self]


# Pages for debugging


def escape(s: str, quote: bool | None = None) -> str:
    """Replace &, < and > by HTML entities, and with `quote` also the double quote, as until Python 3.7.

    html.escape() replaces both quotes unless told otherwise."""
    s = s.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return s.replace('"', "&quot;") if quote else s


def _definitions(title: str, pairs: list[tuple[str, str]]) -> None:
    print(f"\n<H3>{title}:</H3>\n<DL>")
    for term, definition in pairs:
        print(f"<DT>{term}<DD>{definition}")
    print("</DL>\n")


def print_environ(environ: Mapping[str, str] = os.environ) -> None:
    """Print the environment as HTML, secrets included."""
    _definitions("Shell Environment", [(escape(name), escape(environ[name])) for name in sorted(environ)])


def print_form(form: Any) -> None:
    """Print the fields of a form as HTML."""
    names = sorted(form.keys(), key=str)
    _definitions(
        "Form Contents",
        [
            (f"{escape(str(name))}: <i>{escape(repr(type(form[name])))}</i>", escape(repr(form[name])))
            for name in names
        ],
    )
    if not names:
        print("<P>No form fields.")


def print_directory() -> None:
    """Print the working directory as HTML."""
    try:
        directory = os.getcwd()
    except OSError as error:
        directory = f"OSError: {error}"
    print(f"\n<H3>Current Working Directory:</H3>\n{escape(directory)}\n")


def print_arguments() -> None:
    """Print the script's arguments as HTML."""
    print(f"\n<H3>Command Line Arguments:</H3>\n\n{escape(repr(sys.argv))}\n")


def print_environ_usage() -> None:
    """Print the names of the variables that a CGI script may find (RFC 3875 4.1, and common ones)."""
    names = """AUTH_TYPE CONTENT_LENGTH CONTENT_TYPE DOCUMENT_ROOT GATEWAY_INTERFACE HTTPS PATH PATH_INFO
        PATH_TRANSLATED QUERY_STRING REMOTE_ADDR REMOTE_HOST REMOTE_IDENT REMOTE_PORT REMOTE_USER
        REQUEST_METHOD REQUEST_SCHEME REQUEST_URI SCRIPT_FILENAME SCRIPT_NAME SERVER_ADDR SERVER_ADMIN
        SERVER_NAME SERVER_PORT SERVER_PROTOCOL SERVER_SOFTWARE"""
    headers = "HTTP_ACCEPT HTTP_COOKIE HTTP_HOST HTTP_REFERER HTTP_USER_AGENT"
    print("\n<H3>These environment variables could have been set:</H3>\n<UL>")
    print("".join(f"<LI>{name}\n" for name in names.split()) + "</UL>")
    print("Headers of the request come in variables, too; these are common:\n<UL>")
    print("".join(f"<LI>{name}\n" for name in headers.split()) + "</UL>\n")


def print_exception(
    type: type[BaseException] | None = None,
    value: BaseException | None = None,
    tb: TracebackType | None = None,
    limit: int | None = None,
) -> None:
    """Print a traceback as HTML, by default of the exception that is being handled."""
    import traceback

    if type is None:
        type, value, tb = sys.exc_info()
    stack = "".join(traceback.format_tb(tb, limit))
    error = "".join(traceback.format_exception_only(type, value))
    print("\n<H3>Traceback (most recent call last):</H3>")
    print(f"<PRE>{escape(stack)}<B>{escape(error)}</B></PRE>")


def test(environ: Mapping[str, str] = os.environ) -> None:
    """A CGI script that shows what it was given: form, arguments, directory, environment."""
    print("Content-Type: text/html\n")
    sys.stderr = sys.stdout
    try:
        form = FieldStorage(environ=environ)
        print_directory()
        print_arguments()
        print_form(form)
        print_environ(environ)
        print_environ_usage()
    except Exception:
        print_exception()


if __name__ == "__main__":
    test()
