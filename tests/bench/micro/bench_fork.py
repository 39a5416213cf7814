"""What a child of the master costs, its end included, by how much the master has in memory."""

from __future__ import annotations

import pytest

from tests.bench.micro.elsewhere import CLOCK


@pytest.mark.benchmark(group="fork by heap size", timer=CLOCK)
@pytest.mark.parametrize(
    ("megabytes", "settled", "task"),
    [
        pytest.param(megabytes, settled, task, id=f"{megabytes} MB {state}, a child that {does}")
        for megabytes in (0, 50, 150)
        for settled, state in ((0, "as they come"), (1, "as the master keeps them"))
        for task, does in (("nothing", "ends at once"), ("hello", "runs hello"))
    ],
)
def test_fork(megabytes, settled, task, benchmark, process):
    if not benchmark.enabled:
        megabytes = 0  # nothing is timed
    process("heap.py", BALLAST=str(megabytes), SETTLED=str(settled)).measure(benchmark, 100, task)
