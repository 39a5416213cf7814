"""The access log: an ASGI middleware that writes a line for each request when its response has ended.

Formats are Apache's (mod_log_config), so that whatever reads its logs reads ours. A format is compiled once
to a list of functions, one for each piece of the line.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

COMMON = '%h %l %u %t "%r" %>s %b'
COMBINED = COMMON + ' "%{Referer}i" "%{User-Agent}i"'
CLIENT_GONE = 499  # what nginx logs where a client left before its response began


class Entry:
    """One request and what became of it."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.time = time.time()
        self.clock = time.perf_counter()
        self.status = CLIENT_GONE
        self.bytes = 0
        self.headers: list[tuple[bytes, bytes]] = []

    @property
    def client(self) -> str:
        address: str = (self.scope.get("client") or ("-",))[0]
        return address.removeprefix("::ffff:")  # IPv4, as an IPv6 socket shows it

    @property
    def path(self) -> str:
        return str(self.scope["raw_path"].decode("latin-1"))

    @property
    def query(self) -> str:
        query = self.scope["query_string"].decode("latin-1")
        return "?" + query if query else ""

    @property
    def target(self) -> str:
        return self.path + self.query

    @property
    def protocol(self) -> str:
        return "HTTP/" + str(self.scope["http_version"])

    @property
    def microseconds(self) -> int:
        return int((time.perf_counter() - self.clock) * 1e6)

    def sent(self, name: bytes) -> str:
        """A header of the response."""
        return _header(self.headers, name)

    def received(self, name: bytes) -> str:
        """A header of the request."""
        return _header(self.scope["headers"], name)


Piece = Callable[[Entry], str]
Format = Callable[[Entry], str]


def _header(headers: list[tuple[bytes, bytes]], name: bytes) -> str:
    return b", ".join([value for key, value in headers if key.lower() == name]).decode("latin-1") or "-"


def escape(text: str) -> str:
    """As Apache writes what comes from outside: nothing in it can end a line or a quotation."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return "".join(
        "\\" + character
        if character in '"\\'
        else character
        if " " <= character <= "~"
        else f"\\x{ord(character):02x}"
        for character in text
    )


class _Clock:
    """The time as %t has it, made once a second."""

    def __init__(self) -> None:
        self.second = -1
        self.text = ""

    def __call__(self, entry: Entry) -> str:
        second = int(entry.time)
        if second != self.second:
            self.second = second
            self.text = time.strftime("[%d/%b/%Y:%H:%M:%S %z]", time.localtime(second))
        return self.text


_DIRECTIVES: dict[str, Piece] = {
    "%": lambda entry: "%",
    "a": lambda entry: entry.client,
    "b": lambda entry: str(entry.bytes or "-"),
    "B": lambda entry: str(entry.bytes),
    "D": lambda entry: str(entry.microseconds),
    "h": lambda entry: entry.client,
    "H": lambda entry: entry.protocol,
    "l": lambda entry: "-",
    "m": lambda entry: escape(entry.scope["method"]),
    "p": lambda entry: str((entry.scope.get("server") or ("", "-"))[1]),
    "P": lambda entry: str(os.getpid()),
    "q": lambda entry: escape(entry.query),
    "r": lambda entry: escape(f"{entry.scope['method']} {entry.target} {entry.protocol}"),
    "s": lambda entry: str(entry.status),
    "t": _Clock(),
    "T": lambda entry: str(entry.microseconds // 1_000_000),
    "u": lambda entry: "-",
    "U": lambda entry: escape(entry.path),
    "v": lambda entry: escape(entry.received(b"host")),
}
_TOKEN = re.compile(r"%[<>]?(?:\{([^}]+)\})?(.)?", re.DOTALL)


def _piece(argument: str | None, letter: str | None) -> Piece | None:
    if argument is None:
        return _DIRECTIVES.get(letter or "")
    name = argument.lower().encode("latin-1", "replace")
    if letter == "i":
        return lambda entry: escape(entry.received(name))
    if letter == "o":
        return lambda entry: escape(entry.sent(name))
    return None


def _json(entry: Entry) -> str:
    return json.dumps(
        {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(entry.time)),
            "client": entry.client,
            "method": entry.scope["method"],
            "target": entry.target,
            "protocol": entry.protocol,
            "status": entry.status,
            "bytes": entry.bytes,
            "seconds": entry.microseconds / 1e6,
            "host": entry.received(b"host"),
            "referer": entry.received(b"referer"),
            "user_agent": entry.received(b"user-agent"),
        }
    )


def compile_format(text: str) -> Format:
    """A function from entry to line (without its end), for `combined`, `common`, `json` or one of Apache's.

    Raises ValueError for a directive that is not known here.
    """
    if text == "json":
        return _json
    text = {"combined": COMBINED, "common": COMMON}.get(text, text)
    # Formats are copied from httpd.conf, where a quotation mark in them has a backslash.
    text = text.replace('\\"', '"').replace("\\t", "\t")
    template, pieces = "", []
    position = 0
    for token in _TOKEN.finditer(text):
        piece = _piece(token[1], token[2])
        if piece is None:
            raise ValueError(f"unknown directive {token[0]}")
        template += text[position : token.start()] + "%s"
        pieces.append(piece)
        position = token.end()
    template += text[position:]
    return lambda entry: template % tuple([piece(entry) for piece in pieces])


def to_stdout(line: str) -> None:
    """One write, so that lines stay whole where several programs share a log. A log that nobody reads any
    more must not fail requests."""
    try:
        os.write(1, line.encode("ascii", "backslashreplace") + b"\n")
    except OSError:
        pass


class AccessLog:
    """Wraps an ASGI application; `write` gets each line, without its end."""

    def __init__(self, app: ASGIApp, form: Format, write: Callable[[str], None] = to_stdout) -> None:
        self.app = app
        self.form = form
        self.write = write

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        entry = Entry(scope)
        counts = scope["method"] != "HEAD"

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry.status = message["status"]
                entry.headers = list(message.get("headers", ()))
            elif counts and message["type"] == "http.response.body":
                entry.bytes += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, counted)
        except BaseException:
            if entry.status == CLIENT_GONE:
                entry.status = 500
            raise
        finally:
            self.write(self.form(entry))
