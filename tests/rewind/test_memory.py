"""What a pool has in memory: one image for all of its workers, whatever the master has loaded."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from tests.harness.processes import until
from tests.pool.running import RunningPool

pytestmark = [
    pytest.mark.xdist_group("rewind-memory"),
    pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux"),
]

BALLAST = "TABLE = {number: str(number) for number in range(400_000)}\n"  # some 60 MB
HOLE = "import mmap\nHOLE = mmap.mmap(-1, 300 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)\n"


def image(pid: int) -> int:
    """KiB of the image that a process has, 0 if there is none."""
    for name in os.listdir(f"/proc/{pid}/fd"):
        file = f"/proc/{pid}/fd/{name}"
        if os.readlink(file).startswith("/memfd:cgicompat"):
            return os.stat(file).st_blocks // 2
    return 0


def footprint(pool: RunningPool) -> int:
    """KiB of all processes, and of their image, which nobody may have mapped."""
    total = image(pool.server.pid)
    for pid in (pool.server.pid, *pool.workers()):
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += sum(map(int, re.findall(r"Pss_(?:Anon|File):\s+(\d+)", text)))
    return total


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> list[str]:
    folder = tmp_path_factory.mktemp("library")
    (folder / "laden.py").write_text(BALLAST)
    (folder / "hollow.py").write_text(HOLE)
    return ["--env", f"PYTHONPATH={folder}"]


def settled(pool: RunningPool, requests: int) -> RunningPool:
    script = pool.script("")
    for _ in range(requests):
        assert pool.get(script).status == 200
    time.sleep(1)  # until what was learned is known
    until(lambda: len(pool.workers()) == 8)
    return pool


def test_idle_workers_take_hardly_more_than_those_of_fork(start, library):
    flags = "--workers", "8", "--preload", "laden", *library
    fork = footprint(settled(start(*flags, "--runner", "fork"), 30))
    pool = settled(start(*flags, "--put-back", "memory"), 30)

    def is_small() -> bool:
        try:
            return len(pool.workers()) == 8 and footprint(pool) <= 1.3 * fork
        except FileNotFoundError:
            return False  # workers of the last image are on their way

    until(is_small)


def test_what_was_never_touched_takes_no_memory(start, library):
    """Nor does it when another image is made of the first."""
    pool = settled(start("--workers", "8", "--preload", "hollow", *library), 1)
    before = image(pool.server.pid)
    for number in range(3):
        pool.get(pool.script(f"import string, {'csv' if number else 'json'}", f"{number}.py"))
        time.sleep(0.3)
    after = image(pool.server.pid)
    assert 0 < before < 100 << 10
    assert after < 100 << 10
