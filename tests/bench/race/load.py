"""Clients that ask as fast as they get answers: wrk, or, where there is none, processes of Python.

Both give the same figures. Python's processes need about as much of the CPU as the faster servers do, so that
they show less difference between these than there is.
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Load:
    """`connections` at once; `pause` is the time in ms that each waits before a request, `only` for which
    scripts it is meant, if not for all."""

    name: str
    connections: int
    pause: int = 0
    only: tuple[str, ...] = ()


LOADS = (Load("1", 1), Load("8", 8), Load("32", 32), Load("idle", 1, pause=20, only=("S1",)))


@dataclass(frozen=True)
class Request:
    port: int
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Figures:
    """Of one measurement: requests, in how many seconds; ms that half of them and 99 % took at most; how many
    failed."""

    requests: int
    seconds: float
    p50: float
    p99: float
    failed: int


# Not among the failed: read errors, as which wrk counts each answer that ends with its connection (HTTP/1.0).
# An answer that was cut off is no request to wrk, so it counts for nothing.
LUA = """
local file = io.open(%(body)s, "rb")
wrk.method = %(method)s
wrk.body = file:read("*a")
%(headers)s
%(delay)s
function done(summary, latency, requests)
    local e = summary.errors
    io.write(string.format('\\n{"requests": %%d, "seconds": %%f, "p50": %%f, "p99": %%f, "failed": %%d}\\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
        e.connect + e.write + e.status + e.timeout))
end
"""


def nothing() -> None:
    pass


def by_wrk(
    request: Request, load: Load, seconds: float, meanwhile: Callable[[], object] = nothing
) -> Figures:
    """Asks for so long (wrk knows whole seconds only); calls `meanwhile` shortly before the end."""
    seconds = max(1, round(seconds))
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script, tempfile.NamedTemporaryFile() as body:
        body.write(request.body)
        body.flush()
        values = {
            "body": json.dumps(body.name),
            "method": json.dumps(request.method),
            "headers": "\n".join(
                f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}"
                for name, value in request.headers.items()
            ),
            "delay": f"function delay() return {load.pause} end" if load.pause else "",
        }
        script.write(LUA % values)
        script.flush()
        command = ["wrk", "-t1", f"-c{load.connections}", f"-d{seconds}s", "--timeout=60s"]
        command += ["--latency", "-s", script.name, f"http://127.0.0.1:{request.port}{request.target}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            time.sleep(0.8 * seconds)
            meanwhile()
            output = process.communicate()[0]
    return Figures(**json.loads(output.splitlines()[-1]))


def ask(request: Request, connection: http.client.HTTPConnection) -> tuple[int, bytes]:
    """Status and body of the answer."""
    connection.request(request.method, request.target, request.body or None, dict(request.headers))
    response = connection.getresponse()
    return response.status, response.read()


def connect(request: Request) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", request.port, timeout=60)


def _client(request: Request, pause: int, seconds: float) -> tuple[list[float], int]:
    """The times of all answers in ms, and how many were no success."""
    times: list[float] = []
    failed = 0
    connection = connect(request)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(pause / 1000)
        began = time.monotonic()
        try:
            failed += ask(request, connection)[0] >= 400
        except (OSError, http.client.HTTPException):
            failed += 1
            connection.close()
        times.append((time.monotonic() - began) * 1000)
    return times, failed


def by_python(
    request: Request, load: Load, seconds: float, meanwhile: Callable[[], object] = nothing
) -> Figures:
    """The same by Python."""
    pool = multiprocessing.get_context("fork").Pool(load.connections)
    try:
        began = time.monotonic()
        clients = pool.starmap_async(
            _client, [(request, load.pause, seconds)] * load.connections, chunksize=1
        )
        time.sleep(0.8 * seconds)
        meanwhile()
        answers = clients.get()
        took = time.monotonic() - began
    finally:
        pool.close()  # not terminate(): SIGTERM means something else to these processes
        pool.join()
    times = sorted(time for each, _ in answers for time in each)
    count = len(times)
    return Figures(
        count, took, times[count // 2], times[count * 99 // 100], sum(failed for _, failed in answers)
    )


CLIENTS: dict[str, Callable[..., Figures]] = {"wrk": by_wrk, "python": by_python}


def preferred() -> str:
    return "wrk" if shutil.which("wrk") else "python"
