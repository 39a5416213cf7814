"""Whatever a script leaves behind, the next one finds the world of a new process.

After each citizen the probe's facts are those that it tells under the `cgi` runner, and the process is the
same as before or another, as the citizen says.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable

import pytest

from tests.isolation.pool import Pool
from tests.isolation.table import ABLE, Citizen, batches

pytestmark = pytest.mark.xdist_group("isolation")


def differences(fresh: list[str], found: list[str]) -> str:
    """The first lines that differ."""
    if fresh == found:
        return ""
    lines = list(difflib.unified_diff(fresh, found, "fresh process", "here", n=0, lineterm=""))
    return "\n".join(line[:300] for line in lines[:40])


@pytest.fixture(scope="module", params=["cgihandler", "memory"])
def pool(start: Callable[..., Pool], request: pytest.FixtureRequest) -> Pool:
    return start(request.param)


def test_the_probe_leaves_nothing_itself(pool: Pool, fresh: list[str]) -> None:
    for _ in range(3):
        assert not differences(fresh, pool.facts())


@pytest.mark.parametrize("batch", batches(ABLE))
def test_the_next_script_finds_a_new_world(pool: Pool, fresh: list[str], batch: list[Citizen]) -> None:
    pages, others = [], []
    for citizen in batch:
        before = pool.worker
        pages.append(pool.ask(citizen.name))
        if (pool.worker != before) is not citizen.spent:
            others.append(citizen.name)
    if differences(fresh, pool.facts()):  # who was it?
        for citizen in batch:
            pool.renew()
            pool.ask(citizen.name)
            assert not differences(fresh, pool.facts()), citizen.name
        pytest.fail("after all of them together something is left")
    if pool.put_back == "guards":
        assert not others
    for citizen, page in zip(batch, pages, strict=True):
        if pool.put_back == "memory" and not citizen.spent:
            assert f"is replaced after {pool.path(citizen.name)}" not in pool.log()
        assert pool.ask(citizen.name).raw == page.raw, f"{citizen.name}, the second time"


@pytest.fixture(scope="module")
def ignorant(start: Callable[..., Pool]) -> Pool:
    """A pool in which nobody has imported what the probe imports."""
    return start()


@pytest.mark.parametrize("value", ["None", "types.ModuleType('gap')"])
def test_a_library_that_was_built_upon_a_gap_does_not_stay(start: Callable[..., Pool], value: str) -> None:
    pool = start()  # nobody has imported zipfile, which does without bz2 if it must
    folder = pool.root / "cgi-bin" / "citizens"
    show = "import zipfile\nprint('Content-Type: text/plain\\n')\nprint(zipfile.bz2.__doc__)\n"
    (folder / "without.py").write_text(f"import sys, types\nsys.modules['bz2'] = {value}\n{show}")
    (folder / "with.py").write_text(show)
    expected = pool.ask("with").body
    pool.stop()
    pool.start()
    assert pool.ask("without").body != expected
    assert pool.ask("with").body == expected


def test_all_in_a_row_in_processes_that_know_nothing_yet(ignorant: Pool, fresh: list[str]) -> None:
    """Where citizens are the first to import what they change, nobody has seen how it was before."""
    wrong = []
    for citizen in ABLE:
        before = ignorant.worker
        ignorant.ask(citizen.name)
        if (ignorant.worker != before) is not citizen.spent:
            wrong.append(citizen.name)
    assert not differences(fresh, ignorant.facts())
    assert not wrong
