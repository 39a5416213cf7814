"""Which pages are put back, where there are many."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.harness.processes import host_environ

# More than 512 single pages, of which the kernel tells some twice (PAGEMAP_SCAN).
SCATTERED = """
import os, socket
from cgicompat.rewind import Memory

memory = Memory()
data = bytearray(4096 * {pages})
memory.image()
pid = os.fork()
if pid == 0:
    os.setpgid(0, 0)
    places = range(0, len(data), 2 * 4096)
    for place in places:
        data[place] = 7
    _, told = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    returns = memory.snapshot(told)
    right = all(data[place] == 7 for place in places) and not any(data[4096 + place] for place in places[:-1])
    if not right or returns == 3:
        os._exit(not right)
    for place in range(0, len(data), 4096):
        data[place] = returns + 8
    memory.back(b"", b"", True)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


@pytest.mark.parametrize("pages", [100, 1023, 1025, 5000])
def test_scattered_pages(pages: int) -> None:
    code = SCATTERED.format(pages=pages)
    done = subprocess.run([sys.executable, "-c", code], env=host_environ(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
