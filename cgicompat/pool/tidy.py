"""Turning a process into a master, and removing what a pool has on disk."""

from __future__ import annotations

import marshal
import os
import sys

from cgicompat.pool.intake import unnamed_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from cgicompat.config import Settings


def execute(settings: Settings, state: dict[str, Any]) -> NoReturn:
    """Replace this process by a master, or by the command in `state` that will in turn become one."""
    file = unnamed_file(state["temporary"])
    with open(file, "wb", closefd=False) as stream:
        marshal.dump((settings.dump(), state), stream)
    os.lseek(file, 0, os.SEEK_SET)
    fds = [file, state["listener"], state["parent"], state.get("board")]
    fds += [errors for _, _, errors in state.get("workers", [])]
    fds += [connection for _, connection in state.get("queue", [])]
    for fd in fds:
        if fd is not None:
            os.set_inheritable(fd, True)
    main = os.path.join(os.path.dirname(os.path.abspath(__file__)), "__main__.py")
    argv = state["argv"] if state.get("workers") is not None and state["argv"] else None
    os.environ["CGICOMPAT_STATE"] = str(file)
    command = argv or [sys.executable, main]
    os.execv(command[0], command)


def remove_directory(path: str) -> None:
    """Remove a private directory of ours and what is in it; another may be doing the same."""
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
