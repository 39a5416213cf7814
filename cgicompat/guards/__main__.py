"""Write the tables of docs/isolation.md anew: python -m cgicompat.guards docs/isolation.md"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from cgicompat.guards import GUARDS
from cgicompat.guards.library import ROWS


def guards() -> Iterator[str]:
    """What is guarded, one row for each guard."""
    yield "| Guard | What it puts back |"
    yield "|---|---|"
    for guard in GUARDS:
        yield f"| {guard.__name__.lower()} | {' '.join((guard.__doc__ or '').split())} |"


def library() -> Iterator[str]:
    """What modules keep, one row for each module."""
    found: dict[str, list[str]] = {}
    for module, row in ROWS:
        found.setdefault(module, []).append(row.what)
    yield "| Module | Put back |"
    yield "|---|---|"
    for module in sorted(found):
        yield f"| `{module}` | {'; '.join(found[module])} |"


def fill(text: str) -> str:
    """`text` with its tables made anew."""
    for name, table in (("guards", guards), ("library", library)):
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        text = re.sub(f"{begin}.*?{end}", lambda _: begin + "\n".join(table()) + "\n" + end, text, flags=re.S)  # noqa: B023
    return text


if __name__ == "__main__":
    document = Path(sys.argv[1])
    document.write_text(fill(document.read_text()))
