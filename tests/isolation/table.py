"""The citizens: scripts in citizens/ that each leave one thing behind in the process that runs them.

Each says in its first lines what that is, and what shall become of it:

    # Pages that print a < b.                   what it does
    # PUT BACK (from 3.12): builtins, print     or SPENT; a condition, if any; what the audit's line must name

PUT BACK: the process serves on, as if the script had never run. SPENT: it is replaced. Where no word follows,
nothing is left when the script has ended, and the audit need not speak of it. The statements that do it end
with the comment `# here`, if the audit can know the place, or `# here from 3.12`, if only dict watchers can.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from cgicompat.guards.change import PUT_BACK, SPENT

FOLDER = Path(__file__).parent / "citizens"
PROBE = Path(__file__).with_name("probe.py")


def _met(condition: str) -> bool:
    if condition.startswith("from 3."):
        return sys.version_info >= (3, int(condition.removeprefix("from 3.")))
    return {"": True, "as root": os.getuid() == 0}[condition]


@dataclass(frozen=True)
class Citizen:
    """One script. `lines` are those of its deed, of which the audit must name one; none where it cannot."""

    file: Path
    what: str
    spent: bool
    condition: str
    words: tuple[str, ...]
    lines: tuple[int, ...]

    @property
    def name(self) -> str:
        return self.file.stem

    @property
    def can_run(self) -> bool:
        return _met(self.condition)

    def is_named_by(self, finding: str) -> bool:
        """Whether that line of the audit speaks of it, tells the place, and what became of it."""
        text = finding.lower()
        return (
            all(word.lower() in text for word in self.words)
            and finding.endswith(f": {SPENT if self.spent else PUT_BACK}")
            and (not self.lines or any(f"{self.file.name}:{line}: " in finding for line in self.lines))
        )

    @classmethod
    def read(cls, file: Path) -> Citizen:
        lines = file.read_text().splitlines()
        found = re.fullmatch(r"# (PUT BACK|SPENT)(?: \((.+)\))?(?:: (.+))?", lines[2])
        assert found, f"{file}: its third line does not say what shall become of it"
        places = [
            (number, line.rpartition("  # here")[2])
            for number, line in enumerate(lines, 1)
            if "  # here" in line
        ]
        known = tuple(number for number, condition in places if _met(condition.strip()))
        words = tuple((found[3] or "").split(", ")) if found[3] else ()
        return cls(file, lines[1].removeprefix("# "), found[1] == "SPENT", found[2] or "", words, known)


CITIZENS = [Citizen.read(file) for file in sorted(FOLDER.glob("*.py"))]
ABLE = [citizen for citizen in CITIZENS if citizen.can_run]
_SIZE = 8


def batches(citizens: list[Citizen]) -> list[object]:
    """Several at a time, as a test's parameters: those after which the process serves on, and those after
    which it does not."""
    found = []
    for spent in (False, True):
        alike = [citizen for citizen in citizens if citizen.spent is spent]
        for start in range(0, len(alike), _SIZE):
            batch = alike[start : start + _SIZE]
            found.append(pytest.param(batch, id=f"{batch[0].name}-{batch[-1].name}"))
    return found
