"""What starting a program for each request costs: an interpreter, bin/cgicompat-cgi with and without a pool
to hand over to, and its brother in C. The pool's own work is not in it."""

from __future__ import annotations

import resource
import subprocess
import time
from pathlib import Path

import pytest

from cgicompat import config
from cgicompat.pool import Pool
from tests.bench.micro.hello import ENVIRON, HELLO
from tests.bench.race.measure import environment
from tests.harness import clients
from tests.harness.processes import host_environ


def cpu() -> float:
    """Of this process and of those that it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    directory = tmp_path_factory.mktemp("site")
    (directory / "cgi-bin").mkdir()
    (directory / "cgi-bin/hello.py").write_text(HELLO)
    return directory


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The interpreter without whatever is done at its start where we run."""
    return environment(tmp_path_factory.mktemp("bare"))[0] / "python3"


@pytest.fixture(scope="module")
def pool(directory):
    pool = Pool(config.load(str(directory), {"runner": "cgihandler"}))
    yield {"CGICOMPAT_SOCKET": pool.address}
    pool.close()


@pytest.fixture
def start(benchmark, directory):
    def start(*command: str | Path, **env: str) -> None:
        script = str(directory / "cgi-bin/hello.py")
        env = {**host_environ(PYTHONPATH=""), **ENVIRON, "SCRIPT_FILENAME": script, **env}
        page = benchmark.pedantic(
            subprocess.check_output, ([*command, script],), {"env": env, "cwd": directory}, rounds=50
        )
        assert page.endswith(b"\n\nhello\n")

    return start


pytestmark = pytest.mark.benchmark(group="start of a program for one request", timer=cpu)


def test_bare_Python_that_runs_hello(start, python):
    start(python)


def test_client_in_Python_that_runs_hello(start, python):
    start(python, clients.PYTHON)


def test_client_in_Python_that_hands_over_to_a_pool(start, python, pool):
    start(python, clients.PYTHON, **pool)


def test_client_in_Python_alone_that_hands_over_to_a_pool(start, pool):
    start(clients.alone(), **pool)


def test_client_in_C_that_hands_over_to_a_pool(start, pool, tmp_path):
    clients.compiler()
    program = tmp_path / "cgicompat-cgi"
    clients.make(program, CFLAGS="-O2").check_returncode()
    start(program, **pool)
