"""Whether what a script printed begins as a response does, where nobody else tells its author."""

from __future__ import annotations


def fault(script: str, begun: bytes, whole: bool) -> str:
    """What is wrong with the header that output begins with, or nothing; `whole` says that all of it is here.
    What is cut off in the header is right so far."""
    if (b"\n\n" in begun or b"\n\r\n" in begun) and b":" in begun.partition(b"\n")[0]:
        return ""  # as it mostly is
    from cgicompat.response import BadResponse, Parser, is_nph

    parser = Parser(nph=is_nph(script))
    try:
        parser.feed(begun)
        if whole:
            parser.close()
    except BadResponse as error:
        return str(error)
    return ""
