"""Run a request's script in this process, put everything back, go on: mod_python's cgihandler done right."""

from __future__ import annotations

import sys
from _contextvars import copy_context

from cgicompat.guards import Guards
from cgicompat.guards.change import SPENT, Change
from cgicompat.runners import here
from cgicompat.runners.outcome import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from cgicompat.request import Request

_guards: Guards | None = None


def run(request: Request, connection: socket.socket, body: int) -> Outcome:
    """Run the script, and leave the process as it was before the first."""
    global _guards
    if _guards is None:
        _guards = Guards(request.settings.audit)
    loaded = len(sys.modules)
    # A copy of the context takes all context variables that the script sets with it.
    program = copy_context().run(here.run, request, connection, body, _guards.begin)
    spent, changes = _guards.restore()
    shadowing = program.own_modules & sys.stdlib_module_names
    if program.hid or (shadowing and len(sys.modules) != loaded):
        # Libraries that were imported meanwhile may be built upon the script's module.
        spent = "a module beside it has the name of one in the standard library"
        changes.append(Change(spent, SPENT))
    return Outcome(program.status, spent, changes if request.settings.audit else ())
