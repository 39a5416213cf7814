"""Pools whose memory is put back, which end with their module."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.pool.running import RunningPool


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., RunningPool]]:
    """Starts pools, by default of cgihandler, which puts memory back."""
    pools: list[RunningPool] = []

    def start(*flags: str, **options: object) -> RunningPool:
        if "--runner" not in flags:
            flags = "--runner", "cgihandler", *flags
        pools.append(RunningPool(tmp_path_factory.mktemp("p"), *flags, **options))
        return pools[-1]

    yield start
    for pool in pools:
        pool.server.process.kill()
        pool.server.process.wait()
