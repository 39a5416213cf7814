"""Run a script in this process, which was started for it alone: by a web server, or by the `cgi` runner."""

from __future__ import annotations

import gc
import os
import sys

from cgicompat import dependencies
from cgicompat.errorlog import log
from cgicompat.modules import LIBRARY
from cgicompat.runners.program import Program
from cgicompat.runners.script import command_of, kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import NoReturn


def run(script: str, arguments: list[str], bare: Iterable[str], own: bool = False) -> NoReturn:
    """Run `script` and exit with its status; `bare` are the modules that a fresh interpreter has.

    `own` says that this process has the options and the interpreter that the script's `#!` line asks for.
    """
    unbuffered = False
    if os.path.isfile(script):
        its = kind(script)
        if not its.python:
            os.execv(script, [script, *arguments])
        if not own and its.missing:
            log(f"{script}: {its.missing}")
        if not (own or its.here):
            command = command_of(script, arguments)
            os.execv(command[0], command)
        unbuffered = its.unbuffered
    debug = os.environ.pop("CGICOMPAT_DEBUG", "") not in ("", "0")
    hidden = os.environ.pop("CGICOMPAT_HIDDEN", None)
    if hidden is not None:
        dependencies.hide(hidden.split(os.pathsep))
    LIBRARY.configure(bare, sys.path, [os.path.dirname(script)])
    program = Program(script, arguments, debug=debug, unbuffered=unbuffered)
    gc.freeze()  # what is here already need not be looked at when the script ends
    program.run()
    program.respond()
    os._exit(program.status)
