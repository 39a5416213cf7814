"""Many mixed requests: what is left of them in the processes that served.

    python -m tests.bench.soak [--requests N] [--workers N] [--put-back memory|guards]

The pages of an old site, some of which leave something behind, are asked for again and again. Every answer is
checked, and after the first 1,000 nothing may grow: memory stays within 5 %, descriptors are as many, no
process is replaced, none is a zombie, and the error log has nothing to tell.
"""

from __future__ import annotations

import argparse
import itertools
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.harness import wire
from tests.harness.doors import CONFIGURATION
from tests.harness.memory import descriptors
from tests.harness.processes import children, descendants, status, until
from tests.isolation.pool import Pool

WARM = 1000
BOUNDARY = ("Content-Type", "multipart/form-data; boundary=x")
UPLOAD = (
    b'--limit\r\nContent-Disposition: form-data; name=f; filename="a.bin"\r\n\r\n%b\r\n--limit--\r\n'
    % bytes(20_000)
)

# Counts the visits of one visitor in a file, as sessions were kept.
SESSION = """
import fcntl, http.cookies, json, os
visitor = http.cookies.SimpleCookie(os.environ["HTTP_COOKIE"])["visitor"].value
with open("session-" + visitor, "a+") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    file.seek(0)
    session = json.loads(file.read() or '{"visits": 0}')
    session["visits"] += 1
    file.truncate(0)
    file.write(json.dumps(session))
print("Content-Type: text/plain\\n")
print(session["visits"])
"""
IMPORTS = """
import csv, datetime, decimal, email.message, hashlib, html, http.client, io, json, logging, random, sqlite3
import urllib.request, uuid, xml.dom.minidom, zipfile
database = sqlite3.connect(":memory:")
database.execute("create table t (n)")
database.executemany("insert into t values (?)", [(n,) for n in range(100)])
print("Content-Type: text/plain\\n")
print(*database.execute("select sum(n) from t").fetchone(), decimal.Decimal(1) / 7)
print(xml.dom.minidom.parseString("<a><b/></a>").documentElement.firstChild.tagName)
"""
ERROR = """
print("Content-Type: text/plain\\n\\nbegun", flush=True)
raise ValueError("as always")
"""
CITIZENS = (
    *("builtins_added", "cwd", "decimal_precision", "env_changed", "exit_status", "file_mapped"),
    *("logging_logger", "mimetypes_add", "modules_fake", "server_socket", "signal_handler", "socket_timeout"),
    *("subclass_kept", "sys_path", "sys_stdout_wrapped", "threading_names", "umask", "warnings_filter"),
)


@dataclass
class Result:
    """What `requests` did to the processes; memory in KiB, by pid, after the first WARM and at the end."""

    requests: int
    seconds: float
    before: dict[int, int]
    after: dict[int, int]
    problems: list[str]


class Soak:
    """A pool under a mix of requests, by as many clients as it has workers."""

    def __init__(self, home: Path, workers: int = 2, put_back: str = "guards") -> None:
        runner = "memory" if put_back == "memory" else "cgihandler"
        self.pool = Pool(runner, home, CONFIGURATION.replace("workers = 1", f"workers = {workers}"))
        folder = self.pool.root / "cgi-bin" / "soak"
        folder.mkdir()
        for name, source in (("session", SESSION), ("imports", IMPORTS), ("error", ERROR)):
            (folder / f"{name}.py").write_text(source)
        self.workers = workers
        self.problems: list[str] = []
        self._first: dict[bytes, bytes] = {}
        self._visits = [0] * workers

    def run(self, count: int) -> Result:
        self._ask(WARM)
        # What the master has tasted by children of its own is over.
        until(lambda: len(children(self.pool.server.pid)) == self.workers, 30)
        pids = [self.pool.server.pid, *children(self.pool.server.pid)]
        before = {pid: status(pid, "VmRSS") for pid in pids}
        fds = {pid: descriptors(pid) for pid in pids}
        began = time.monotonic()
        self._ask(count - WARM)
        seconds = time.monotonic() - began
        if pids[1:] != children(pids[0]):
            self.problems.append("a worker was replaced")
        else:
            for pid in pids:
                if descriptors(pid) > fds[pid]:
                    self.problems.append(f"process {pid} has {descriptors(pid)} descriptors, had {fds[pid]}")
        after = {pid: status(pid, "VmRSS") for pid in pids}
        for pid in pids:
            if after[pid] > before[pid] * 1.05:
                self.problems.append(f"process {pid} has {after[pid]} KiB, had {before[pid]}")
        if zombies := descendants(pids[0], "Z"):
            self.problems.append(f"zombies: {zombies}")
        self.problems += [line for line in self.pool.log().splitlines() if _is_trouble(line)][:10]
        return Result(count - WARM, seconds, before, after, self.problems)

    def stop(self) -> None:
        self.pool.stop()

    def _ask(self, count: int) -> None:
        share = count // self.workers
        clients = [threading.Thread(target=self._client, args=[n, share]) for n in range(self.workers)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()

    def _client(self, number: int, count: int) -> None:
        for data in itertools.islice(itertools.cycle(self._mix(number)), count):
            exchange = wire.Exchange(wire.parse_cgi, wire.connect(self.pool.socket), data)
            answer = re.sub(rb"\d\d:\d\d:\d\d", b"", exchange.finish().raw)
            if b"visitor=" in data:
                self._visits[number] += 1
                expected = b"Content-Type: text/plain\n\n%d\n" % self._visits[number]
            else:
                expected = self._first.setdefault(data, answer)
            if answer != expected or not answer or answer.startswith(b"Status: 5"):
                self.problems.append(f"{data[:300]!r}: {answer[:300]!r}, not {expected[:300]!r}")
                return

    def _mix(self, number: int) -> Iterator[bytes]:
        """The requests of one client in their order."""
        cookie = ("Cookie", f"visitor={number}")
        for citizen in CITIZENS:
            yield self._request(f"citizens/{citizen}")
            yield self._request("hello")
            yield self._request("form", query="name=Ann&topping=olives&comments=none")
            yield self._request("soak/session", headers=[cookie])
            yield self._request("upload", headers=[BOUNDARY], body=UPLOAD)
            yield self._request("soak/imports")
            yield self._request("soak/error")

    def _request(self, name, query=None, headers=(), body=b"") -> bytes:
        script = f"/cgi-bin/{name}.py"
        environ = self.pool.environ("POST" if body else "GET", script, "", query, headers, body)
        return wire.scgi_request(environ, body)


def _is_trouble(line: str) -> bool:
    """Whether a line of the error log is other than what the scripts of the mix cause."""
    said = line.partition('.py": ')[2]
    rest = ("    ", "  ValueError: as always", "Scripts run as root here.")
    if line.startswith(rest) or ": runner cgihandler, " in line:  # what it says at start
        return False
    return not said.startswith(("Traceback ", "cgicompat: exit status "))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--put-back", choices=["memory", "guards"], default="guards")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as directory:
        soak = Soak(Path(directory), options.workers, options.put_back)
        try:
            result = soak.run(options.requests)
        finally:
            soak.stop()
    print(f"{result.requests} requests, {result.requests / result.seconds:.0f} a second")
    for pid, memory in result.before.items():
        after = result.after[pid]
        print(f"process {pid}: {memory} KiB, then {after} ({after / memory - 1:+.1%})")
    for problem in result.problems:
        print(problem)
    raise SystemExit(bool(result.problems))


if __name__ == "__main__":
    main()
