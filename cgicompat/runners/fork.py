"""Run a request's script in this process, a warm child that then ends: CGI's isolation without its start."""

from __future__ import annotations

from cgicompat.runners import here
from cgicompat.runners.outcome import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from cgicompat.request import Request


def run(request: Request, connection: socket.socket, body: int) -> Outcome:
    """Run the script once. The process serves nothing after it."""
    program = here.run(request, connection, body)
    return Outcome(program.status, spent="", output=program.output)
