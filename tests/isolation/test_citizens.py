"""Whatever a script leaves behind, the next one finds the world of a new process.

After each citizen the probe's facts are those that it tells under the `cgi` runner, and the process is the
same as before or another, as the citizen says. The audit names what it left.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable

import pytest

from tests.harness.doors import CONFIGURATION
from tests.harness.processes import until
from tests.isolation.pool import Pool
from tests.isolation.table import CITIZENS, EACH, NAMED, Citizen

pytestmark = pytest.mark.xdist_group("isolation")


def differences(fresh: list[str], found: list[str]) -> str:
    """The first lines that differ."""
    if fresh == found:
        return ""
    lines = list(difflib.unified_diff(fresh, found, "fresh process", "here", n=0, lineterm=""))
    return "\n".join(line[:300] for line in lines[:40])


@pytest.fixture(scope="module")
def pool(start: Callable[..., Pool]) -> Pool:
    return start()


def test_the_probe_leaves_nothing_itself(pool: Pool, fresh: list[str]) -> None:
    for _ in range(3):
        assert not differences(fresh, pool.facts())


@pytest.mark.parametrize("citizen", EACH)
def test_the_next_script_finds_a_new_world(pool: Pool, fresh: list[str], citizen: Citizen) -> None:
    before = pool.worker
    page = pool.ask(citizen.name)
    try:
        assert not differences(fresh, pool.facts())
    except BaseException:
        pool.renew()  # the next citizen is not to blame
        raise
    assert (pool.worker != before) is citizen.spent
    assert pool.ask(citizen.name).raw == page.raw, "the second time"


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


@pytest.fixture(scope="module")
def audited(start: Callable[..., Pool]) -> Pool:
    return start(configuration="audit = true\n" + CONFIGURATION)


def findings(log: str) -> list[str]:
    return [
        line.partition("cgicompat: audit: ")[2] for line in log.splitlines() if "cgicompat: audit: " in line
    ]


@pytest.mark.parametrize("citizen", NAMED)
def test_the_audit_names_it(audited: Pool, citizen: Citizen) -> None:
    start = len(audited.log())
    audited.ask(citizen.name)
    _ = audited.worker  # which answers when all has been said

    def found() -> bool:
        return any(map(citizen.is_named_by, findings(audited.log()[start:])))

    try:
        until(found, 0.5)
    except pytest.fail.Exception:
        raise AssertionError(findings(audited.log()[start:])) from None


def test_the_audit_finds_nothing_where_nothing_is_left(audited: Pool) -> None:
    audited.renew()
    start = len(audited.log())
    for _ in range(3):
        _ = audited.worker
    assert findings(audited.log()[start:]) == []
