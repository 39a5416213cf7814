"""One request in a process of its own, without a pool."""

from __future__ import annotations

import os
import signal
import socket
import sys

from cgicompat import dependencies, runners
from cgicompat.descriptors import scripts_run
from cgicompat.errorlog import log
from cgicompat.modules import LIBRARY
from cgicompat.request import Request, host_environ
from cgicompat.runners import here
from cgicompat.runners.script import missing, runs_here

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from cgicompat.config import Settings


def main(settings: Settings, state: dict[str, Any], bare: frozenset[str]) -> NoReturn:
    """Serve the request in `state` and exit with the script's status."""
    dependencies.obey(settings)
    LIBRARY.configure(bare, sys.path, [settings.directory])
    environ = state["once"]
    script = environ["SCRIPT_FILENAME"]
    settings = settings.for_script(script)
    host = host_environ(dict(os.environ))
    request = Request(settings, script, {**host, **settings.env, **environ}, gateway=False)
    name = settings.runner if runs_here(request) else "cgi"
    if why := missing(request):
        log(f"{script}: {why}")
    scripts_run()
    connection = socket.socket(fileno=state["connection"])
    if name != "cgi":
        here.handle_signals(os.getppid())
        signal.setitimer(signal.ITIMER_REAL, settings.timeout)
    status = 70
    try:
        status = runners.find(name)(request, connection, state["body"]).status
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        os._exit(status)  # past the interpreter's end, in which our functions for C code do not work any more
    if status > 128 and name == "cgi":
        signal.signal(status - 128, signal.SIG_DFL) if status - 128 not in (9, 19) else None
        os.kill(os.getpid(), status - 128)
    os._exit(status)
