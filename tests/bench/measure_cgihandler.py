"""What a run of a script costs beside its own code under `cgihandler`, piece by piece, in microseconds of one
process without any server.

    python tests/bench/measure_cgihandler.py [MODULE...]

The modules are those that a pool would have loaded for its other scripts. The lowest and the median time of
each piece are shown; pieces contain each other where they are indented. A piece is timed by a wrapper, which
costs about 0.2 us itself; "all" is the time of a whole run without any wrapper.
"""

import sys

BARE = frozenset(sys.modules)
sys.path[0] = sys.path[0].removesuffix("/tests/bench")

import fcntl  # noqa: E402
import gc  # noqa: E402
import importlib  # noqa: E402
import os  # noqa: E402
import socket  # noqa: E402
import statistics  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from typing import Any  # noqa: E402

from cgicompat import config  # noqa: E402
from cgicompat.guards import prepare  # noqa: E402
from cgicompat.guards.descriptors import keep  # noqa: E402
from cgicompat.request import Request  # noqa: E402
from cgicompat.runners import cgihandler, here, program, stdio  # noqa: E402
from cgicompat.runners.modules import CODE, LIBRARY  # noqa: E402

ROUNDS = 5000
ENVIRON = {
    "PATH": os.environ["PATH"],
    "GATEWAY_INTERFACE": "CGI/1.1",
    "REQUEST_METHOD": "GET",
    "QUERY_STRING": "",
    "SCRIPT_NAME": "/cgi-bin/hello.py",
    "SERVER_NAME": "localhost",
    "HTTP_HOST": "localhost",
}
times: dict[str, list[float]] = {}


def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    samples = times.setdefault(name, [])

    def wrapper(*arguments: Any, **options: Any) -> Any:
        start = time.perf_counter()
        try:
            return function(*arguments, **options)
        finally:
            samples.append(time.perf_counter() - start)

    return wrapper


def main() -> None:
    output = keep(os.dup(1))
    with tempfile.TemporaryDirectory() as folder:
        script = os.path.join(folder, "hello.py")
        with open(script, "w") as file:
            file.write('print("Content-Type: text/plain\\n\\nhello")\n')
        settings = config.load(folder)
        here.handle_signals(0)
        LIBRARY.configure(BARE, sys.path[1:], [folder])
        prepare()
        for module in sys.argv[1:]:
            importlib.import_module(module)

        def once() -> None:
            ours, connection = socket.socketpair()
            peer = fcntl.fcntl(ours, fcntl.F_DUPFD_CLOEXEC, 300)
            ours.close()
            request = Request(settings, script, {**ENVIRON, "REMOTE_PORT": str(peer)})
            start = time.perf_counter()
            outcome = cgihandler.run(request, connection, os.open(os.devnull, os.O_RDONLY))
            times["all"].append(time.perf_counter() - start)
            os.close(peer)
            assert not outcome.spent, outcome.spent

        times["all"] = []
        for _ in range(ROUNDS):
            once()
        whole = times.pop("all")[ROUNDS // 10 :]
        guards = cgihandler._guards
        assert guards is not None
        for holder, name, label in (
            (program.Program, "run", "the program"),
            (stdio, "Streams", "  streams"),
            (program, "SearchPath", "  sys.path"),
            (program.Program, "_execute", "  the script itself"),
            (CODE, "load", "    its code"),
            (program.Program, "_end", "  its end"),
            (here, "set_environ", "environment"),
            (here, "_end_response", "end of the response"),
            (guards, "begin", "guards, before"),
            (guards, "restore", "guards, after"),
        ):
            setattr(holder, name, timed(label, getattr(holder, name)))
        guards._restores = [
            timed(f"  {type(guard).__name__.lower()}", restore)
            for guard, restore in zip(guards._guards, guards._restores, strict=True)
        ]
        times["all"] = []
        gc.collect()
        gc.freeze()
        for _ in range(ROUNDS):
            once()
        times["all"] = whole
        lines = [f"{'us':24}lowest  median   ({len(sys.modules)} modules)"]
        for label, samples in times.items():
            lowest, median = min(samples) * 1e6, statistics.median(samples) * 1e6
            lines.append(f"{label:24}{lowest:6.2f}  {median:6.2f}")
        os.write(output, "\n".join([*lines, ""]).encode())
    os._exit(0)


main()
