"""Requests per second of the three runners, and what bin/cgicompat-cgi adds to a script's start.

    python -m tests.bench.bench_runners [--rounds N] [--requests N] [--concurrency N]

The rounds are interleaved, so that whatever else the machine does meets all alike; look at the ratios. CPU is
that of the pool's whole process tree. Run it from a clean virtual environment: a site-packages directory with
much in it slows every start of an interpreter.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from cgicompat import config, scgi
from cgicompat.pool import Pool
from tests.harness.wire import connect

ROOT = Path(__file__).resolve().parents[2]
HELLO = 'print("Content-Type: text/plain\\n\\nhello")\n'
TYPICAL = """import datetime, email.utils, hashlib, html, json, os, random, re, sys, urllib.parse
form = urllib.parse.parse_qs(os.environ.get("QUERY_STRING", ""))
rows = "".join("<tr><td>%d<td>%s</tr>" % (n, html.escape(str(form))) for n in range(100))
print("Content-Type: text/html\\nSet-Cookie: seen=%s\\n" % hashlib.sha1(rows.encode()).hexdigest())
print("<title>%s</title><table>%s</table>" % (datetime.date.today(), rows))
"""


def ask(path: str, script: str) -> None:
    environ = {"REQUEST_METHOD": "GET", "REQUEST_URI": script, "QUERY_STRING": "a=1&b=2"}
    fd = connect(path)
    try:
        os.write(fd, scgi.encode(environ))
        answer = b""
        while data := os.read(fd, 65536):
            answer += data
    finally:
        os.close(fd)
    if not answer.startswith(b"Content-Type"):
        raise RuntimeError(f"{script}: {answer[:200]!r}")


def load(path: str, script: str, requests: int, concurrency: int) -> float:
    """Requests per second, by `concurrency` clients together."""

    def client() -> None:
        for _ in range(requests // concurrency):
            ask(path, script)

    clients = [threading.Thread(target=client) for _ in range(concurrency)]
    began = time.perf_counter()
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    return requests // concurrency * concurrency / (time.perf_counter() - began)


def cpu(master: int) -> float:
    """Seconds of CPU of a process and all its children, dead ones included."""
    total = 0.0
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(entry) == master or int(fields[1]) == master:
                total += sum(map(int, fields[11:15]))
    return total / os.sysconf("SC_CLK_TCK")


def milliseconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - began) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=400, help="for each runner and script in a round")
    parser.add_argument("--concurrency", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        scripts = Path(directory, "cgi-bin")
        scripts.mkdir()
        for name, source in (("hello.py", HELLO), ("typical.py", TYPICAL)):
            (scripts / name).write_text(source)
        runners(directory, options)
        starts(str(scripts / "hello.py"), 20 * options.rounds)


def runners(directory: str, options: argparse.Namespace) -> None:
    pools = {name: Pool(config.load(directory, {"runner": name})) for name in ("cgi", "fork", "cgihandler")}
    results: dict[tuple[str, str], list[tuple[float, float]]] = {}
    try:
        for round_ in range(options.rounds + 1):
            for script in ("hello", "typical"):
                for name, pool in pools.items():
                    requests = options.requests // (10 if name == "cgi" else 1)
                    before = cpu(pool.pid)
                    rate = load(
                        pool.address.removeprefix("unix:"),
                        f"/cgi-bin/{script}.py",
                        requests,
                        options.concurrency,
                    )
                    if round_:  # the first warms up
                        cost = (cpu(pool.pid) - before) / requests * 1000
                        results.setdefault((script, name), []).append((rate, cost))
    finally:
        for pool in pools.values():
            pool.close()
    print(f"{'script':10}{'runner':12}{'requests/s':>12}{'to cgi':>9}{'CPU ms':>9}")
    for (script, name), values in results.items():
        rate, cost = (statistics.median(column) for column in zip(*values, strict=True))
        base = statistics.median(rate for rate, _ in results[script, "cgi"])
        print(f"{script:10}{name:12}{rate:12.0f}{rate / base:9.1f}{cost:9.2f}")


def starts(script: str, rounds: int) -> None:
    commands: dict[str, Callable[[], float]] = {
        "python -I script": lambda: milliseconds([sys.executable, "-I", script]),
        "cgicompat-cgi script": lambda: milliseconds(
            [sys.executable, "-I", str(ROOT / "bin" / "cgicompat-cgi"), script]
        ),
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            times[name].append(command())
    for name, values in times.items():
        print(f"{name:22}{statistics.median(values):8.2f} ms")


if __name__ == "__main__":
    main()
