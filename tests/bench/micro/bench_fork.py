"""What a child of the master costs, its end included, by how much the master has in memory."""

from __future__ import annotations

import pytest

from tests.bench.micro.elsewhere import CLOCK


@pytest.mark.benchmark(group="fork by heap size", timer=CLOCK)
@pytest.mark.parametrize(
    ("megabytes", "task"),
    [
        pytest.param(megabytes, task, id=f"{megabytes} MB of objects, a child that {does}")
        for megabytes in (0, 50, 150)
        for task, does in (("nothing", "ends at once"), ("hello", "runs hello"))
    ],
)
def test_fork(megabytes, task, benchmark, process):
    if not benchmark.enabled:
        megabytes = 0  # nothing is timed
    process("heap.py", BALLAST=str(megabytes)).measure(benchmark, 100, task)
