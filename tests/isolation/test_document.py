"""docs/isolation.md has the guards and rows that there are."""

from __future__ import annotations

from cgicompat.guards.__main__ import fill
from tests.harness.processes import REPOSITORY


def test_its_tables_are_made_from_the_guards() -> None:
    text = (REPOSITORY / "docs" / "isolation.md").read_text()
    assert fill(text) == text, "run: python -m cgicompat.guards docs/isolation.md"
    assert "| signals | " in text
    assert "| `warnings` | " in text
