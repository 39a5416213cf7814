"""What becomes of a process after the request: RUNNERS is the table of answers.

A runner takes a request, its connection and the fd of its body, which it closes, and returns an Outcome.
"""

from __future__ import annotations

from cgicompat.python import is_known

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from cgicompat.request import Request
    from cgicompat.runners.outcome import Outcome

    Runner = Callable[[Request, socket.socket, int], Outcome]


def find(name: str) -> Runner:
    """The runner `cgi` (spawn a program), `fork` (run here, then exit or have the memory put back) or
    `cgihandler` (run, put back by guards, go on). Where nobody has decided what `auto` is, it is `fork`.

    On a Python that we do not know, of which nobody has tried what its libraries keep, `fork` stands in for
    `cgihandler`.
    """
    if name == "cgi":
        from cgicompat.runners import cgi

        return cgi.run
    if name in ("fork", "auto") or not is_known():
        from cgicompat.runners import fork

        return fork.run
    from cgicompat.runners import cgihandler

    return cgihandler.run
