"""A process with a heap of BALLAST MB that forks, as the master of a pool does.

    BALLAST=50 SETTLED=1 python tests/bench/micro/heap.py

SETTLED does with the heap what the master does, 0 only freezes it.
Each line on its standard input, ROUNDS <tab> TASK, is a question; the answer is a line of seconds of CPU, of
this process and of the child together. The task is what the child does: "nothing", or "hello", which it runs
as a worker of `fork`.
"""

from __future__ import annotations

import sys

BARE = frozenset(sys.modules)
sys.path[0] = sys.path[0].removesuffix("/tests/bench/micro")

import gc  # noqa: E402
import os  # noqa: E402
import time  # noqa: E402

from cgicompat.pool.heap import settle  # noqa: E402
from cgicompat.runners import fork  # noqa: E402
from tests.bench.micro.hello import once, set_up  # noqa: E402
from tests.bench.race import ballast  # noqa: E402, F401

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cgicompat.config import Settings


def measure(rounds: int, task: str, settings: Settings) -> list[float]:
    seconds = []
    for number in range(rounds):
        start = time.process_time()
        pid = os.fork()
        if pid == 0:
            if task == "hello":
                once(settings, number, fork.run)
            os._exit(0)
        _, status, usage = os.wait4(pid, 0)
        if status:
            sys.exit(1)
        seconds.append(time.process_time() - start + usage.ru_utime + usage.ru_stime)
    return seconds


def main() -> None:
    settings = set_up(BARE)
    if os.environ["SETTLED"] == "1":
        settle()
    else:
        gc.collect()
        gc.freeze()
    for line in sys.stdin:
        rounds, task = line.rstrip("\n").split("\t")
        print(*measure(int(rounds), task, settings), flush=True)


if __name__ == "__main__":
    main()
