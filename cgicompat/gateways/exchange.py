"""The conversation with the pool about one run of a script, without I/O.

A gateway sends `opening()`, the body and `closing()`, then hands all that it receives to `feed()`, which
gives back the bytes for the client. Once `reply` is set, its status and headers go to the client. At
`finished` the client has everything; if `next` is set, that has what the client gets, in place of this run.
How the pool's connection ended tells what became of the script: a reset means that the worker died, or that
the script itself closed the connection; after a whole head only the time limit tells these apart.
"""

from __future__ import annotations

import enum
import logging
import time
from functools import partial
from typing import TYPE_CHECKING

from cgicompat import scgi
from cgicompat.response import BadResponse, Head, Parser, is_nph, phrase

from .message import File, Headers, Reply, Request, page
from .static import not_modified

if TYPE_CHECKING:
    from collections.abc import Callable

    from cgicompat.config import Settings

log = logging.getLogger("cgicompat.error")

CHECKED = 64 * 1024  # bytes of output within which a Content-Length is compared with the truth
PATIENCE = 0.1  # seconds for which they are held back for that
HALF_CLOSE = 0.1  # seconds after a request in which a client may end its side, and is still there
_MOST = 1000  # things said once that are remembered
_said: set[tuple[str, str]] = set()


class End(enum.Enum):
    """How a connection to the pool ended."""

    EOF = enum.auto()
    RESET = enum.auto()


class Aborted(Exception):
    """A response broke off after its head. Raised into the server, for it to drop the client's connection, so
    that the client notices."""


class Run:
    """One run of one script.

    `settings` are those of the script, `environ` all its variables but CONTENT_LENGTH, `redirect` answers a
    local redirect to the location it is given, `instead` has what goes out for an error page. `headers` are
    added to those of the script; what `change` makes of all, with the status, goes out. `broken` says why the
    client's connection is to be dropped, if it is.
    """

    def __init__(
        self,
        request: Request,
        filename: str,
        settings: Settings,
        environ: dict[str, str],
        redirect: Callable[[str, Headers], Answer],
        instead: Callable[[Reply], Answer] = lambda reply: reply,
    ) -> None:
        self.request = request
        self.filename = filename
        self.settings = settings
        self.environ = environ
        self.headers: Headers = []
        self.change: Callable[[Headers, int], Headers] | None = None
        self.reply: Reply | None = None
        self.next: Callable[[], Answer] | None = None
        self.finished = False
        self.broken = ""
        self._redirect = redirect
        self._instead = instead
        self._parser = Parser(nph=is_nph(filename))
        self._without_body = request.method == "HEAD"
        self._left: int | None = None  # bytes of body still to come, by the Content-Length that was sent
        self._held = b""  # of the body, until a Content-Length can be trusted
        self._due = 0.0  # when they go out in any case
        self._opened = 0.0

    def opening(self, length: int, private: bool) -> bytes:
        """The request's head, for a body of `length` bytes. `private` says that the pool is on a unix socket,
        where our pools leave error pages to us."""
        self._opened = time.monotonic()
        environ = self.environ
        if length or "CONTENT_LENGTH" in environ:
            environ["CONTENT_LENGTH"] = str(length)
        if private:
            return scgi.encode({**environ, "CGICOMPAT_GATEWAY": "1"})
        # The pool decides on the access again; scripts do not get to see it.
        authorization = self.request.get("authorization")
        return scgi.encode({**environ, "HTTP_AUTHORIZATION": authorization} if authorization else environ)

    def closing(self, private: bool) -> bytes:
        """What follows the body. The worker takes this byte last, so if it dies before, the kernel resets the
        connection."""
        return b"\n" if private else b""

    def feed(self, data: bytes, end: End | None = None) -> bytes:
        """What of `data`, from the pool, goes to the client; `end` says that nothing follows."""
        if self.finished:
            return b""
        try:
            body = self._parser.feed(data)
            if end is End.EOF:
                self._parser.close()
            head = self._parser.head
        except BadResponse as error:
            self.fail(500, str(error))
            return b""
        if head is None:
            if end is End.RESET:
                if self._is_late():
                    self._answer_with(504, "time limit exceeded")  # which the pool has logged
                else:
                    self.fail(502, "script was killed")
            return b""
        if head.local_redirect:
            if end:
                self.finished = True
                cookies = [header for header in head.headers if header[0].lower() == "set-cookie"]
                self.next = partial(self._redirect, head.local_redirect, [*self.headers, *cookies])
            return b""
        if self.reply is None:
            body = self._held + body
            if not self._begin(head, body, end):
                self._held = body
                return b""
            self._held = b""
        if end is End.RESET and not self._is_late():
            end = End.EOF
        return self._body(body, end)

    @property
    def patience(self) -> float | None:
        """Seconds after which feed() is to be called even if nothing has come, for what is held back to go
        out; None where nothing is."""
        return max(self._due - time.monotonic(), 0.001) if self._due and not self.reply else None

    def _is_late(self) -> bool:
        return time.monotonic() - self._opened >= self.settings.timeout

    def fail(self, status: int, reason: str, *headers: tuple[str, str]) -> None:
        """Answers the client with an error page; `reason` goes to the error log."""
        self.error(reason)
        self._answer_with(status, reason, *headers)

    def _answer_with(self, status: int, reason: str, *headers: tuple[str, str]) -> None:
        self.finished = True
        shown = f"{reason} (shown since debug is on)" if self.settings.debug else ""

        def answer() -> Answer:
            found = self._instead(page(status, *headers, text=shown))
            found.headers += self.headers
            return found

        self.next = answer

    def error(self, reason: str) -> None:
        """Writes a line to the error log."""
        request = self.request
        log.error('%s: %s "%s %s"', *map(plain, (self.filename, reason, request.method, request.uri)))

    def once(self, subject: str, reason: str) -> None:
        """Writes a line to the error log, unless this script had one about `subject` before."""
        if (self.filename, subject) not in _said and len(_said) < _MOST:
            _said.add((self.filename, subject))
            self.error(reason)

    def _begin(self, head: Head, body: bytes, end: End | None) -> bool:
        """Makes the reply, `body` being what has come of it. Returns False where it is too early for that."""
        plain_page = head.status == 200 and not head.explicit and not self.request.status
        if plain_page and not_modified(self.request, head.get):
            head.status, head.reason = 304, ""
        if self.request.status and head.status == 200 and not head.explicit:
            head.status, head.reason = self.request.status, phrase(self.request.status)
        headers = [*head.headers, *self.headers]
        text = head.get("content-length")
        said = int(text) if text else None
        if head.status in (204, 304):
            self._without_body = True
            length = None
        elif head.raw:
            length = said
        elif said is not None and end is None and self._is_to_wait(said, len(body)):
            return False
        else:
            length = self._length(said, len(body), end, _is_text(head.get("content-type") or ""))
            if said is not None and (len(body) > said or (end is End.EOF and len(body) < said)):
                self.once("length", f"its Content-Length, {said}, is wrong: it has to count bytes, as sent")
        if length != said:
            headers = [header for header in headers if header[0].lower() != "content-length"]
            if length is not None:
                headers.append(("Content-Length", str(length)))
        if head.untyped:
            self.once("type", "no Content-Type in its header, so that clients have to guess")
        if self.change and not head.raw:
            headers = self.change(headers, head.status)
        self._left = 0 if self._without_body else length
        self.reply = Reply(head.status, head.reason, headers, raw=head.raw)
        return True

    def _is_to_wait(self, said: int, size: int) -> bool:
        """Whether more output, or its end, may soon show that a Content-Length `said` is right or wrong."""
        if self._without_body or size > min(said, CHECKED):
            return False
        if not size and said:
            return True  # a head alone is of no use to anybody
        now = time.monotonic()
        self._due = self._due or now + PATIENCE
        return now < self._due

    def _length(self, said: int | None, size: int, end: End | None, text: bool) -> int | None:
        """The Content-Length to send where the script has `said` one and `size` bytes have come, perhaps with
        the `end`. What a script says of a small page or of `text`, whose characters it may have counted, is
        nothing that one can rely on; of a download it counts until it is exceeded."""
        if said is not None and size > said:
            said = None
        if self._without_body:
            return said
        if (end is End.EOF and size <= CHECKED) or (end and said is None and not self._is_late()):
            return size
        return said if said is None or said in (0, size) or (said > CHECKED and not text) or end else None

    def _body(self, body: bytes, end: End | None) -> bytes:
        if self._left is not None:
            if len(body) > self._left and not self._without_body:
                self.error(
                    f"output is longer than its Content-Length, by {len(body) - self._left} bytes at least"
                )
            body = body[: self._left]
            self._left -= len(body)
        if self._left == 0 or (end is End.EOF and self._left is None):
            self.finished = True
        elif end:
            self.finished = True
            self.broken = "time limit exceeded"
            if end is End.EOF:
                self.broken = f"output is shorter than its Content-Length by {self._left} bytes"
                self.error(self.broken)
        return body


Answer = Reply | File | Run  # what a request is answered with


def _is_text(kind: str) -> bool:
    """Whether a Content-Type, or that there is none, says text."""
    kind = kind.partition(";")[0].strip().lower()
    return not kind or kind.startswith("text/") or kind.endswith(("json", "xml", "javascript"))


def plain(text: str) -> str:
    """Text for a log line: nothing in it ends the line or plays with the terminal."""
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")
