"""What many requests leave in the memory of the process that served them."""

from __future__ import annotations

import os
import socket

from tests.harness import wire
from tests.harness.doors import Site
from tests.harness.processes import status


def flat_after(site: Site, warm: int, count: int) -> None:
    """Ask the pool `warm` times and then `count` times; memory and descriptors must not have grown since."""
    site.file("helper.py", "table = {n: str(n) for n in range(100)}\n")
    script = site.script("import helper, json\nopen(__file__)\nprint(json.dumps(helper.table)[:9])")
    request = wire.scgi_request(site.door.environ("GET", script), b"")

    def run(count: int) -> tuple[int, int]:
        for _ in range(count):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(site.door.socket)
                connection.sendall(request)
                answer = b""
                while data := connection.recv(65536):
                    answer += data
            assert answer.endswith(b'\n\n{"0": "0"\n'), answer
        pid = wire.parse_cgi(answer).pid
        return status(pid, "VmRSS"), len(os.listdir(f"/proc/{pid}/fd"))

    memory, fds = run(warm)
    later, more = run(count)
    assert 0 < later < memory * 1.05
    assert more == fds
