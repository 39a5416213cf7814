"""The audit names each thing that a citizen left, where in its script that was, and what became of it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from cgicompat.guards.change import PUT_BACK, SPENT, WITH_MEMORY
from tests.harness.doors import CONFIGURATION
from tests.harness.processes import until
from tests.isolation.pool import Pool
from tests.isolation.table import ABLE, Citizen, batches

pytestmark = pytest.mark.xdist_group("audit")


@pytest.fixture(scope="module")
def audited(start: Callable[..., Pool]) -> Pool:
    return start(configuration="audit = true\n" + CONFIGURATION)


def findings(log: str, script: str) -> list[str]:
    """What the audit said of a script."""
    found = (re.search(r'/(\w+)\.py "GET .*?": cgicompat: audit: (.*)', line) for line in log.splitlines())
    return [match[2] for match in found if match and match[1] == script]


@pytest.mark.parametrize("batch", batches([citizen for citizen in ABLE if citizen.words]))
def test_the_audit_names_it(audited: Pool, batch: list[Citizen]) -> None:
    _ = audited.worker  # a process grows from its first request on
    for citizen in batch:
        audited.ask(citizen.name)
        if citizen.spent:
            _ = audited.worker

    def missing() -> list[str]:
        log = audited.log()
        return [
            citizen.name
            for citizen in batch
            if not any(map(citizen.is_named_by, findings(log, citizen.name)))
        ]

    try:
        until(lambda: not missing())
    except pytest.fail.Exception:
        raise AssertionError({name: findings(audited.log(), name) for name in missing()}) from None


def test_the_audit_finds_nothing_where_nothing_is_left(audited: Pool) -> None:
    for _ in range(3):
        _ = audited.worker
    assert findings(audited.log(), "pid") == []


def test_what_a_library_registers_at_its_import_stays(start: Callable[..., Pool]) -> None:
    pool = start(configuration="audit = true\n" + CONFIGURATION)
    pool.ask("etree_namespace")  # imports `re`, which registers its patterns in copyreg
    pool.ask("copyreg_pickle")  # names what is kept there
    for _ in range(3):
        _ = pool.worker
    assert findings(pool.log(), "pid") == []


def test_the_audit_says_what_comes_back_with_the_memory(start: Callable[..., Pool]) -> None:
    pool = start("memory", "audit = true\n" + CONFIGURATION)
    for name, fate in (("patch_class", WITH_MEMORY), ("sys_excepthook", PUT_BACK), ("child_running", SPENT)):
        pool.ask(name)
        until(lambda name=name, fate=fate: any(line.endswith(fate) for line in findings(pool.log(), name)))
