"""What many requests leave in the memory of the process that served them."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable

from tests.harness import wire
from tests.harness.doors import Site
from tests.harness.processes import status, until


def flat_after(site: Site, warm: int, count: int) -> None:
    """Ask the pool `warm` times and then `count` times; memory and descriptors must not have grown since."""
    site.file("helper.py", "table = {n: str(n) for n in range(100)}\n")
    script = site.script("import helper, json\nopen(__file__)\nprint(json.dumps(helper.table)[:9])")
    request = wire.scgi_request(site.door.environ("GET", script), b"")

    def run(count: int) -> int:
        for _ in range(count):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(site.door.socket)
                connection.sendall(request)
                answer = b""
                while data := connection.recv(65536):
                    answer += data
            assert answer.endswith(b'\n\n{"0": "0"\n'), answer
        return wire.parse_cgi(answer).pid

    stays_flat(run, warm, count)


def stays_flat(run: Callable[[int], int], warm: int, count: int) -> None:
    """After `run(warm)`, `run(count)` leaves the process whose pid both return with the memory and
    descriptors that it had. Where it was replaced, by one that knows what its master has learned meanwhile,
    that is tried again."""
    for _ in range(5):
        pid = run(warm)
        memory, fds = status(pid, "VmRSS"), _at_rest(pid)
        if run(count) == pid:
            break
    else:
        raise AssertionError("the process is always replaced")
    assert status(pid, "VmRSS") < memory * 1.05
    until(lambda: descriptors(pid) <= fds)


def _at_rest(pid: int) -> int:
    """How many descriptors a process has when it has no more to do: a master may have just lost a worker."""
    last, same = descriptors(pid), 0
    while same < 5:
        time.sleep(0.05)
        now = descriptors(pid)
        last, same = now, same + 1 if now == last else 0
    return last


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))
