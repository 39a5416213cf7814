"""Trailers of a chunked body are no headers (RFC 9110 section 6.5.1), though uvicorn takes them for some
if it has httptools: a client could send a script a second Cookie, or an X-Forwarded-For past a proxy.

An application cannot tell them from headers any more. So uvicorn itself is kept from it, in a process that
has both; its requests without trailers are as ever. `serve` has a protocol of its own, in `framing`.
"""

from __future__ import annotations

import sys
from typing import Any


def ignore() -> None:
    """Have uvicorn, if that is what runs us, ignore trailers from now on."""
    if "uvicorn" not in sys.modules:
        return
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    except ImportError:
        return  # its other parser ignores them
    on_header: Any = HttpToolsProtocol.on_header
    if on_header.__module__ == __name__:
        return

    def on_header_alone(self: HttpToolsProtocol, name: bytes, value: bytes) -> None:
        if "method" not in self.scope:  # which is there once the head has ended
            on_header(self, name, value)

    HttpToolsProtocol.on_header = on_header_alone  # type: ignore[method-assign]
