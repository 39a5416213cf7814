"""Under load: nothing is lost, a death hurts only its own request, slow clients hurt nobody."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.bench.soak import Soak
from tests.harness.doors import CONFIGURATION, RUNNERS, Scgi, Serve, Site
from tests.harness.memory import stays_flat
from tests.harness.processes import alive, children, descendants, status, until

pytestmark = [pytest.mark.timeout(120), pytest.mark.xdist_group("load")]

WORKERS = CONFIGURATION.replace("workers = 1", 'workers = "2:8"')


@pytest.fixture
def door(request: pytest.FixtureRequest, home: Path) -> Iterator[Serve]:
    """A server of its own for each case."""
    runner = getattr(request, "param", "fork")
    name = f"{request.node.originalname.removeprefix('test_')[:20]}-{runner}"
    door = Serve(runner, home / name, WORKERS)
    yield door
    door.stop()


on_each_runner = pytest.mark.parametrize("door", RUNNERS, indirect=True)

# Says who asked, so that no answer can be mistaken for another's.
SCRIPT = """
import os, time
if os.environ["QUERY_STRING"].endswith("slowly"):
    time.sleep(0.03)
print(os.environ["QUERY_STRING"])
"""


def ask(site: Site, script: str, query: str) -> int:
    """One request; its status. A 200 must have the right body."""
    page = site.door.open("GET", script, query=query).finish(30)
    assert page.whole
    assert page.status != 200 or page.body == f"{query}\n".encode()
    return page.status


@on_each_runner
def test_many_requests_at_concurrency_50(site):
    script = site.script(SCRIPT)
    count = 150 if site.door.runner == "cgi" else 500  # an interpreter started for each takes its time
    with ThreadPoolExecutor(50) as threads:
        statuses = Counter(threads.map(lambda n: ask(site, script, f"n={n}"), range(count)))
    assert statuses == {200: count}


def master_of(site: Site) -> int:
    """The pool's master: the process that the server started."""
    return children(site.door.server.pid)[0]


def during_load(site: Site, script: str, disturb: Callable[[], None]) -> Counter[int]:
    """Disturb the server while 16 clients ask it; how often which status came."""
    statuses: Counter[int] = Counter()
    over = threading.Event()

    def client(n: int) -> None:
        for i in range(10_000):
            if over.is_set():
                return
            statuses[ask(site, script, f"n={n}.{i}&slowly")] += 1

    with ThreadPoolExecutor(16) as threads:
        clients = [threads.submit(client, n) for n in range(16)]
        try:
            disturb()
        finally:
            over.set()
        for each in clients:
            each.result()
    return statuses


@on_each_runner
def test_killed_workers_lose_only_what_they_were_at(site):
    script = site.script(SCRIPT)
    assert ask(site, script, "warm") == 200
    killed = 0

    def disturb() -> None:
        nonlocal killed
        while killed < 20:
            time.sleep(0.08)
            with contextlib.suppress(IndexError, ProcessLookupError):
                os.kill(random.choice(children(master_of(site))), signal.SIGKILL)
                killed += 1

    statuses = during_load(site, script, disturb)
    assert statuses.keys() <= {200, 502}, statuses
    assert statuses[502] <= killed
    assert statuses[200]
    assert [ask(site, script, f"n={n}") for n in range(20)] == [200] * 20
    until(lambda: not site.door.zombies())


def test_reload_fails_no_request(site):
    script = site.script(SCRIPT)
    assert ask(site, script, "warm") == 200

    def disturb() -> None:
        for _ in range(6):
            time.sleep(0.4)
            os.kill(master_of(site), signal.SIGHUP)
        time.sleep(0.4)

    statuses = during_load(site, script, disturb)
    assert statuses.keys() == {200}, statuses


def test_slow_clients_slow_nobody(site):
    """100 that send a byte of the head now and then, 100 that do so with the body."""
    script = site.script(SCRIPT)
    head = f"POST {script}?x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n".encode()
    slow = [socket.create_connection(site.door.address) for _ in range(200)]
    for client in slow[100:]:
        client.sendall(head)
    over = threading.Event()

    def drip() -> None:
        for i in range(1000):
            for client in slow:
                client.sendall(head[i : i + 1] if i < len(head) else b".")
            if over.wait(1):
                return

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        times = []
        for n in range(30):
            start = time.monotonic()
            assert ask(site, script, f"n={n}") == 200
            times.append(time.monotonic() - start)
            time.sleep(0.05)
    finally:
        over.set()
        dripping.join()
        for client in slow:
            client.close()
    assert max(times) < 10


def test_slow_readers_hold_no_worker(site):
    """More clients than workers, each with a page of usual size that it does not read yet."""
    script = site.script("print('x' * 500_000)", name="page.py")
    readers = [site.open("GET", script) for _ in range(20)]
    for reader in readers:
        reader.wait_for(b"200 OK")
    assert ask(site, site.script(SCRIPT), "quick") == 200
    assert all(reader.finish().body == b"x" * 500_000 + b"\n" for reader in readers)


def test_point_27_large_upload_in_little_memory(site):
    size = 192 << 20
    script = site.script(
        """
        import sys
        total = 0
        while data := sys.stdin.buffer.read(1 << 20):
            total += len(data)
        print(total)
        """
    )
    assert site.post(script, b"warm").body == b"4\n"
    processes = [site.door.server.pid, master_of(site)]
    before = [status(pid, "VmHWM") for pid in processes]
    body = (bytes(1 << 20) for _ in range(size >> 20))
    page = site.open("POST", script, headers=[("Content-Length", str(size))], body=body).finish(60)
    assert page.body == f"{size}\n".encode()
    after = [status(pid, "VmHWM") for pid in processes]
    assert all(later - earlier < 32 << 10 for earlier, later in zip(before, after, strict=True))


@pytest.mark.parametrize(("put_back", "count"), [("guards", 3_000), ("memory", 3_000)])
def test_point_14_thousands_of_requests(home, put_back, count):
    """Of many kinds; tests/bench/soak.py has more."""
    soak = Soak(home / f"thousands-{put_back}", put_back=put_back)
    result = soak.run(count)
    soak.stop()
    assert not result.problems


def test_point_14_master_stays_flat(home):
    """Under `fork`, where the master has something to do for each request."""
    door = Scgi("fork", home / "flat-master")
    site = Site(door, "flat")
    script = site.script("print('served')")

    def run(count: int) -> int:
        for _ in range(count):
            assert site.door.open("GET", script).finish().body == b"served\n"
        return door.server.pid

    stays_flat(run, 300, 1000)
    door.stop()


@pytest.mark.parametrize("whom", ["server", "master"])
def test_nothing_is_left_after_kill_9(home, whom):
    """No process, not even a running script, and no file."""
    door = Serve("fork", home / f"killed-{whom}", WORKERS)
    site = Site(door, "killed")
    script = site.script("import time; print('begun', flush=True); time.sleep(60)")
    request = site.open("GET", script)
    request.wait_for(b"begun")
    until(lambda: len(descendants(door.server.pid)) > 2)
    family = descendants(door.server.pid)
    os.kill(door.server.pid if whom == "server" else master_of(site), signal.SIGKILL)
    until(lambda: not any(alive(pid) for pid in family))
    if whom == "master":
        door.server.process.send_signal(signal.SIGTERM)
    door.server.process.wait(15)
    until(lambda: not list(door.server.temporary.iterdir()))
    request.drop()


def test_service_goes_on_after_kill_9_of_the_master(site):
    script = site.script(SCRIPT)
    assert ask(site, script, "before") == 200
    os.kill(master_of(site), signal.SIGKILL)
    until(lambda: ask(site, script, "after") == 200)


def test_shutdown_lets_running_requests_finish(home):
    door = Serve("fork", home / "shutdown", WORKERS)
    site = Site(door, "shutdown")
    script = site.script("import time; print('begun', flush=True); time.sleep(0.5); print('finished')")
    requests = [site.open("GET", script) for _ in range(4)]
    for request in requests[:2]:
        request.wait_for(b"begun")
    door.server.process.send_signal(signal.SIGTERM)
    pages = [request.finish() for request in requests[:2]]
    assert [page.body for page in pages] == [b"begun\nfinished\n"] * 2
    assert all(page.whole for page in pages)
    site.close()
    assert door.server.stop() in (0, 128 + signal.SIGTERM)
