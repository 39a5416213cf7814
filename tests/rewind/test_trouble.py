"""Where memory cannot be put back, or not any more: the pool says why, and serves."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from functools import partial

import pytest

from tests.harness.processes import until
from tests.pool.running import RunningPool

pytestmark = pytest.mark.xdist_group("rewind-trouble")

# Unmaps the state of the library, which dies as soon as it is to go back.
DIES = """
import ctypes
maps = [line.split() for line in open("/proc/self/maps") if "/dev/zero" in line and " rw-s " in line]
libc = ctypes.CDLL(None)
for line in maps:
    start, end = (int(text, 16) for text in line[0].split("-"))
    if end - start > 1 << 20:
        libc.munmap(ctypes.c_void_p(start), ctypes.c_size_t(end - start))
"""
LEAVES_A_THREAD = "import threading\nthreading.Thread(target=time.sleep, args=[100], daemon=True).start()\n"


def has_died(pool: RunningPool, times: int) -> bool:
    return pool.server.log.count("after it had answered") == times


@pytest.mark.parametrize("runner", ["cgihandler", "auto"])
def test_processes_that_die_of_it_cost_no_answer(start, runner):
    pool = start("--workers", "2", "--runner", runner)
    dies, lives = pool.script(DIES, "dies.py"), pool.script("", "lives.py")
    for number in range(1, 4):
        assert pool.get(dies).status == 200
        until(partial(has_died, pool, number))
        assert pool.get(lives).status == 200
    instead = "Guards put back what they know of" if runner == "cgihandler" else "Scripts run under fork"
    until(lambda: re.search(f"not put back any more: 3 processes .*{instead}", pool.server.log))
    pids = {pool.get(lives).lines[0] for _ in range(6)}
    assert len(pids) <= 2 if runner == "cgihandler" else len(pids) == 6


def test_idle_processes_that_die_of_it_are_counted(start):
    pool = start("--workers", "1")
    script = pool.script("")
    for _ in range(10):  # one that had not come back yet is another case
        assert pool.get(script).status == 200
        time.sleep(0.5)  # until it has, and what it has told is known
        [pid] = pool.workers()
        os.kill(pid, signal.SIGSEGV)
        until(lambda pid=pid: pool.workers() not in ([], [pid]))
        if has_died(pool, 3):
            break
    pool.server.says("not put back any more")
    assert pool.get(script).status == 200


def test_processes_that_die_before_their_first_request_are_counted(start, tmp_path):
    source = "import functools, os\nos.register_at_fork(after_in_child=functools.partial(os.abort))\n"
    (tmp_path / "deadly.py").write_text(source)
    pool = start("--workers", "1", "--preload", "deadly", "--env", f"PYTHONPATH={tmp_path}")
    pool.server.says("before its first request")
    pool.server.says("not put back any more: 3 processes")
    pool.server.says("workers end at once")
    assert "Traceback" not in pool.server.log


def test_scripts_that_are_spent_each_time_run_under_fork(start):
    pool = start("--workers", "1", "--runner", "auto")
    script = pool.script(LEAVES_A_THREAD)
    for _ in range(3):
        assert pool.get(script).status == 200
    until(lambda: f"{pool.root}{script} runs under fork from now on" in pool.server.log)
    assert len({pool.get(script).lines[0] for _ in range(4)}) == 4
    said = pool.server.log.count("a worker is replaced after")
    assert pool.get(script).status == 200
    assert pool.server.log.count("a worker is replaced after") == said == 1


TROUBLE = {
    "no files in memory": ["@refused"],
    "no /proc": ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /proc && exec "$0" "$@"'],
    "address space": ["sh", "-c", 'ulimit -v 70000; exec "$0" "$@"'],
    "size of files": ["sh", "-c", 'ulimit -f 2048; exec "$0" "$@"'],  # in blocks of 512 or 1024 bytes
}
# Has memfd_create(2) refused, as a filter of system calls does.
REFUSED = """
import ctypes, os, struct, sys
rules = b"".join(struct.pack("HBBI", *rule) for rule in
    ((0x20, 0, 0, 0), (0x15, 0, 1, 319), (6, 0, 0, 0x50001), (6, 0, 0, 0x7fff0000)))
buffer = ctypes.create_string_buffer(rules)
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, struct.pack("HxxxxxxP", 4, ctypes.addressof(buffer)), 0, 0) == 0
os.execvp(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.parametrize("runner", ["cgihandler", "auto"])
@pytest.mark.parametrize("trouble", TROUBLE)
def test_the_pool_says_why_and_serves(tmp_path, trouble, runner):
    prefix = TROUBLE[trouble]
    if prefix == ["@refused"]:
        prefix = [sys.executable, "-c", REFUSED]
    elif prefix[0] == "unshare" and (os.getuid() or subprocess.run([*prefix[:2], "true"]).returncode):
        pytest.skip("needs a mount name space")
    pool = RunningPool(tmp_path, "--workers", "2", "--runner", runner, prefix=prefix)
    try:
        script = pool.script("")
        for _ in range(4):
            assert pool.get(script).status == 200, pool.server.log
        # What little is needed may be there nevertheless.
        assert "memory cannot be put back: " in pool.server.log or trouble == "address space"
        assert "Traceback" not in pool.server.log
    finally:
        pool.server.stop()
