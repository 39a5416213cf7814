"""What a client, and whoever looks at the machine, gets from a run: its parts, each of them text or bytes.

Parts are what comparisons compare: status, headers, body, exit status, stderr, and each file that the run
has changed.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from cgicompat.compare.case import Content, Run
from cgicompat.response import BadResponse, Parser

STATUS, HEADERS, BODY, EXIT, STDERR = "status", "headers", "body", "exit status", "stderr"
FILE = "file "  # and its name


@dataclass(frozen=True)
class Part:
    """`lines` of text, or None where it is no text; then `data` has the bytes, or as many of them as were
    kept, of `size` in all with the hash `digest`. `head` is said before all that: a file's permissions."""

    lines: tuple[str, ...] | None
    data: bytes = b""
    size: int = 0
    digest: str = ""
    head: str = ""


@dataclass(frozen=True)
class Response:
    """What a client would get of a script's output (RFC 3875 section 6). `problem` says why it is an error
    page of the server's."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    problem: str = ""


def text(*lines: str) -> Part:
    """A part of these lines."""
    return Part(lines)


def response(output: bytes, nph: bool = False, reset: bool = False, late: bool = False) -> Response:
    """The response in a script's output, as our gateways see it; `reset` and `late` tell how it ended."""
    parser = Parser(nph)
    try:
        body = parser.feed(output)
        if not reset:
            parser.close()
    except BadResponse as error:
        return Response(500, "", (), b"", str(error))
    head = parser.head
    if head is None:
        if late:
            return Response(504, "", (), b"", "time limit exceeded")
        return Response(502, "", (), b"", "the script was killed")
    reason = head.reason + (
        f", then {head.local_redirect} by an internal redirect" if head.local_redirect else ""
    )
    return Response(head.status, reason, tuple(head.headers), body)


def parts(run: Run, nph: bool = False) -> dict[str, Part]:
    """All parts of a run."""
    found = response_parts(response(run.output, nph, run.reset, run.late))
    found[EXIT] = text(str(run.status))
    found[STDERR] = _bytes(run.errors, "utf-8")
    found.update((FILE + name, _file(content)) for name, content in sorted(run.files.items()))
    return found


def response_parts(answer: Response) -> dict[str, Part]:
    """Status, headers and body."""
    line = f"{answer.status} {answer.reason}".strip() + (f" ({answer.problem})" if answer.problem else "")
    return {
        STATUS: text(line),
        # Their order means nothing, but among those of one name.
        HEADERS: text(*(f"{name}: {value}" for name, value in sorted(answer.headers, key=_by_name))),
        BODY: _bytes(answer.body, _charset(answer.headers)),
    }


def _by_name(header: tuple[str, str]) -> str:
    return header[0].lower()


def _charset(headers: tuple[tuple[str, str], ...]) -> str:
    for name, value in headers:
        if name.lower() == "content-type":
            found = re.search(r"charset\s*=\s*[\"']?([\w.:-]+)", value, re.IGNORECASE)
            if found:
                return found[1]
            return "utf-8 latin-1" if value.startswith("text/") else "utf-8"
    return "utf-8"


def _bytes(data: bytes, charsets: str) -> Part:
    if b"\0" not in data:
        for charset in charsets.split():
            try:
                return Part(tuple(data.decode(charset).split("\n")) if data else (), size=len(data))
            except (LookupError, ValueError):
                pass
    return Part(None, data, len(data), hashlib.sha256(data).hexdigest())


def _file(content: Content | None) -> Part:
    if content is None:
        return Part((), head="removed")
    kind = "" if content.kind == "file" else f"{content.kind}, "
    head = f"{kind}permissions {content.mode:04o}"
    if content.data is None:
        return Part(None, b"", content.size, content.digest, head)
    part = _bytes(content.data, "utf-8")
    return Part(part.lines, part.data, part.size, part.digest, head)
