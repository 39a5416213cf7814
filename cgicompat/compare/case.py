"""What is compared: requests, how they are asked, and what one run of one of them gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cgicompat.guards.change import Change
from cgicompat.response import is_nph

OURS = "cgicompat"  # as a reference: our `cgi` runner


class CompareError(Exception):
    """A comparison cannot be made; the message says why, and what to do."""


@dataclass(frozen=True)
class Case:
    """A request for a script: `name` for people, `script` an absolute file name in the directory that is
    served, `environ` the CGI variables without those of the host."""

    name: str
    script: str
    environ: dict[str, str]
    body: bytes = b""

    @property
    def nph(self) -> bool:
        """Does the script speak for the server (RFC 3875 section 5)?"""
        return is_nph(self.script)


@dataclass(frozen=True)
class Options:
    """How to compare.

    `repeat`: runs of each request under each runner, 2 or more. `runners`: those to judge, empty for the
    usual ones. `reference`: program (with arguments, as a shell splits them) that runs the scripts of the
    reference, in place of plain CGI, or OURS; or `url`, a live server. `original`: file or directory
    with what the reference runs in place of the scripts. `in_place`: no copies are made, else `copy_limit`
    is the most bytes of a copy. `ignore`: patterns of lines that do not count. `unsafe`: send the live server
    other methods than GET and HEAD.
    """

    repeat: int = 3
    runners: tuple[str, ...] = ()
    reference: str = ""
    url: str = ""
    original: str = ""
    in_place: bool = False
    copy_limit: int = 1 << 30
    ignore: tuple[str, ...] = ()
    unsafe: bool = False

    @property
    def plain(self) -> bool:
        """Is the reference plain CGI, or our own runner for it, with the scripts as they are?"""
        return not (self.reference not in ("", OURS) or self.url or self.original)

    @property
    def candidates(self) -> tuple[str, ...]:
        """The runners to judge, slowest first."""
        chosen = self.runners or (("fork", "cgihandler") if self.plain else ("cgi", "fork", "cgihandler"))
        return tuple(name for name in ("cgi", "fork", "cgihandler") if name in chosen)


@dataclass
class Run:
    """One run: what came out and what it took.

    `output` is what the script printed, `reset` tells that the process died before its end, `late` that its
    time was over. `errors` is its stderr, `remarks` the runner's own lines there. `status` is the exit
    status, None if not known. `spent` says why the process was replaced after it, `changes` what an audit
    found. `seconds` until the end of the response, `cpu` in seconds, `peak` memory in bytes. `files` are
    those that it changed: by name, what is in them now, None where they are gone.
    """

    output: bytes = b""
    reset: bool = False
    late: bool = False
    errors: bytes = b""
    remarks: tuple[str, ...] = ()
    status: int | None = None
    spent: str | None = None
    changes: Sequence[Change] = ()
    seconds: float = 0.0
    cpu: float = 0.0
    peak: int = 0
    files: dict[str, Content | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Content:
    """What a run left in a file: permissions, size, hash, and the bytes themselves unless they are many.
    `kind` is "file", "directory" or "link" (with its target as `data`)."""

    kind: str
    mode: int
    size: int
    digest: str
    data: bytes | None
