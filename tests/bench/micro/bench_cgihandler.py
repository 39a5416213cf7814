"""What a run of hello costs under `cgihandler` beside the script's own code."""

from __future__ import annotations

import pytest

from tests.bench.micro.elsewhere import CLOCK
from tests.bench.micro.worker import GUARD, RUN, SHARED

# What a pool has loaded whose other scripts are ordinary ones.
MODULES = (
    "datetime decimal email.message email.utils hashlib html http.cookies json logging random re sqlite3 "
    "urllib.parse urllib.request uuid xml.etree.ElementTree"
)
GUARDS = {
    step: [name for name, (_, own) in GUARD.items() if own == step] for step in ("save", "begin", "restore")
}


def pieces(group, names):
    """Decorates a benchmark for each of the names."""

    def decorate(function):
        marked = pytest.mark.benchmark(group=group, timer=CLOCK)(function)
        return pytest.mark.parametrize("piece", names, ids=str)(marked)

    return decorate


@pieces("cgihandler: piece by piece", RUN)
def test_piece(piece, benchmark, process):
    process("worker.py", MODULES="").measure(benchmark, 1000, piece)


@pytest.mark.benchmark(group="cgihandler: piece by piece", timer=CLOCK)
def test_the_whole_run_beside_modules_of_other_scripts(benchmark, process):
    process("worker.py", MODULES=MODULES).measure(benchmark, 1000, "the whole run")


@pieces("cgihandler: guards, for each run", GUARDS["begin"] + GUARDS["restore"])
def test_guard(piece, benchmark, process):
    process("worker.py", MODULES=MODULES).measure(benchmark, 1000, piece)


@pieces("cgihandler: what guards share", SHARED)
def test_shared(piece, benchmark, process):
    process("worker.py", MODULES=MODULES).measure(benchmark, 100, piece)


@pieces("cgihandler: guards, once in a process", GUARDS["save"])
def test_guard_once(piece, benchmark, process):
    process("worker.py", MODULES=MODULES).measure(benchmark, 20, piece)
