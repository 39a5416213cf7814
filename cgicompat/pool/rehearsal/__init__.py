"""Requests of our own that the master answers before any other, for its children to begin with warm code.

CPython rewrites the code that it runs often into faster one (PEP 659). A child that runs once, or whose
memory is put back, would do that anew for each request, and never get far. The script that is run for it is
in this directory, and does nothing.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import socket

from cgicompat import scgi
from cgicompat.descriptors import keep, release
from cgicompat.modules import CODE
from cgicompat.pool.board import Board
from cgicompat.pool.intake import Intake
from cgicompat.pool.worker import Context, Worker
from cgicompat.runners import here
from cgicompat.stdio import STREAMS

_DIRECTORY = os.path.dirname(os.path.abspath(__file__))
_SCRIPT = os.path.join(_DIRECTORY, "script.py")
_TIMES = 24  # CPython rewrites after 2 to 16 runs


def rehearse(context: Context, temporary: str) -> None:
    """Answer some requests here, and leave no trace. Where something is to be called at exit already, it is
    not done, since it would be called; nor where the system is short of something."""
    if not atexit._ncallbacks() and hasattr(os, "memfd_create"):
        try:
            _rehearse(context, temporary)
        except OSError:
            pass  # it may be had later, and all goes well without


def _rehearse(context: Context, temporary: str) -> None:
    settings = context.settings.but(
        directory=_DIRECTORY, runner="fork", cgi_bin=(".",), cwd="script", apache_conf=None
    ).for_all()
    board = os.memfd_create("rehearsal")  # not on a disk, which may be full
    os.ftruncate(board, Board.SIZE)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    stage = Context(
        settings,
        Intake(settings, {}, temporary),
        Board(board),
        ours,
        ours,
        ours,
        context.lifeline,
        context.traces,
        None,
        context.soft_limit,
        context.put_back,
    )
    outer, directory = dict(os.environ), os.open(".", os.O_RDONLY)
    streams = [keep(os.dup(fd)) for fd in (0, 1, 2)]
    reader, writer = os.pipe()  # for fd 2: a worker waits until its errors have been read
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGIO,))
    gc.freeze()  # or each request, at its end, would look at all that there is
    try:
        os.dup2(writer, 2)
        for number in range(_TIMES):
            # With a file name as gateways send it, and as nginx does, by the URL alone, which is a new one.
            environ = {"SCRIPT_FILENAME": _SCRIPT} if number % 2 else {"DOCUMENT_URI": f"/script.py/{number}"}
            _ask(Worker(stage, 0), environ | {"REQUEST_METHOD": "GET"})
    finally:
        gc.unfreeze()
        for fd, kept in enumerate(streams):
            os.dup2(kept, fd)
            release(kept)
        here.set_environ(outer)
        os.fchdir(directory)
        os.close(directory)
        for fd in (board, reader, writer):
            os.close(fd)
        ours.close()
        theirs.close()
        STREAMS.renew()
        CODE.forget(_SCRIPT)
        signal.sigtimedwait((signal.SIGIO,), 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _ask(worker: Worker, environ: dict[str, str]) -> None:
    client, connection = socket.socketpair()
    with client:
        client.sendall(scgi.encode(environ))
        worker.serve(connection)
