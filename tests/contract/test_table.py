"""docs/contract.md names what the tests have: every point, and every reason to differ from mod_cgi."""

from __future__ import annotations

import re

import pytest

from tests.contract.table import EVERY, POINTS, cases, differences
from tests.harness.processes import REPOSITORY


@pytest.fixture
def page() -> str:
    return (REPOSITORY / "docs/contract.md").read_text()


def test_every_point_is_asked_where_it_applies():
    asked: dict[int, set[str]] = {number: set() for number in POINTS}
    for case in cases():
        asked[case.point].update(case.doors if case.at_doors else ())
    assert {number: sorted(doors) for number, doors in asked.items()} == {
        number: sorted(point.doors) for number, point in POINTS.items()
    }


def test_the_page_has_every_point(page):
    rows = re.findall(r"^\| (\d+) \| (.*?) \| (.*) \|$", page, re.M)
    assert [(int(number), title) for number, title, _ in rows] == [
        (number, point.title) for number, point in POINTS.items()
    ]
    for number, _, cells in rows:
        filled = {door for door, cell in zip(EVERY, cells.split(" | "), strict=False) if cell.strip()}
        assert filled == set(POINTS[int(number)].doors), f"point {number}"
    assert "failed" not in page


def test_the_page_has_every_reason_to_differ(page):
    assert [line for line in page.splitlines() if re.match(r"- \d+, ", line)] == differences()
