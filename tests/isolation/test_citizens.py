"""Whatever a script leaves behind, the next one finds the world of a new process.

The probe's facts after each citizen are those that it tells under the `cgi` runner; and the process is the
same as before or another, as the citizen says.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable

import pytest

from tests.isolation.conftest import Pool
from tests.isolation.table import CITIZENS, EACH, Citizen

pytestmark = pytest.mark.xdist_group("isolation")

each = pytest.mark.parametrize("citizen", EACH)


def differences(fresh: list[str], found: list[str]) -> str:
    """The first lines that differ."""
    lines = (
        difflib.unified_diff(fresh, found, "fresh process", "here", "", "", 0, "") if fresh != found else ()
    )
    return "\n".join(line[:300] for line in list(lines)[:40])


@pytest.fixture(scope="module")
def pool(start: Callable[..., Pool]) -> Pool:
    return start()


@each
def test_the_next_script_finds_a_new_world(pool: Pool, fresh: list[str], citizen: Citizen) -> None:
    before = pool.worker
    pool.ask(citizen.name)
    try:
        assert not differences(fresh, pool.facts())
    except BaseException:
        pool.renew()  # the next citizen is not to blame
        raise
    assert (pool.worker != before) is citizen.spent


@pytest.fixture(scope="module")
def ignorant(start: Callable[..., Pool]) -> Pool:
    """A pool in which nobody has imported what the probe imports."""
    return start()


def test_all_in_a_row_in_processes_that_know_nothing_yet(ignorant: Pool, fresh: list[str]) -> None:
    """Where citizens are the first to import what they change, nobody has seen how it was before."""
    wrong = []
    for citizen in CITIZENS:
        if citizen.can_run:
            before = ignorant.worker
            ignorant.ask(citizen.name)
            if (ignorant.worker != before) is not citizen.spent:
                wrong.append(citizen.name)
    assert not differences(fresh, ignorant.facts())
    assert not wrong
