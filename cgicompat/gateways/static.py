"""Static files and directory listings: all about them that is not I/O."""

from __future__ import annotations

import html
import mimetypes
import os
import re
from email.utils import formatdate, parsedate
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote

from .message import Reply, Request, page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_RANGE = re.compile(r"(\d{0,18})-(\d{0,18})", re.ASCII)
_COMPRESSED = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}


def media_type(path: str) -> str:
    """The Content-Type of a file, without a charset: old pages name theirs themselves."""
    begin = path.find(".", path.rfind("/") + 1)
    kind, encoding = _guess(path[begin:]) if begin >= 0 else (None, None)
    if encoding:
        return _COMPRESSED.get(encoding, "application/octet-stream")
    return kind or "application/octet-stream"


@lru_cache(1000)
def _guess(endings: str) -> tuple[str | None, str | None]:
    return mimetypes.guess_type("x" + endings)


def not_modified(request: Request, header: Callable[[str], str | None]) -> bool:
    """May a 200 with these headers become a 304 (RFC 9110 section 13.2.2)? `header` gives one by its name."""
    etag, modified = header("etag"), parsedate(header("last-modified"))
    if request.method not in ("GET", "HEAD") or (etag, modified) == (None, None):
        return False
    if (wanted := request.get("if-none-match")) is not None:
        tags = [tag.strip().removeprefix("W/") for tag in wanted.split(",")]
        return etag is not None and (tags == ["*"] or etag.removeprefix("W/") in tags)
    since = parsedate(request.get("if-modified-since"))
    return since is not None and modified is not None and modified <= since


def whole_or_part(
    request: Request, path: str, status: os.stat_result, kind: str = ""
) -> tuple[Reply, int, int]:
    """The head of the reply for a file, and which part of it follows: offset and number of bytes. `kind` is
    its Content-Type where it is not what the name says."""
    size = status.st_size
    etag = f'"{status.st_mtime_ns:x}-{size:x}"'
    modified = formatdate(status.st_mtime, usegmt=True)
    validators = {"etag": etag, "last-modified": modified}
    if not request.status and not_modified(request, validators.get):
        return Reply(304, "", list(validators.items())), 0, 0
    headers = [("Content-Type", kind or media_type(path)), ("Accept-Ranges", "bytes"), *validators.items()]
    if request.status:
        return Reply(request.status, "", [*headers, ("Content-Length", str(size))]), 0, size
    part = None
    if request.get("if-range") in (None, etag, modified):
        part = _range(request.get("range") or "", size)
    if not part:
        return Reply(200, "", [*headers, ("Content-Length", str(size))]), 0, size
    start, stop = part
    if start >= stop:
        return page(416, ("Content-Range", f"bytes */{size}")), 0, 0
    headers.append(("Content-Range", f"bytes {start}-{stop - 1}/{size}"))
    return Reply(206, "", [*headers, ("Content-Length", str(stop - start))]), start, stop - start


def ranges(text: str) -> list[tuple[str, str]]:
    """First and last byte of each range in a Range header, of which one may be empty. None of them
    where it is not to be heeded, as of another unit or malformed (RFC 9110 section 14.2)."""
    unit, _, specs = text.partition("=")
    found = [_RANGE.fullmatch(spec.strip()) for spec in specs.split(",")]
    pairs = [(match[1], match[2]) for match in found if match]
    odd = any(first == last == "" or (first and last and int(first) > int(last)) for first, last in pairs)
    return pairs if unit.strip().lower() == "bytes" and len(pairs) == len(found) and not odd else []


def _range(text: str, size: int) -> tuple[int, int] | None:
    """Start and end of a single range, an empty one where it lies outside; None if there is none to heed."""
    pairs = ranges(text)
    if len(pairs) != 1:
        return None
    [(first, last)] = pairs
    if not first:
        return max(size - int(last), 0), size
    return int(first), min(int(last) + 1, size) if last else size


def listing(title: str, names: Iterable[str], parent: bool) -> Reply:
    """A page with links to `names` in the directory whose URL path, decoded, is `title`."""
    title = html.escape(f"Index of {title}")
    items = [
        f'<li><a href="./{quote(name, errors="surrogateescape")}">{html.escape(name)}</a>' for name in names
    ]
    if parent:
        items.insert(0, '<li><a href="../">../</a>')
    return page(
        200,
        html=f'<!doctype html>\n<meta charset="utf-8">\n<title>{title}</title>\n<h1>{title}</h1>\n'
        f"<ul>\n{chr(10).join(items)}\n</ul>\n",
    )
