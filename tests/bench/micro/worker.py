"""A process in which pieces of `cgihandler` are measured: like a pool's worker, and without pytest.

    MODULES="json sqlite3" python tests/bench/micro/worker.py

It imports MODULES first: those of the pool's other scripts. Each line on its standard input, ROUNDS <tab>
PIECE, is a question; the answer is a line of seconds of CPU, one figure a round. Every question gets a
process of its own, forked from this one, in which hello is run again and again through the whole runner. Only
the piece in question has a wrapper with a clock; what the clock itself costs is taken off.
"""

from __future__ import annotations

import sys

BARE = frozenset(sys.modules)
sys.path[0] = sys.path[0].removesuffix("/tests/bench/micro")

import fcntl  # noqa: E402
import os  # noqa: E402
import socket  # noqa: E402
import time  # noqa: E402

from cgicompat import config  # noqa: E402
from cgicompat.descriptors import LOWEST, keep  # noqa: E402
from cgicompat.guards import GUARDS, Guards, prepare  # noqa: E402
from cgicompat.guards.guard import Guard  # noqa: E402
from cgicompat.request import Request  # noqa: E402
from cgicompat.runners import cgihandler, here, program, stdio  # noqa: E402
from cgicompat.runners.modules import CODE, LIBRARY  # noqa: E402

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

HELLO = 'print("Content-Type: text/plain\\n\\nhello")\n'
ENVIRON = {
    "PATH": os.defpath,
    "GATEWAY_INTERFACE": "CGI/1.1",
    "SERVER_SOFTWARE": "nginx/1.22.1",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "SERVER_ADDR": "127.0.0.1",
    "SERVER_PORT": "80",
    "SERVER_NAME": "localhost",
    "REMOTE_ADDR": "127.0.0.1",
    "REQUEST_METHOD": "GET",
    "REQUEST_SCHEME": "http",
    "REQUEST_URI": "/cgi-bin/hello.py",
    "QUERY_STRING": "",
    "SCRIPT_NAME": "/cgi-bin/hello.py",
    "HTTP_HOST": "localhost",
    "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "HTTP_ACCEPT": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "HTTP_ACCEPT_LANGUAGE": "en-US,en;q=0.5",
    "HTTP_ACCEPT_ENCODING": "gzip, deflate, br",
}
# By what the tables call it: where a function lives, and its name there.
RUN = {
    "the whole run": (cgihandler, "run"),
    "environment": (here, "set_environ"),
    "guards, before the script": (Guards, "begin"),
    "the program, streams to end": (program.Program, "run"),
    "streams": (stdio, "Streams"),
    "fresh `__main__`": (program, "_fresh_main"),
    "`sys.path`": (program, "SearchPath"),
    "code, from the cache": (type(CODE), "load"),
    "the script, its code included": (program.Program, "_execute"),
    "end of the program": (program.Program, "_end"),
    "end of the response": (here, "_end_response"),
    "guards, after the script": (Guards, "restore"),
}
GUARD = {
    f"{step} {guard.__name__}": (guard, step)
    for step in ("save", "begin", "restore")
    for guard in GUARDS
    if getattr(guard, step) is not getattr(Guard, step)
}


class Clock:
    """Wraps functions; `seconds` has what each call took."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        idle = self.wrap(lambda: None)
        for _ in range(1000):
            idle()
        self._own = sorted(self.seconds)[500]

    def wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        record, clock = self.seconds.append, time.process_time

        def timed(*arguments: Any, **options: Any) -> Any:
            start = clock()
            try:
                return function(*arguments, **options)
            finally:
                record(clock() - start)

        return timed

    def last(self, count: int) -> list[float]:
        """Of the last `count` calls; the first have warmed up."""
        return [max(0.0, seconds - self._own) for seconds in self.seconds[-count:]]


def measure(piece: str, rounds: int, settings: config.Settings) -> list[float]:
    clock = Clock()
    owner, name = {**RUN, **GUARD}[piece]
    setattr(owner, name, clock.wrap(getattr(owner, name)))
    if name == "save":
        for _ in range(rounds):
            Guards(settings.audit, settings.max_rss)
    else:
        for number in range(rounds + rounds // 10):
            once(settings, number)
    return clock.last(rounds)


def once(settings: config.Settings, number: int, runner: Any = cgihandler) -> None:
    """One run of hello."""
    ours, connection = socket.socketpair()
    peer = fcntl.fcntl(ours, fcntl.F_DUPFD_CLOEXEC, LOWEST + 100)
    ours.close()
    script = os.path.join(settings.directory, "hello.py")
    request = Request(settings, script, {**ENVIRON, "SCRIPT_FILENAME": script, "REMOTE_PORT": str(number)})
    outcome = runner.run(request, connection, os.open(os.devnull, os.O_RDONLY))
    answer = os.read(peer, 100)
    os.close(peer)
    if outcome.spent or not answer.endswith(b"\n\nhello\n"):
        raise RuntimeError(f"{answer!r}, {outcome.spent}")


def settle() -> config.Settings:
    """Make this process one that can run hello.py, which is put into the working directory."""
    here.handle_signals(os.getpid())
    LIBRARY.configure(BARE, sys.path[1:], [os.getcwd()])
    with open("hello.py", "w") as file:
        file.write(HELLO)
    return config.load(os.getcwd())


def main() -> None:
    questions, answers = keep(os.dup(0)), keep(os.dup(1))
    settings = settle()
    prepare()
    for module in os.environ["MODULES"].split():
        __import__(module)
    while question := os.read(questions, 4096):
        rounds, piece = question.decode().rstrip("\n").split("\t")
        pid = os.fork()
        if pid == 0:
            seconds = measure(piece, int(rounds), settings)
            os.write(answers, (" ".join(map(str, seconds)) + "\n").encode())
            os._exit(0)
        if os.waitpid(pid, 0)[1]:
            sys.exit(1)


if __name__ == "__main__":
    main()
