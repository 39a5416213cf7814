"""Processes of ours that begin as a bare `python FILE`: a pool's master, one request of the command line, a
comparison's lab.

Bare, so that scripts find there what they find in a fresh interpreter. What the process is to become is said
by the name of a module with a function `main(settings, state, bare)`; these come through a file.
"""

from __future__ import annotations

import marshal
import os

from cgicompat.runners.script import INTERPRETER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from subprocess import Popen
    from typing import IO, Any

    from cgicompat.config import Settings

COMMAND = [INTERPRETER, os.path.join(os.path.dirname(os.path.abspath(__file__)), "__main__.py")]
STATE = "CGICOMPAT_STATE"


def start(
    main: str,
    settings: Settings,
    state: dict[str, Any],
    fds: Sequence[int],
    *,
    prefix: Sequence[str] = (),
    stdout: int | None = None,
) -> Popen[bytes]:
    """Start a process in which the module `main` takes over. It inherits `fds`; `prefix` is a command that
    starts its program. Raises OSError."""
    import subprocess
    import tempfile

    with tempfile.TemporaryFile() as file:
        write(file, main, settings, state)
        return subprocess.Popen(
            [*prefix, *COMMAND],
            env=environ(settings, file.fileno()),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            pass_fds=[*fds, file.fileno()],
            start_new_session=True,
        )


def write(file: IO[bytes], main: str, settings: Settings, state: dict[str, Any]) -> None:
    """Write into `file` what such a process begins with. Raises OSError."""
    file.write(marshal.dumps((main, settings.dump(), state)))
    file.flush()
    file.seek(0)


def is_inherited() -> bool:
    """Whether the process before has left something to this one."""
    return STATE in os.environ


def inherited() -> Any:
    """What the process before has left to this one, if anything. The environment then says no more of it."""
    fd = os.environ.pop(STATE, None)
    if fd is None:
        return None
    with open(int(fd), "rb") as file:
        return marshal.load(file)[2]


def environ(settings: Settings, state: int) -> dict[str, str]:
    """The environment of such a process, whose state is in the file descriptor `state`."""
    return clean_environ(settings) | {STATE: str(state)}


def clean_environ(settings: Settings) -> dict[str, str]:
    """Our environment, but of what changes Python only what is configured, as a script would see it."""
    clean = {name: value for name, value in os.environ.items() if not _changes_python(name)}
    return clean | {name: value for name, value in settings.env.items() if _changes_python(name)}


def _changes_python(name: str) -> bool:
    return name == "HOME" or (name.startswith("PYTHON") and name != "PYTHONHOME")  # HOME: site-packages
