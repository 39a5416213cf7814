"""Turning a process into a master, and removing what a pool has on disk."""

from __future__ import annotations

import os
import signal

from cgicompat import bare
from cgicompat.pool.intake import unnamed_file
from cgicompat.pool.reload import descriptors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from cgicompat.config import Settings
    from cgicompat.pool.reload import State


MASTER = "cgicompat.pool.master"


def execute(settings: Settings, state: State, command: list[str] | None = None) -> NoReturn:
    """Replace this process by a master, or by `command` that will in turn become one."""
    file = unnamed_file(state["temporary"])
    with open(file, "wb", closefd=False) as stream:
        bare.write(stream, MASTER, settings, dict(state))
    # What comes meanwhile waits until the master has its handlers.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    for fd in (file, *descriptors(state)):
        os.set_inheritable(fd, True)
    if command:
        os.execve(command[0], command, state["environ"] | {bare.STATE: str(file)})
    os.execve(bare.COMMAND[0], bare.COMMAND, bare.environ(settings, file))


# What a master listens to.
SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Traces:
    """What a pool has on disk: a socket, as path and inode, and a private directory."""

    def __init__(self, socket_file: tuple[str, int] | None, directory: str):
        self._socket_file = socket_file
        self._directory = directory

    def remove_socket(self) -> None:
        """Remove the socket, unless another pool has put its own there."""
        if self._socket_file:
            path, inode = self._socket_file
            try:
                if os.stat(path).st_ino == inode:
                    os.unlink(path)
            except OSError:
                pass

    def remove(self) -> None:
        """Remove all; another process may be doing the same."""
        self.remove_socket()
        remove_directory(self._directory)


def remove_directory(path: str) -> None:
    """Remove a private directory of ours and what is in it, as far as possible."""
    for root, directories, files in os.walk(path, topdown=False):
        for name in files:
            _quietly(os.unlink, os.path.join(root, name))
        for name in directories:
            _quietly(os.rmdir, os.path.join(root, name))
    _quietly(os.rmdir, path)


def _quietly(function: Any, path: str) -> None:
    try:
        function(path)
    except OSError:
        pass
