"""Real libraries in scripts: the 50th answer of a process is the first one of a new process.

scripts/ has small programs as people write them, which close and reset nothing, and beside them careless ones
that change a library's settings. Each answer is compared with that of the `cgi` runner. A process is kept as
long as its scripts are not careless.
"""

from __future__ import annotations

import functools
import json
import random
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.harness.doors import Door, Scgi, Site
from tests.harness.memory import descriptors
from tests.harness.processes import status, until
from tests.harness.wire import Response

SCRIPTS = Path(__file__).with_name("scripts")
NEEDS = {
    "numpy": "numpy",
    "pillow": "PIL",
    "sqlite": "sqlite3",
    "requests": "requests",
    "urllib3": "urllib3",
    "lxml": "lxml",
    "matplotlib": "matplotlib",
    "jinja": "jinja2",
    "sqlalchemy": "sqlalchemy",
}
ALL = sorted(path.stem for path in SCRIPTS.glob("*.py") if find_spec(NEEDS[path.stem.partition("_")[0]]))
CAREFUL = [name for name in ALL if not name.endswith("_careless")]
# A warm-up fills caches: of code, fonts, compiled statements. Under `fork` only the master could change.
CALLS = {"cgihandler": (10, 50), "fork": (3, 9)}
SLOW = {"matplotlib_chart": (3, 12)}

# Where numpy starts no threads, the master imports it.
CONFIGURATION = """\
workers = 1
env = { OPENBLAS_NUM_THREADS = "1" }
[script."/cgi-bin/libraries/threads_*"]
env = { OPENBLAS_NUM_THREADS = "2" }
"""


class Answering(BaseHTTPRequestHandler):
    """A server that tells what it was asked, and fails twice where it is asked to."""

    failures = 0

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        fails = self.path == "/fails-twice" and Answering.failures < 2
        Answering.failures = Answering.failures + 1 if fails else 0
        answer = json.dumps([self.command, self.path, self.headers["X-Asked-By"], body.decode()]).encode()
        self.send_response_only(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("Set-Cookie", "visited=yes")
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET
    protocol_version = "HTTP/1.1"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=[0.01]).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def put_scripts(door: Door) -> Site:
    """The scripts, saying in a header which process ran them."""
    site = Site(door, "libraries")
    for file in SCRIPTS.iterdir():
        if file.is_file():
            first, rest = file.read_text().split("\n", 1)
            script = file.suffix == ".py"
            site.file(file.name, first + ("\n" + SAYING + rest if script else "\n" + rest), 0o755)
    return site


SAYING = "import os; print('X-Pid:', os.getpid())\n"


@pytest.fixture(scope="module")
def expected(home: Path, port: int) -> Iterator[object]:
    """What a script prints in a process of its own."""
    door = Scgi("cgi", home / "libraries-cgi", CONFIGURATION)
    site = put_scripts(door)

    @functools.cache
    def answer(name: str) -> tuple[int, bytes]:
        page = ask(site, name, port)
        assert page.status == 200, site.log()[-2000:]
        return page.status, page.body

    yield answer
    door.stop()


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(runner, marks=pytest.mark.xdist_group(f"libraries-{runner}"))
        for runner in ("fork", "cgihandler")
    ],
)
def site(request: pytest.FixtureRequest, home: Path) -> Iterator[Site]:
    door = Scgi(request.param, home / f"libraries-{request.param}", CONFIGURATION)
    yield put_scripts(door)
    door.stop()


def ask(site: Site, name: str, port: int) -> Response:
    return site.open("GET", f"{site.path}/{name}.py", query=str(port)).finish(30)  # large ones begin slowly


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", CAREFUL)
def test_the_fiftieth_answer_is_the_first(site, expected, port, name):
    if name in SLOW and not site.door.persistent:
        pytest.skip("it takes long, and is kept by a master like the others")
    warm, calls = SLOW.get(name) or CALLS[site.door.runner]

    def call(count: int) -> int:
        for _ in range(count):
            page = ask(site, name, port)
            assert (page.status, page.body) == expected(name), site.log()[-2000:]
        # What lives on: the worker, or the master of which workers are born.
        return page.pid if site.door.persistent else site.door.server.pid

    def lasts() -> bool:
        """Not yet where the master is still preloading what the script needs."""
        lasting = call(1)
        memory, fds = status(lasting, "VmRSS"), descriptors(lasting)
        same = all(call(1) == lasting for _ in range(calls - warm))
        if not same or not site.door.persistent:
            time.sleep(1)  # the master has more to do than we
        try:
            grown = status(lasting, "VmRSS") >= memory * 1.05 if same else True
            return not grown and (not site.door.persistent or descriptors(lasting) <= fds)
        except FileNotFoundError:  # its end was slow
            return False

    call(warm)
    until(lasts, 90)
    assert "is not preloaded" not in site.log()


def test_in_any_order(site, expected, port):
    order = ALL * 3
    random.Random(1).shuffle(order)
    for before, name in zip(["nothing", *order], order, strict=False):
        page = ask(site, name, port)
        assert (page.status, page.body) == expected(name), f"{name} after {before}:\n{site.log()[-2000:]}"


@pytest.mark.skipif(not find_spec("numpy"), reason="numpy is not installed")
@pytest.mark.parametrize("name", ["single", "threads"])
def test_random_numbers_of_numpy_are_never_predictable(site, name):
    """Not those of a seed in another script, nor the same in all children of one master."""
    show = "import numpy\nprint('Content-Type: text/plain\\n')\n{}\nprint(numpy.random.random())\n"
    numbers = site.file(f"{name}_numbers.py", show.format(""), 0o755)
    seeding = site.file(f"{name}_seeding.py", show.format("numpy.random.seed(1)"), 0o755)
    bodies = []
    for file in (numbers, numbers, seeding, numbers, numbers, seeding, numbers):
        bodies.append(site.get(f"{site.path}/{file.name}").body)
    assert bodies[2] == bodies[5] == b"0.417022004702574\n"
    assert len(set(bodies)) == 6, bodies
    following = {b"0.7203244934421581\n", b"0.00011437481734488664\n"}
    assert not following & set(bodies)
