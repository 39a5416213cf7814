"""Whether memory can be put back here: it is tried."""

from __future__ import annotations

import os
import select

from cgicompat.rewind import Memory, Unavailable, randomness

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

_SECONDS = 10.0


def working(is_library: Callable[[str], bool]) -> Memory:
    """That of this process, tried out; from now on it is recorded what modules of which the name `is_library`
    want to be told (see randomness). Raises OSError."""
    memory = Memory()
    _try_out(memory)
    randomness.record(is_library)
    return memory


def _try_out(memory: Memory) -> None:
    """See whether it goes, in processes that end. Raises OSError."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _try(memory, writer)
    os.close(writer)
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    said = os.read(reader, 1000) if poll.poll(_SECONDS * 1000) else b"it does not come back"
    os.close(reader)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    if said != b"ok":
        raise Unavailable(said.decode("utf-8", "replace") or "a process that tries it dies")


def _try(memory: Memory, writer: int) -> NoReturn:
    import signal
    import socket

    answer = b""
    try:
        memory.image()
        if child := os.fork():
            os.close(writer)
            signal.alarm(int(_SECONDS))
            os.waitpid(child, 0)
            os._exit(0)
        signal.alarm(int(_SECONDS))
        os.setpgid(0, 0)
        told, end = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        made: list[int] = []
        returns = memory.snapshot(end)
        if returns < 3 and not made and os.umask(0o22) != 0o77:
            made += range(100000)
            os.umask(0o77)
            memory.back(b"", b"", True)
        answer = b"ok" if returns == 3 and not made else b"not all comes back"
        told.close()
    except BaseException as error:
        answer = str(error).encode("utf-8", "replace") or b"it fails"
    os.write(writer, answer)
    os._exit(0)
