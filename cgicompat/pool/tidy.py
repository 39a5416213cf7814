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
_PREFIX = "cgicompat-"
_LOCK = "lock"


def execute(settings: Settings, state: State, command: list[str] | None = None) -> NoReturn:
    """Replace this process by a master, or by `command` that will in turn become one. Raises OSError, and
    leaves all as it was."""
    file = _file(state["temporary"])
    fds = [file, *descriptors(state)]
    # What comes meanwhile waits until the master has its handlers.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        with open(file, "wb", closefd=False) as stream:
            bare.write(stream, MASTER, settings, dict(state))
        for fd in fds:
            os.set_inheritable(fd, True)
        if command:
            os.execve(command[0], command, state["environ"] | {bare.STATE: str(file)})
        os.execve(bare.COMMAND[0], bare.COMMAND, bare.environ(settings, file))
    except OSError:
        for fd in fds:
            os.set_inheritable(fd, False)
        os.close(file)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        raise


def _file(directory: str) -> int:
    """In memory if possible, since a disk may be full."""
    try:
        return os.memfd_create("state")
    except (AttributeError, OSError):  # not on this system, or refused
        return unnamed_file(directory)


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


def make_directory(parent: str | None = None) -> tuple[str, int]:
    """A new private directory in `parent` (the one for temporary files), and the fd of a lock in it, held as
    long as anybody has this open. What others left there that were killed is removed. Raises OSError."""
    import fcntl
    import tempfile

    parent = parent or tempfile.gettempdir()
    _sweep(parent)
    path = tempfile.mkdtemp(prefix=_PREFIX, dir=parent)
    try:
        lock = os.open(os.path.join(path, "new"), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Under its name it is never without its owner but when that is dead.
        os.rename(os.path.join(path, "new"), os.path.join(path, _LOCK))
    except OSError:
        remove_directory(path)
        raise
    return path, lock


def _sweep(parent: str) -> None:
    try:
        with os.scandir(parent) as entries:
            ours = [
                entry.path
                for entry in entries
                if entry.name.startswith(_PREFIX)
                and entry.is_dir(follow_symlinks=False)
                and entry.stat(follow_symlinks=False).st_uid == os.geteuid()
            ]
    except OSError:
        return
    for path in ours:
        if _is_abandoned(path):
            remove_directory(path)


def _is_abandoned(path: str) -> bool:
    import fcntl

    try:
        lock = os.open(os.path.join(path, _LOCK), os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(lock)
    return True


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
