"""Doors with recording on; the recordings are in `home`/recordings of each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.conftest import pytest_configure  # noqa: F401  (the marks of its cases)
from tests.harness.doors import CONFIGURATION, Door, Scgi, Serve

RECORDED = [(Serve, "fork"), (Serve, "cgi"), (Scgi, "cgihandler")]


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(kind, marks=pytest.mark.xdist_group("recorded"), id=f"{kind[0].name}-{kind[1]}")
        for kind in RECORDED
    ],
)
def door(request: pytest.FixtureRequest, home: Path) -> Iterator[Door]:
    kind, runner = request.param
    place = home / f"recorded-{kind.name}-{runner}"
    door = kind(runner, place, f'record = "{place}/recordings"\n' + CONFIGURATION)
    yield door
    door.stop()
