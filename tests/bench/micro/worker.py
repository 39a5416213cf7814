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

import os  # noqa: E402
import time  # noqa: E402

from cgicompat.descriptors import keep  # noqa: E402
from cgicompat.guards import GUARDS, Guards, kernel, prepare  # noqa: E402
from cgicompat.guards.executed import Executed  # noqa: E402
from cgicompat.guards.guard import Guard  # noqa: E402
from cgicompat.modules import CODE  # noqa: E402
from cgicompat.pool.heap import settle  # noqa: E402
from cgicompat.runners import cgihandler, here, program  # noqa: E402
from cgicompat.stdio import STREAMS, Streams  # noqa: E402
from tests.bench.micro.hello import once, set_up  # noqa: E402

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cgicompat.config import Settings

# By what the tables call it: where a function lives, and its name there.
RUN = {
    "the whole run": (cgihandler, "run"),
    "environment": (here, "set_environ"),
    "guards, before the script": (Guards, "begin"),
    "the program, streams to end": (program.Program, "run"),
    "streams": (Streams, "renew"),
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
# What guards share, or ask only where a script could have changed it.
SHARED = {
    "code that exec has run": (Executed, "clear"),
    "what the kernel keeps": (kernel, "state"),
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


def measure(piece: str, rounds: int, settings: Settings) -> list[float]:
    clock = Clock()
    owner, name = {**RUN, **GUARD, **SHARED}[piece]
    setattr(owner, name, clock.wrap(getattr(owner, name)))
    if name in ("save", "state"):
        for _ in range(rounds):
            Guards(settings.audit, settings.max_rss)
    else:
        for number in range(rounds + rounds // 10):
            once(settings, number, cgihandler.run)
    return clock.last(rounds)


def main() -> None:
    questions, answers = keep(os.dup(0)), keep(os.dup(1))
    settings = set_up(BARE)
    STREAMS.renew()
    prepare()
    for module in os.environ["MODULES"].split():
        __import__(module)
    settle()
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
