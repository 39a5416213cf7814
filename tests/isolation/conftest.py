"""Pools that are started once for a module, and what the probe tells in a process started for it alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.doors import CONFIGURATION
from tests.isolation.pool import Pool


@pytest.fixture(scope="module")
def start(home: Path) -> Iterator[Callable[..., Pool]]:
    """Starts pools, which end with the module."""
    pools: list[Pool] = []

    def start(runner: str = "cgihandler", configuration: str = CONFIGURATION) -> Pool:
        pools.append(Pool(runner, home / f"isolation-{len(list(home.iterdir()))}", configuration))
        return pools[-1]

    yield start
    for pool in pools:
        pool.stop()


@pytest.fixture(scope="module")
def fresh(start: Callable[..., Pool]) -> list[str]:
    return start("cgi").facts()
