"""What is asked for: one row for each script, with the request that it gets and what its answer must have.

The scripts are in site/cgi-bin; site/rewrite.py has the same pages as a WSGI application and for mod_python.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MEGABYTES_10 = 10 << 20
BOUNDARY = "----boundary"
PARTS = {
    'name="name"': "Ann",
    'name="topping"': "olives",
    'name="file"; filename="notes.txt"': "word " * 400,
}
FORM = "".join(
    f"--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n"
    for head, value in PARTS.items()
)


@dataclass(frozen=True, eq=False)
class Script:
    """A row: `key` names it in options and results, `page` is its file without the ending. `expects` is a
    part of the answer's body. A script of the user's own has a `file`."""

    key: str
    page: str
    what: str
    method: str = "GET"
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    expects: bytes = b""
    file: str = ""


SCRIPTS = (
    Script("S1", "hello", "hello: one line of text", expects=b"hello\n"),
    Script(
        "S2",
        "typical",
        "typical: ten imports, a form from query and body, a cookie, a page of 5 kB",
        method="POST",
        query="name=Ann&day=7",
        headers={"Content-Type": "application/x-www-form-urlencoded", "Cookie": "visitor=ann"},
        body=b"name=Ann+%3CLee%3E&topping=olives",
        expects=b"<td>129<td>Ann &lt;Lee&gt;<td>",
    ),
    Script("S3", "heavy", "heavy: a database, XML, decimals, mail, logging", expects=b"Order of 1472.3275"),
    Script(
        "S4",
        "form",
        "form: a small upload through `cgi.FieldStorage`",
        method="POST",
        headers={"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
        body=f"{FORM}--{BOUNDARY}--\r\n".encode(),
        expects=b"Ann olives notes.txt 2000\n",
    ),
    Script("S5", "download", "download of 10 MB", expects=bytes(1000)),
    Script(
        "S6",
        "upload",
        "upload of 10 MB",
        method="POST",
        headers={"Content-Type": "application/octet-stream"},
        body=bytes(MEGABYTES_10),
        expects=b"10485760 bytes\n",
    ),
)
