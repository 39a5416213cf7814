"""The SCGI wire format: a netstring of NUL-terminated names and values, then the body.

Encoding is bytes out of a dict; decoding is in two steps without I/O, so that the caller decides how to
wait: `header_size` says how many bytes the request head takes, `decode` turns these into a dict.
"""

from __future__ import annotations

from itertools import chain

# Apache and nginx send some hundred bytes to a few KB; a process cannot be given much more anyway.
MAX_HEADER = 128 * 1024

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class ProtocolError(ValueError):
    """What came in is not an SCGI request."""


def encode(environ: Mapping[str, str]) -> bytes:
    """The head of an SCGI request (specification: https://python.ca/scgi/protocol.txt).

    CONTENT_LENGTH comes first and SCGI second as the protocol demands; an absent length counts as 0.
    Raises ValueError where a name or value has a NUL, which would forge further variables.
    """
    first = {"CONTENT_LENGTH": environ.get("CONTENT_LENGTH") or "0", "SCGI": "1"}
    fields = {**first, **environ, **first}
    text = "\0".join(chain.from_iterable(fields.items())) + "\0"
    if text.count("\0") != 2 * len(fields):
        raise ValueError("NUL in a name or value of the environ")
    header = text.encode("utf-8", "surrogateescape")
    return b"%d:%s," % (len(header), header)


def header_size(data: bytes) -> int | None:
    """Bytes that the request's head takes, or None while `data` is too short to tell.

    Raises ProtocolError where `data` begins no netstring, or one larger than MAX_HEADER.
    """
    digits, colon, _ = data[:8].partition(b":")
    if not digits.isdigit() and (digits or colon):
        raise ProtocolError("not an SCGI request: no netstring")
    if not colon:
        if len(data) >= 8:
            raise ProtocolError("not an SCGI request: no netstring")
        return None
    if int(digits) > MAX_HEADER:
        raise ProtocolError(f"SCGI header of {int(digits)} bytes; at most {MAX_HEADER} are allowed")
    return len(digits) + 1 + int(digits) + 1


def decode(head: bytes) -> dict[str, str]:
    """Variables of a complete request head, text as os.environ has it (UTF-8, surrogateescape).

    Raises ProtocolError for a malformed head or a CONTENT_LENGTH that is not a number.
    """
    if head[-2:] != b"\0,":
        raise ProtocolError("malformed SCGI header")
    fields = head[head.index(b":") + 1 : -2].decode("utf-8", "surrogateescape").split("\0")
    if len(fields) % 2:
        raise ProtocolError("malformed SCGI header: a name without a value")
    names = iter(fields)
    environ = dict(zip(names, names, strict=True))
    length = environ.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdigit() and len(length) < 19):
        raise ProtocolError(f"malformed SCGI header: CONTENT_LENGTH is {length[:30]!r}")
    if environ.pop("SCGI", "1") != "1":
        raise ProtocolError("unknown SCGI version")
    return environ
