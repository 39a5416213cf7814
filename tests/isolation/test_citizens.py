"""Whatever a script leaves behind, the next one finds the world of a new process.

After each citizen the probe's facts are those that it tells under the `cgi` runner, and the process is the
same as before or another, as the citizen says.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable

import pytest

from tests.isolation.pool import Pool
from tests.isolation.table import CITIZENS, EACH, Citizen

pytestmark = pytest.mark.xdist_group("isolation")
ABLE = [citizen for citizen in CITIZENS if citizen.can_run]
BATCHES = [ABLE[start : start + 10] for start in range(0, len(ABLE), 10)]


def differences(fresh: list[str], found: list[str]) -> str:
    """The first lines that differ."""
    if fresh == found:
        return ""
    lines = list(difflib.unified_diff(fresh, found, "fresh process", "here", n=0, lineterm=""))
    return "\n".join(line[:300] for line in lines[:40])


@pytest.fixture(scope="module")
def pool(start: Callable[..., Pool]) -> Pool:
    return start()


@pytest.fixture(scope="module")
def remembering(start: Callable[..., Pool]) -> Pool:
    return start("memory")


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


@pytest.mark.parametrize("batch", BATCHES, ids=lambda batch: f"{batch[0].name}-{batch[-1].name}")
def test_memory_is_as_before_all_of_them(remembering: Pool, fresh: list[str], batch: list[Citizen]) -> None:
    pages = [remembering.ask(citizen.name) for citizen in batch]
    if differences(fresh, remembering.facts()):
        for citizen in batch:
            remembering.ask(citizen.name)
            assert not differences(fresh, remembering.facts()), citizen.name
        pytest.fail("after all of them together something is left")
    for citizen, page in zip(batch, pages, strict=True):
        if not citizen.spent:
            assert f"is replaced after {remembering.path(citizen.name)}" not in remembering.log()
        assert remembering.ask(citizen.name).raw == page.raw, f"{citizen.name}, the second time"


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
