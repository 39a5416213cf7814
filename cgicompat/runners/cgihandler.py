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
    from collections.abc import Iterator

    from cgicompat.request import Request
    from cgicompat.runners.program import Program

_guards: Guards | None = None


def run(request: Request, connection: socket.socket, body: int) -> Outcome:
    """Run the script, and leave the process as it was before the first."""
    global _guards
    if _guards is None:
        _guards = Guards(request.settings.audit, request.settings.max_rss)
    # A copy of the context takes all context variables that the script sets with it.
    context = copy_context()
    program = context.run(here.run, request, connection, body, _guards.begin)
    found = list(_of_the_program(program))
    if request.settings.audit:
        names = ("set", "setcontext", "getcontext", "localcontext")
        found += [Change(f"context variable {variable.name} was set", names=names) for variable in context]
    spent = _guards.restore(found)
    return Outcome(program.status, spent, found if request.settings.audit else (), output=program.output)


def _of_the_program(program: Program) -> Iterator[Change]:
    """What shows in its modules."""
    if program.path.changed:
        yield Change("sys.path was changed", names=("path",))
    if program.argv_changed:
        yield Change("sys.argv was changed", names=("argv",))
    for name in program.made_modules:
        yield Change(f"sys.modules[{name!r}] was set", names=("modules",))
    if program.extension:
        yield Change(f"its module {program.extension} is an extension, which keeps its variables", SPENT)
    shadows = program.path.hid or program.own_modules & sys.stdlib_module_names
    if shadows and (program.path.hid or not sys.modules.keys() <= program.before.keys()):
        # Libraries that were imported meanwhile may be built upon the script's module.
        yield Change("a module of its own has the name of one in the standard library", SPENT)
