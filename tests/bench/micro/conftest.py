"""pytest-benchmark as it is used here: what it shows is CPU time, under names of plain words."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.bench.micro.elsewhere import Process


@pytest.fixture
def benchmark(benchmark: BenchmarkFixture, request: pytest.FixtureRequest) -> BenchmarkFixture:
    """The one of pytest-benchmark; a benchmark is called by its parameter, or else by its function's name."""
    benchmark.name = benchmark.param or request.node.name.removeprefix("test_").replace("_", " ")
    return benchmark


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Process]]:
    """Starts a program, or gives the one that runs already with this environment."""
    running: dict[object, Process] = {}

    def start(program: str, **env: str) -> Process:
        key = program, *env.values()
        if key not in running:
            running[key] = Process(program, tmp_path_factory.mktemp("site"), **env)
        return running[key]

    yield start
    for each in running.values():
        each.close()
