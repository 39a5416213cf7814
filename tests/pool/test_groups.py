"""What a request has started and left behind is its own: no later request's end is its end."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.harness.processes import alive, until

JOB = "sh -c 'echo $$ >{job}; exec sleep 60' </dev/null >/dev/null 2>&1 &"
STARTS = {
    "os.system": f"os.system(f{JOB!r})",
    "forked twice": (
        "if os.fork() == 0:\n  if os.fork() == 0:\n    os.closerange(0, 3)\n"
        "    open(job, 'w').write(str(os.getpid()))\n    time.sleep(60)\n  os._exit(0)\nos.wait()"
    ),
    "unseen": (
        "import signal, subprocess\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        f"subprocess.Popen(f{JOB!r}, shell=True)\ntime.sleep(0.2)"
    ),
}


@pytest.mark.parametrize("runner", ["fork", "cgihandler", "cgi"])
def test_a_background_job_outlives_later_requests(start, home, runner):
    pool = start("--workers", "1", "--runner", runner, "--timeout", "1")
    wait = pool.script("time.sleep(20)\n", "wait.py")
    pids = []
    try:
        for number, begins in enumerate(STARTS.values()):
            job = home / f"job{number}"
            begin = pool.script(f"job = {str(job)!r}\n{begins}\n", f"begin{number}.py")
            assert pool.get(begin).status == 200
            pids.append(until(lambda job=job: job.exists() and int(job.read_text() or 0)))
        assert pool.get(wait).status in (200, 504)  # over its time limit
        leaving = pool.open(wait)
        leaving.wait_for(b"\n\n")
        leaving.drop()
        time.sleep(1.5)
        assert dict(zip(STARTS, map(alive, pids), strict=True)) == dict.fromkeys(STARTS, True)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
    assert pool.get(pool.script("")).status == 200
