"""Master and workers, speaking SCGI.

`Pool` is a pool of one's own, for a gateway; `exec_master` turns this process into a pool; `run_once` runs
one request without a pool.

A master imports this package and is copied with each fork: at import time it needs what the master needs.
"""

from __future__ import annotations

import errno
import os
import signal
import socket

from cgicompat import bare
from cgicompat.pool import filelimit, tidy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    from cgicompat.config import Settings

_BACKLOG = 1024


class Pool:
    """A private pool: its master is a child process of ours and ends with us, however we end."""

    def __init__(self, settings: Settings):
        """Start it. Requests can be sent at once. Raises OSError."""
        import subprocess

        from cgicompat import identity

        filelimit.check(settings)
        if not identity.is_ours(settings.user, settings.group):
            raise OSError(
                f"scripts are to run as {settings.user or settings.group}: start this server as that user, "
                "or use `cgicompat serve` or `pool`"
            )
        self._directory, path, lock = _private_directory()
        self.address = f"unix:{path}"
        self._grace = settings.grace
        reader, self._lifeline = os.pipe()
        try:
            with _listen_unix(path) as listener:
                state = {
                    "listener": listener.fileno(),
                    "temporary": self._directory,
                    "lock": lock,
                    "socket_file": (path, os.stat(path).st_ino),
                    "parent": reader,
                    "argv": None,
                }
                fds = [listener.fileno(), reader, lock]
                self._process = bare.start(tidy.MASTER, settings, state, fds, stdout=subprocess.DEVNULL)
        except OSError:
            os.close(self._lifeline)
            tidy.remove_directory(self._directory)
            raise
        finally:
            os.close(reader)
            os.close(lock)

    @property
    def pid(self) -> int:
        """The master's."""
        return self._process.pid

    def alive(self) -> bool:
        """Whether the master runs."""
        return self._process.poll() is None

    def reload(self) -> None:
        """Have code and preloads loaded anew; running requests finish."""
        self._process.send_signal(signal.SIGHUP)

    def close(self) -> None:
        """Let running requests finish within the grace of the settings, then end all that is left."""
        import subprocess

        if self._lifeline < 0:
            return
        self._process.terminate()
        try:
            self._process.wait(self._grace + 5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._lifeline)
        self._lifeline = -1
        tidy.remove_directory(self._directory)


def exec_master(settings: Settings, argv: list[str]) -> NoReturn:
    """Become the master of a pool on `settings.socket`, in this very process.

    `argv` is the command that brings this process here again at a reload, with new settings; with `--check`
    added it only says whether they are good. Raises OSError where the socket cannot be bound, or this process
    not be of the user whom they name.
    """
    from cgicompat import identity

    signal.pthread_sigmask(signal.SIG_BLOCK, tidy.SIGNALS)
    state = bare.inherited()
    if state is None:
        listener, socket_file = _listen(settings)
        if socket_file:
            os.chown(socket_file[0], *identity.wanted(settings.user, settings.group))
        try:
            identity.become(settings.user, settings.group)
            temporary, lock = tidy.make_directory()
        except OSError:
            if socket_file:
                os.unlink(socket_file[0])
            raise
        state = {
            "listener": listener.detach(),
            "temporary": temporary,
            "lock": lock,
            "socket_file": socket_file,
            "parent": None,
            "argv": argv,
            "environ": dict(os.environ),
        }
    tidy.execute(settings, state)


def run_once(
    settings: Settings, environ: dict[str, str], body: Any, output: Callable[[bytes], object]
) -> int:
    """Run the script that SCRIPT_FILENAME in `environ` names, for one request.

    `body` is bytes or a binary file with CONTENT_LENGTH bytes; `output` gets what the script prints, as it
    comes. Returns the script's exit status, 128 + N where signal N ended it.
    """
    import tempfile

    with tempfile.TemporaryFile() as spool:
        if isinstance(body, bytes):
            spool.write(body)
        else:
            while chunk := body.read(1 << 20):
                spool.write(chunk)
        spool.seek(0)
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                state = {"once": environ, "connection": theirs.fileno(), "body": spool.fileno()}
                process = bare.start(
                    "cgicompat.pool.once", settings, state, [theirs.fileno(), spool.fileno()]
                )
            while data := ours.recv(64 * 1024):
                output(data)
    code = process.wait()
    return code if code >= 0 else 128 - code


def _private_directory() -> tuple[str, str, int]:
    """A new directory, the path of a socket in it, which is short enough (108 bytes, on macOS 104), and the
    directory's lock."""
    for parent in (None, "/tmp"):
        directory, lock = tidy.make_directory(parent)
        path = os.path.join(directory, "socket")
        if len(os.fsencode(path)) < 104:
            break
        os.close(lock)
        tidy.remove_directory(directory)
    return directory, path, lock


def _listen(settings: Settings) -> tuple[socket.socket, tuple[str, int] | None]:
    address = settings.socket or ""
    if address.startswith("unix:"):
        path = address.removeprefix("unix:")
        _remove_stale(path)
        return _listen_unix(path), (path, os.stat(path).st_ino)
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, int(port)), family=family, backlog=_BACKLOG), None


def _listen_unix(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    umask = os.umask(0o177)
    try:
        listener.bind(path)
    finally:
        os.umask(umask)
    listener.listen(_BACKLOG)
    return listener


def _remove_stale(path: str) -> None:
    """Remove a socket that a killed pool left. Raises OSError where a pool is listening."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except FileNotFoundError:
            return
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except BlockingIOError:
            pass  # its queue is full
        raise OSError(errno.EADDRINUSE, f"another pool listens on {path}")
