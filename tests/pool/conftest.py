"""Pools that end with their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.pool.running import RunningPool


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("p")


@pytest.fixture
def start(home: Path) -> Iterator[Callable[..., RunningPool]]:
    pools: list[RunningPool] = []

    def start(*flags: str, **env: str) -> RunningPool:
        pools.append(RunningPool(home, *flags, **env))
        return pools[-1]

    yield start
    for pool in pools:
        pool.server.process.kill()
        pool.server.process.wait()
